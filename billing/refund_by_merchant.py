"""Give money back of the merchant's own accord: any part of a payment, the subscription goes on."""

from datetime import datetime

from sqlalchemy import select

from billing import BillingError
from billing.refund import begin_refund, lock_payment
from models import AuditEntry, Payment, Quote, Refund, db
from models.quote import line
from models.refund import RefundCause
from rules.wording import N_


class NotRefundable(BillingError):
    """The payment does not hold that much, or another refund of it is under way."""

    user_message = "환불할 수 있는 금액이 달라졌어요. 금액을 확인하고 다시 시도해 주세요."


def quote_refund(*, payment_id: int, won: int, now: datetime) -> Quote:
    """Store what the merchant is about to give back of a payment.

    :raises NotRefundable: more than is left, nothing, or another refund is under way.
    """
    payment = db.session.get_one(Payment, payment_id)
    _refuse_unfit(payment, won)
    lines = [line(N_("결제한 금액"), payment.amount_won)]
    if payment.refundable_won != payment.amount_won:
        before = payment.refundable_won - payment.amount_won
        lines.append(line(N_("이미 환불한 금액"), before))
    if rest := payment.refundable_won - won:
        lines.append(line(N_("남겨 두는 금액"), -rest))
    quote = Quote.refund(
        payment,
        plan=payment.plan,
        period=payment.period,
        won=won,
        cause=RefundCause.MERCHANT,
        lines=lines,
        now=now,
    )
    db.session.commit()
    return quote


def refund_quoted(*, quote_id: int, reason: str, actor_id: int, now: datetime) -> int:
    """Owe what the quote says and return the refund's id; asked twice, it is the same refund.

    `billing.refund.give_back` asks Toss afterwards.

    :raises NotRefundable: the quote is too old, or the payment holds another amount by now.
    """
    quote = db.session.get_one(Quote, quote_id)
    if quote.payment_id is None or not quote.is_by_merchant:
        raise NotRefundable
    payment_id = quote.payment_id
    lock_payment(payment_id)
    payment, quote = db.session.get_one(Payment, payment_id), db.session.get_one(Quote, quote_id)
    known = db.session.scalar(select(Refund.id).filter_by(quote_id=quote_id))
    if known is not None:
        db.session.rollback()
        return known
    try:
        if not quote.is_open(now):
            raise NotRefundable
        _refuse_unfit(payment, quote.refund_won)
    except NotRefundable:
        db.session.rollback()
        raise
    refund = begin_refund(
        payment, won=quote.refund_won, cause=RefundCause.MERCHANT, quote=quote, now=now
    )
    assert refund is not None
    AuditEntry.write(
        "refund.begun_by_merchant",
        subject_type="refund",
        subject_id=refund.id,
        actor_id=actor_id,
        facts={"order_id": payment.order_id, "won": refund.amount_won, "reason": reason},
        now=now,
    )
    db.session.commit()
    return refund.id


def _refuse_unfit(payment: Payment, won: int) -> None:
    if not 0 < won <= payment.refundable_won or payment.refund_in_flight is not None:
        raise NotRefundable
