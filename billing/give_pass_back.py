"""Give a pass back before its days are over: 청약철회 and 중도해지, as for subscriptions.

What the page showed is a quote; where it is not true any more nothing moves.
"""

from datetime import datetime

from billing import BillingError
from billing.leave import END_REASONS, RefundQuoteExpired, is_still, work_out_refund
from billing.refund import begin_refund
from models import AuditEntry, Notice, PassOrder, Quote, Refund, db
from models.notice import NoticeKind
from models.subscription import EndReason
from rules.refunds import RefundTerms
from rules.wording import N_


class NothingToGiveBack(BillingError):
    """No days of this pass are left, or a refund of it is under way."""

    user_message = N_("지금은 이 이용권을 환불할 수 없어요. 이용권의 상태를 확인해 주세요.")


def can_give_back(order: PassOrder, *, now: datetime) -> bool:
    """Test whether this pass can be given back: it is paid for and its days are not over."""
    payment = order.payment
    return (
        order.is_paid
        and not order.is_over(now)
        and payment is not None
        and payment.refund_in_flight is None
    )


def quote_pass_refund(
    *, order_id: str, terms: RefundTerms, now: datetime, by_merchant: bool = False
) -> Quote | None:
    """Store what comes back of a pass to whom gives it back now; None where it cannot be."""
    order = db.session.get_one(PassOrder, order_id)
    if not can_give_back(order, now=now) or order.payment is None:
        return None
    settlement = work_out_refund(order.payment, terms=terms, now=now, by_merchant=by_merchant)
    quote = Quote.refund(
        order.payment,
        plan=order.plan,
        period=order.period,
        won=settlement.won,
        cause=settlement.cause,
        lines=settlement.lines,
        now=now,
    )
    db.session.commit()
    return quote


def give_pass_back(
    *,
    order_id: str,
    quote_id: int,
    actor_id: int,
    terms: RefundTerms,
    now: datetime,
    reason: str | None = None,
) -> int | None:
    """End a pass for the amount that was quoted; return the refund's id, None where none is owed.

    `reason` is the merchant's, where it was the merchant who ended it. The end and the refund are
    one commit; `billing.refund.give_back` asks Toss afterwards.

    :raises NothingToGiveBack: its days are over, or a refund of it is under way.
    :raises RefundQuoteExpired: the quote is too old, or another amount is due now.
    """
    order = PassOrder.locked(order_id)
    if not can_give_back(order, now=now) or order.payment is None:
        db.session.rollback()
        raise NothingToGiveBack
    settlement = work_out_refund(
        order.payment, terms=terms, now=now, by_merchant=reason is not None
    )
    quote = Quote.of_user(order.user_id, quote_id)
    if quote is None or not quote.is_open(now) or not is_still(quote, settlement):
        db.session.rollback()
        raise RefundQuoteExpired
    refund = begin_refund(
        order.payment, won=settlement.won, cause=settlement.cause, quote=quote, now=now
    )
    end_pass(
        order,
        END_REASONS[settlement.cause],
        refund=refund,
        actor_id=actor_id,
        reason=reason,
        now=now,
    )
    db.session.commit()
    return refund.id if refund else None


def end_pass(
    order: PassOrder,
    end_reason: EndReason,
    *,
    refund: Refund | None,
    actor_id: int | None,
    reason: str | None,
    now: datetime,
) -> None:
    """Close a locked pass, and owe its customer the mail about it, in the caller's commit."""
    order.end(end_reason, now=now)
    Notice.owe(
        NoticeKind.PASS_ENDED,
        cause=f"pass_ended:{order.id}",
        user_id=order.user_id,
        facts={"pass_order_id": order.id, "refund_id": refund.id if refund else None},
        now=now,
    )
    AuditEntry.write(
        f"pass.{end_reason}",
        subject_type="pass_order",
        subject_id=order.id,
        actor_id=actor_id,
        facts={"refund_won": refund.amount_won if refund else 0}
        | ({"reason": reason} if reason else {}),
        now=now,
    )
