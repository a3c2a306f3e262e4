"""Go on after the merchant has looked at an order that was set aside."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from billing import BillingError
from billing.collect import locked_attempt
from models import AuditEntry, Invoice, PaymentAttempt, db
from models.invoice import InvoiceStatus
from rules.collection_terms import CollectionTerms


class Decision(StrEnum):
    """What the merchant found in Toss's back office, and wants.

    `charge_again`: no money moved, or all of it was given back there. `waive`: the period is the
    customer's without another charge.
    """

    CHARGE_AGAIN = "charge-again"
    WAIVE = "waive"


class NotSetAside(BillingError):
    """No invoice of this order waits for the merchant."""

    user_message = "처리할 주문이 없어요."


def resolve(
    *,
    order_id: str,
    decision: Decision,
    terms: CollectionTerms,
    now: datetime,
    actor_id: int | None = None,
) -> Invoice:
    """Settle a set-aside invoice as the merchant decided; what runs goes on running.

    :raises NotSetAside: there is no such order, or nothing about it is undecided.
    """
    attempt_id = db.session.scalar(select(PaymentAttempt.id).filter_by(order_id=order_id))
    if attempt_id is None:
        raise NotSetAside("no such order")
    attempt = locked_attempt(attempt_id)
    invoice = attempt.invoice
    subscription = invoice.subscription
    if invoice.status is not InvoiceStatus.SET_ASIDE or not subscription.is_held:
        db.session.rollback()
        raise NotSetAside("nothing about it waits for a decision")
    for other in invoice.attempts:
        if other.is_set_aside:
            other.give_up(now=now)
    if decision is Decision.CHARGE_AGAIN:
        invoice.reopen()
        subscription.release(charge_on=terms.charging_day(now))
    else:
        invoice.waive()
        subscription.renew(invoice.period_no, invoice.period)
    AuditEntry.write(
        f"order.{decision}",
        subject_type="subscription",
        subject_id=subscription.id,
        actor_id=actor_id,
        facts={"order_id": order_id},
        now=now,
    )
    db.session.commit()
    return invoice
