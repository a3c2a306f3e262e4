"""End a subscription at once and give back what it did not use: 중도해지 and 청약철회.

Within the days of withdrawal an unused payment comes back whole, a used one without its used days;
afterwards the unused days come back, less the penalty of the shop's terms (전자상거래법 17, 18조).
What the page showed is a quote; where it is not true any more nothing moves.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from billing import BillingError
from billing.refund import begin_refund
from models import AuditEntry, Notice, Payment, Quote, Refund, Subscription, db
from models.notice import NoticeKind
from models.quote import line
from models.refund import RefundCause
from models.subscription import EndReason
from rules import refunds
from rules.periods import seoul_date
from rules.refunds import RefundKind, RefundTerms
from rules.wording import N_

_CAUSES = {
    RefundKind.WITHDRAWAL: RefundCause.WITHDRAWAL,
    RefundKind.TERMINATION: RefundCause.TERMINATION,
}
END_REASONS = {
    RefundCause.WITHDRAWAL: EndReason.WITHDRAWN,
    RefundCause.TERMINATION: EndReason.TERMINATED,
    RefundCause.MERCHANT: EndReason.BY_MERCHANT,
}


class NothingToLeave(BillingError):
    """No period that was paid for runs now, or a payment is under way."""

    user_message = N_("지금은 바로 해지할 수 없어요. 내 구독에서 상태를 확인해 주세요.")


class RefundQuoteExpired(BillingError):
    """What comes back is another amount than the page showed; nothing moved."""

    user_message = N_("돌려받을 금액을 새로 계산했어요. 다시 확인해 주세요.")


@dataclass(frozen=True)
class Settlement:
    """What comes back of a payment today, and the lines that say why."""

    payment: Payment
    cause: RefundCause
    won: int
    lines: list[dict[str, Any]]


def quote_leaving(
    *, subscription_id: int, terms: RefundTerms, now: datetime, by_merchant: bool = False
) -> Quote | None:
    """Store what comes back to whom leaves today; None where nothing that was paid for runs.

    Whom the merchant sends away pays no penalty.
    """
    subscription = db.session.get_one(Subscription, subscription_id)
    settlement = _settlement(subscription, terms=terms, now=now, by_merchant=by_merchant)
    if settlement is None or not can_leave_now(subscription):
        return None
    assert subscription.paid_period is not None
    quote = Quote.refund(
        settlement.payment,
        plan=subscription.plan,
        period=subscription.paid_period,
        won=settlement.won,
        cause=settlement.cause,
        lines=settlement.lines,
        now=now,
    )
    db.session.commit()
    return quote


def can_leave_now(subscription: Subscription) -> bool:
    """Test whether this subscription can be ended at once: nothing about it is undecided."""
    return subscription.is_active and not subscription.is_held and not subscription.is_collecting


def leave_now(
    *,
    subscription_id: int,
    quote_id: int,
    actor_id: int,
    terms: RefundTerms,
    now: datetime,
    reason: str | None = None,
) -> int | None:
    """End at once for the amount that was quoted; return the refund's id, None where none is owed.

    `reason` is the merchant's, where it was the merchant who ended it.

    The end and the refund are one commit; `billing.refund.give_back` asks Toss afterwards.

    :raises NothingToLeave: nothing that was paid for runs, or a payment is not settled yet.
    :raises RefundQuoteExpired: the quote is too old, or another amount is due now.
    """
    subscription = Subscription.locked(subscription_id)
    settlement = _settlement(subscription, terms=terms, now=now, by_merchant=reason is not None)
    if settlement is None or not can_leave_now(subscription):
        db.session.rollback()
        raise NothingToLeave
    quote = Quote.of_user(subscription.user_id, quote_id)
    if quote is None or not quote.is_open(now) or not is_still(quote, settlement):
        db.session.rollback()
        raise RefundQuoteExpired
    refund = begin_refund(
        settlement.payment, won=settlement.won, cause=settlement.cause, quote=quote, now=now
    )
    end_at_once(
        subscription,
        END_REASONS[settlement.cause],
        refund=refund,
        actor_id=actor_id,
        reason=reason,
        now=now,
    )
    db.session.commit()
    return refund.id if refund else None


def end_unpaid(*, subscription_id: int, actor_id: int, reason: str, now: datetime) -> None:
    """End at once a subscription of which nothing comes back, in the merchant's name.

    :raises NothingToLeave: it has ended, a payment is not settled yet, or a period that was paid
        for runs: `leave_now` gives back what is left of it.
    """
    subscription = Subscription.locked(subscription_id)
    is_paid = can_leave_now(subscription) and subscription.current_payment is not None
    if subscription.is_ended or subscription.is_held or subscription.is_collecting or is_paid:
        db.session.rollback()
        raise NothingToLeave
    end_at_once(
        subscription,
        EndReason.BY_MERCHANT,
        refund=None,
        actor_id=actor_id,
        reason=reason,
        now=now,
    )
    db.session.commit()


def _settlement(
    subscription: Subscription, *, terms: RefundTerms, now: datetime, by_merchant: bool
) -> Settlement | None:
    payment = subscription.current_payment
    if payment is None or subscription.paid_period is None:
        return None
    return work_out_refund(payment, terms=terms, now=now, by_merchant=by_merchant)


def work_out_refund(
    payment: Payment, *, terms: RefundTerms, now: datetime, by_merchant: bool
) -> Settlement:
    """Return what comes back of a payment for a period or for a pass to whom leaves now."""
    worked_out = refunds.refund(
        amount_won=payment.amount_won,
        period=payment.period,
        requested_on=seoul_date(now),
        was_used=payment.used_at is not None,
        terms=replace(terms, penalty_percent=0) if by_merchant else terms,
        paid_on=seoul_date(payment.approved_at),
        noticed_on=seoul_date(_noticed_at(payment, now)),
        balance_won=payment.refundable_won,
    )
    cause = RefundCause.MERCHANT if by_merchant else _CAUSES[worked_out.kind]
    return Settlement(payment, cause, worked_out.won, _lines(payment, worked_out))


def _noticed_at(payment: Payment, now: datetime) -> datetime:
    """Return when the customer was sent what was agreed; as long as that waits, it is now."""
    invoice = payment.invoice
    if invoice is None:
        notice = Notice.with_cause(f"pass_paid:{payment.pass_order_id}")
    else:
        notice = Notice.with_cause(f"contract:{invoice.subscription_id}:{invoice.term_no}")
    if notice is None or (invoice is not None and invoice.period_no > 1):
        return payment.approved_at
    return notice.sent_at or now


def _lines(payment: Payment, worked_out: refunds.Refund) -> list[dict[str, Any]]:
    lines = [line(N_("결제한 금액"), payment.amount_won)]
    if payment.refunded_won:
        lines.append(line(N_("이미 환불한 금액"), -payment.refunded_won))
    rest = payment.refundable_won - worked_out.won
    facts = {"used": worked_out.used_days, "total": worked_out.total_days}
    if rest and worked_out.penalty_percent:
        facts["percent"] = worked_out.penalty_percent
        text = N_("이용한 %(used)d일(전체 %(total)d일)과 위약금 %(percent)d%%")
        lines.append(line(text, -rest, facts=facts))
    elif rest:
        text = N_("이용한 %(used)d일(전체 %(total)d일)")
        lines.append(line(text, -rest, facts=facts))
    return lines


def is_still(quote: Quote, settlement: Settlement) -> bool:
    """Test whether what comes back is what a page showed."""
    return (quote.payment_id, quote.refund_won, quote.refund_cause) == (
        settlement.payment.id,
        settlement.won,
        settlement.cause,
    )


def end_at_once(
    subscription: Subscription,
    end_reason: EndReason,
    *,
    refund: Refund | None,
    actor_id: int,
    reason: str | None,
    now: datetime,
) -> None:
    """Close a locked subscription and its card, and owe its customer the mail about it."""
    if subscription.open_invoice is not None:
        subscription.open_invoice.void()
    subscription.end(end_reason, now=now)
    subscription.billing_key.begin_revocation()
    Notice.owe(
        NoticeKind.ENDED,
        cause=f"ended:{subscription.id}",
        user_id=subscription.user_id,
        facts={
            "subscription_id": subscription.id,
            "refund_id": refund.id if refund else None,
        },
        now=now,
    )
    AuditEntry.write(
        f"subscription.{subscription.end_reason}",
        subject_type="subscription",
        subject_id=subscription.id,
        actor_id=actor_id,
        facts={"refund_won": refund.amount_won if refund else 0}
        | ({"reason": reason} if reason else {}),
        now=now,
    )
