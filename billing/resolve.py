"""Go on after the merchant has looked at an order that was set aside."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from billing import BillingError
from billing.agree_to_price import take_price_back
from billing.collect import drop_plan_change, locked_attempt, settle
from gateways.payment import OutcomeUnknown, PaymentAnswer, PaymentGateway
from models import AuditEntry, PaymentAttempt, db
from models.checkout import FailureKind
from models.invoice import InvoiceStatus
from rules.collection_terms import CollectionTerms


class Decision(StrEnum):
    """What the merchant wants where Toss holds no money of the order.

    `charge_again`: the period is still to be paid. `waive`: the customer keeps it without another
    charge.
    """

    CHARGE_AGAIN = "charge-again"
    WAIVE = "waive"


class NotSetAside(BillingError):
    """No invoice of this order waits for the merchant."""

    user_message = "처리할 주문이 없어요."


class MoneyIsHeld(BillingError):
    """Toss holds money of this order, and not what was asked for: charging again would be twice."""

    user_message = "토스페이먼츠에 이 주문의 결제가 남아 있어요. 먼저 취소해 주세요."


def resolve(
    *,
    order_id: str,
    decision: Decision,
    gateway: PaymentGateway,
    terms: CollectionTerms,
    now: datetime,
    actor_id: int | None = None,
    reason: str | None = None,
) -> None:
    """Settle a set-aside order: Toss is asked first, and its money is never charged again.

    Where Toss holds just what was asked for, the order is booked as paid, whatever the decision.

    :raises NotSetAside: there is no such order, or nothing about it is undecided.
    :raises MoneyIsHeld: cancel it in Toss's back office first, then decide.
    :raises PaymentGatewayError: Toss did not answer; nothing was changed.
    """
    attempt_id = db.session.scalar(select(PaymentAttempt.id).filter_by(order_id=order_id))
    if attempt_id is None:
        raise NotSetAside("no such order")
    db.session.rollback()
    found = gateway.find_order(order_id)
    attempt = locked_attempt(attempt_id)
    invoice = attempt.invoice
    subscription = invoice.subscription
    if invoice.status is not InvoiceStatus.SET_ASIDE or not subscription.is_held:
        db.session.rollback()
        raise NotSetAside("nothing about it waits for a decision")
    if found is not None and found.held_won and not attempt.is_set_aside:
        db.session.rollback()
        raise MoneyIsHeld(f"Toss holds {found.held_won} won of an order that it refused")
    AuditEntry.write(
        f"order.{decision}",
        subject_type="subscription",
        subject_id=subscription.id,
        actor_id=actor_id,
        facts={"order_id": order_id} | ({"reason": reason} if reason else {}),
        now=now,
    )
    if found is not None and found.held_won:
        _book(attempt, found, gateway=gateway, terms=terms, now=now)
        return
    if attempt.is_set_aside:
        attempt.give_up(now=now)
    if invoice.is_plan_change and decision is Decision.WAIVE:
        drop_plan_change(invoice, FailureKind.MERCHANT, None, now=now)
    elif decision is Decision.CHARGE_AGAIN:
        invoice.reopen()
        subscription.release(charge_on=terms.charging_day(now))
    else:
        invoice.waive()
        subscription.renew(invoice.period_no, invoice.period)
        take_price_back(invoice, now=now)
    db.session.commit()


def _book(
    attempt: PaymentAttempt,
    found: PaymentAnswer,
    *,
    gateway: PaymentGateway,
    terms: CollectionTerms,
    now: datetime,
) -> None:
    attempt_id, invoice = attempt.id, attempt.invoice
    attempt.take_up_again(now=now)
    invoice.reopen()
    invoice.subscription.release(charge_on=None)
    db.session.commit()
    try:
        settle(attempt_id=attempt_id, answer=found, gateway=gateway, terms=terms, now=now)
    except OutcomeUnknown:
        raise MoneyIsHeld(
            f"Toss holds {found.held_won} won of it: cancel that in Toss's back office first"
        ) from None
