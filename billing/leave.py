"""End a subscription at once and give back what it did not use: 중도해지 and 청약철회.

Within the days of withdrawal an unused payment comes back whole, a used one without its used days;
afterwards the unused days come back, less the penalty of the shop's terms (전자상거래법 17, 18조).
What the page showed is a quote; where it is not true any more nothing moves.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing import BillingError
from billing.refund import begin_refund
from models import AuditEntry, Notice, Payment, Quote, Refund, Subscription, db
from models.notice import NoticeKind
from models.refund import RefundCause
from models.subscription import EndReason
from rules import refunds
from rules.periods import seoul_date
from rules.refunds import RefundKind, RefundTerms

_CAUSES = {
    RefundKind.WITHDRAWAL: RefundCause.WITHDRAWAL,
    RefundKind.TERMINATION: RefundCause.TERMINATION,
}
_END_REASONS = {
    RefundCause.WITHDRAWAL: EndReason.WITHDRAWN,
    RefundCause.TERMINATION: EndReason.TERMINATED,
}


class NothingToLeave(BillingError):
    """No period that was paid for runs now, or a payment is under way."""

    user_message = "지금은 바로 해지할 수 없어요. 내 구독에서 상태를 확인해 주세요."


class RefundQuoteExpired(BillingError):
    """What comes back is another amount than the page showed; nothing moved."""

    user_message = "돌려받을 금액을 새로 계산했어요. 다시 확인해 주세요."


@dataclass(frozen=True)
class _Settlement:
    """What comes back of the current payment today, and the lines that say why."""

    payment: Payment
    cause: RefundCause
    won: int
    lines: list[dict[str, Any]]


def quote_leaving(*, subscription_id: int, terms: RefundTerms, now: datetime) -> Quote | None:
    """Store what comes back to whom leaves today; None where nothing that was paid for runs."""
    subscription = db.session.get_one(Subscription, subscription_id)
    settlement = _settlement(subscription, terms=terms, now=now)
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
) -> int | None:
    """End at once for the amount that was quoted; return the refund's id, None where none is owed.

    The end and the refund are one commit; `billing.refund.give_back` asks Toss afterwards.

    :raises NothingToLeave: nothing that was paid for runs, or a payment is not settled yet.
    :raises RefundQuoteExpired: the quote is too old, or another amount is due now.
    """
    subscription = Subscription.locked(subscription_id)
    settlement = _settlement(subscription, terms=terms, now=now)
    if settlement is None or not can_leave_now(subscription):
        db.session.rollback()
        raise NothingToLeave
    quote = Quote.of_user(subscription.user_id, quote_id)
    if quote is None or not quote.is_open(now) or not _is_still(quote, settlement):
        db.session.rollback()
        raise RefundQuoteExpired
    refund = begin_refund(
        settlement.payment, won=settlement.won, cause=settlement.cause, quote=quote, now=now
    )
    _end(subscription, settlement.cause, refund, actor_id=actor_id, now=now)
    db.session.commit()
    return refund.id if refund else None


def _settlement(
    subscription: Subscription, *, terms: RefundTerms, now: datetime
) -> _Settlement | None:
    payment, period = subscription.current_payment, subscription.paid_period
    if payment is None or period is None:
        return None
    invoice = payment.invoice
    worked_out = refunds.refund(
        amount_won=payment.amount_won,
        period=invoice.period,
        requested_on=seoul_date(now),
        was_used=payment.used_at is not None,
        terms=terms,
        paid_on=seoul_date(payment.approved_at),
        noticed_on=seoul_date(_noticed_at(payment, now)),
        balance_won=payment.refundable_won,
    )
    return _Settlement(
        payment, _CAUSES[worked_out.kind], worked_out.won, _lines(payment, worked_out)
    )


def _noticed_at(payment: Payment, now: datetime) -> datetime:
    """Return when the customer was sent what was agreed; as long as that waits, it is now."""
    invoice = payment.invoice
    notice = Notice.with_cause(f"contract:{invoice.subscription_id}:{invoice.term_no}")
    if notice is None or invoice.period_no > 1:
        return payment.approved_at
    return notice.sent_at or now


def _lines(payment: Payment, worked_out: refunds.Refund) -> list[dict[str, Any]]:
    lines = [{"name": "결제한 금액", "won": payment.amount_won}]
    if payment.refunded_won:
        lines.append({"name": "이미 환불한 금액", "won": -payment.refunded_won})
    rest = payment.refundable_won - worked_out.won
    if rest and worked_out.penalty_percent:
        name = (
            f"이용한 {worked_out.used_days}일(전체 {worked_out.total_days}일)과"
            f" 위약금 {worked_out.penalty_percent}%"
        )
        lines.append({"name": name, "won": -rest})
    elif rest:
        name = f"이용한 {worked_out.used_days}일(전체 {worked_out.total_days}일)"
        lines.append({"name": name, "won": -rest})
    return lines


def _is_still(quote: Quote, settlement: _Settlement) -> bool:
    return (quote.payment_id, quote.refund_won, quote.refund_cause) == (
        settlement.payment.id,
        settlement.won,
        settlement.cause,
    )


def _end(
    subscription: Subscription,
    cause: RefundCause,
    refund: Refund | None,
    *,
    actor_id: int,
    now: datetime,
) -> None:
    if subscription.open_invoice is not None:
        subscription.open_invoice.void()
    subscription.end(_END_REASONS[cause], now=now)
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
        facts={"refund_won": refund.amount_won if refund else 0},
        now=now,
    )
