"""The only function that gives money back, and the only one that decides whether it went.

A refund is a row before Toss is asked, one in flight per payment. After a lost answer the payment
is looked up, and the mark at the end of a cancel's reason tells ours from any other. What somebody
canceled in Toss's own back office becomes a refund here.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select

from billing.alert_merchant import alert_merchant
from gateways.payment import (
    CancelAnswer,
    CancelRequest,
    OutcomeUnknown,
    PaymentAnswer,
    PaymentGateway,
    PaymentGatewayError,
    RequestRejected,
)
from models import (
    AuditEntry,
    Invoice,
    Notice,
    PassOrder,
    Payment,
    PaymentRequest,
    Quote,
    Refund,
    db,
)
from models.notice import NoticeKind
from models.payment_request import RequestKind
from models.refund import RefundCause
from models.subscription import EndReason, Subscription
from rules.refunds import tax_free_share

log = logging.getLogger("shop.billing")

FIRST_LOOK_UP = timedelta(seconds=10)
RESEND_WITHIN = timedelta(days=14)
MAX_SENDINGS = 8
OTHER_BALANCE = "NOT_MATCHES_REFUNDABLE_AMOUNT"
NO_MORE = "NOT_CANCELABLE_AMOUNT"


def begin_refund(
    payment: Payment,
    *,
    won: int,
    cause: RefundCause,
    now: datetime,
    quote: Quote | None = None,
) -> Refund | None:
    """Owe `won` of a payment, in the caller's commit; None where that is nothing.

    A payment that Toss cannot cancel in part becomes work for the merchant. The caller holds the
    lock of the subscription, or of the pass order.
    """
    if not won:
        return None
    refunded_tax_free = sum(one.tax_free_won for one in payment.refunds if not one.is_void)
    refund = Refund.begin(
        payment,
        amount_won=won,
        tax_free_won=tax_free_share(
            won,
            balance_won=payment.balance_won,
            tax_free_won=payment.tax_free_won - refunded_tax_free,
        ),
        cause=cause,
        quote=quote,
        now=now,
    )
    db.session.flush()
    if refund.is_by_hand:
        alert_merchant("refund_by_hand", code="", subject=f"{payment.order_id} {won}", now=now)
    return refund


def give_back(*, refund_id: int, gateway: PaymentGateway, now: datetime) -> None:
    """Take a pending refund as far as it will go now: ask Toss for it, or about it.

    What was asked before is looked up first; only where Toss does not know it, and two time-outs
    later, the same request is sent again with the same idempotency key. Where Toss holds another
    balance than the books, what happened there is booked first, and what is left is asked for.

    :raises OutcomeUnknown: it stays pending; asked again later.
    :raises RequestRejected: Toss refuses for good, the merchant owes it by hand; or refuses the
        pair of keys, and is asked again later.
    """
    refund = _locked(refund_id)
    if not refund.is_pending or refund.next_look_up_at > now:
        db.session.rollback()
        return
    if refund.requests:
        payment_id = refund.payment_id
        refund.look_up_again(at=now + _pause(refund, gateway))
        db.session.commit()
        sync(payment_id=payment_id, gateway=gateway, now=now)
        refund = _locked(refund_id)
        if not _may_send_again(refund, gateway=gateway, now=now):
            return
    if _send(refund, gateway=gateway, now=now):
        return
    sync(payment_id=db.session.get_one(Refund, refund_id).payment_id, gateway=gateway, now=now)
    refund = _locked(refund_id)
    if _may_send_again(refund, gateway=gateway, now=now):
        _send(refund, gateway=gateway, now=now)


def sync(*, payment_id: int, gateway: PaymentGateway, now: datetime) -> None:
    """Ask Toss how a payment stands, and book every cancel of it that is not booked yet.

    :raises PaymentGatewayError: Toss did not say; nothing was changed.
    """
    payment_key = db.session.get_one(Payment, payment_id).payment_key
    db.session.rollback()
    answer = gateway.find_payment(payment_key)
    if answer is None:
        raise OutcomeUnknown("NOT_FOUND_PAYMENT", "Toss does not know a payment that it took")
    lock_payment(payment_id)
    _book(db.session.get_one(Payment, payment_id), answer, now=now)
    db.session.commit()


def settle_by_hand(
    *, refund_id: int, actor_id: int | None, now: datetime, reason: str | None = None
) -> bool:
    """Note that the merchant gave back what Toss would not; False where nothing was owed."""
    refund = _locked(refund_id)
    if not refund.is_by_hand:
        db.session.rollback()
        return False
    refund.pay_by_hand(now=now)
    refund.payment.note_refund(refund.amount_won, now=now)
    _tell(refund, now=now)
    _log("refund.paid_by_hand", refund, actor_id=actor_id, reason=reason, now=now)
    db.session.commit()
    return True


def ask_again(
    *, refund_id: int, actor_id: int | None, now: datetime, reason: str | None = None
) -> bool:
    """Ask Toss once more for what it refused; False where nothing is owed by hand."""
    refund = _locked(refund_id)
    if not refund.is_by_hand:
        db.session.rollback()
        return False
    refund.ask_again(now=now)
    _log("refund.asked_again", refund, actor_id=actor_id, reason=reason, now=now)
    db.session.commit()
    return True


def _pause(refund: Refund, gateway: PaymentGateway) -> timedelta:
    return timedelta(seconds=min(gateway.timeout_seconds / 3 * 2 ** len(refund.requests), 3600))


def _locked(refund_id: int) -> Refund:
    """Return a refund as it is now, what it is about locked until the commit."""
    lock_payment(db.session.get_one(Refund, refund_id).payment_id)
    return db.session.get_one(Refund, refund_id)


def lock_payment(payment_id: int) -> None:
    """Lock the subscription or the pass order that a payment is for, until the commit."""
    db.session.flush()
    db.session.expire_all()
    if db.session.execute(_LOCK, {"payment_id": payment_id}).first() is None:
        db.session.execute(_LOCK_PASS, {"payment_id": payment_id})


_LOCK = (
    select(Subscription.id)
    .where(
        Subscription.id
        == select(Invoice.subscription_id)
        .join(Payment, Payment.invoice_id == Invoice.id)
        .where(Payment.id == bindparam("payment_id"))
        .scalar_subquery()
    )
    .with_for_update()
)
_LOCK_PASS = (
    select(PassOrder.id)
    .where(
        PassOrder.id
        == select(Payment.pass_order_id)
        .where(Payment.id == bindparam("payment_id"))
        .scalar_subquery()
    )
    .with_for_update()
)


def _may_send_again(refund: Refund, *, gateway: PaymentGateway, now: datetime) -> bool:
    """Test whether the request may leave once more; what no sending can mend is the merchant's."""
    if not refund.is_pending or (refund.resend_after is not None and now < refund.resend_after):
        db.session.rollback()
        return False
    last = refund.requests[-1]
    is_changed_key = refund.secret_fingerprint != gateway.secret_fingerprint
    was_answered = last.code is not None and last.http_status is not None
    if (
        last.code == NO_MORE
        or refund.age(now) >= RESEND_WITHIN
        or len(refund.requests) >= MAX_SENDINGS
        or (is_changed_key and not was_answered)
    ):
        _leave_to_merchant(refund, last.code or "unanswered", now=now)
        db.session.commit()
        return False
    if last.transient:
        refund.renew_idempotency_key()
    return True


def _send(refund: Refund, *, gateway: PaymentGateway, now: datetime) -> bool:
    """Ask Toss for a refund; False where it refused because it holds another balance."""
    time_limit = timedelta(seconds=gateway.timeout_seconds)
    refund.note_sending(
        secret_fingerprint=gateway.secret_fingerprint,
        look_up_at=now + time_limit + min(FIRST_LOOK_UP, time_limit),
        resend_after=now + 2 * time_limit,
    )
    request = CancelRequest(
        payment_key=refund.payment.payment_key,
        amount_won=refund.amount_won,
        tax_free_won=refund.tax_free_won,
        refundable_won=refund.balance_before_won,
        reason=refund.reason,
        idempotency_key=refund.idempotency_key,
    )
    refund_id, payment_id = refund.id, refund.payment_id
    sending_id = PaymentRequest.send(
        RequestKind.CANCEL,
        refund_id=refund_id,
        idempotency_key=request.idempotency_key,
        secret_fingerprint=gateway.secret_fingerprint,
        now=now,
    )
    db.session.commit()

    try:
        answer = gateway.cancel(request)
    except PaymentGatewayError as error:
        _settle_refusal(refund_id, sending_id, error, gateway=gateway, now=now)
        if error.code == OTHER_BALANCE:
            return False
        raise
    lock_payment(payment_id)
    PaymentRequest.answered(
        sending_id, code=answer.status, http_status=200, trace_id=answer.trace_id
    )
    _book(db.session.get_one(Payment, payment_id), answer, now=now)
    db.session.commit()
    return True


def _settle_refusal(
    refund_id: int,
    sending_id: int,
    error: PaymentGatewayError,
    *,
    gateway: PaymentGateway,
    now: datetime,
) -> None:
    refund = _locked(refund_id)
    key_pair_refused = isinstance(error, RequestRejected) and error.key_pair
    PaymentRequest.answered(
        sending_id,
        code=error.code,
        http_status=error.http_status,
        trace_id=error.trace_id,
        transient=key_pair_refused or (isinstance(error, OutcomeUnknown) and error.transient),
    )
    if not refund.is_pending:
        pass
    elif error.code == OTHER_BALANCE:
        refund.look_up_again(at=now)
        refund.resend_after = now
    elif isinstance(error, OutcomeUnknown):
        time_limit = timedelta(seconds=gateway.timeout_seconds)
        refund.look_up_again(at=now + min(FIRST_LOOK_UP, time_limit))
    elif key_pair_refused:
        refund.look_up_again(at=now + timedelta(minutes=10))
        alert_merchant(
            "keys_refused", code=error.code, subject=f"refund {now:%Y-%m-%d %H}", now=now
        )
    else:
        _leave_to_merchant(refund, error.code, now=now)
    db.session.commit()


def _leave_to_merchant(refund: Refund, code: str, *, now: datetime) -> None:
    refund.leave_to_merchant(code)
    subject = f"{refund.payment.order_id} {refund.amount_won}"
    alert_merchant("refund_by_hand", code=code, subject=subject, now=now)


def _book(payment: Payment, answer: PaymentAnswer, *, now: datetime) -> None:
    """Book what Toss gave back of a payment and is not in the books, in the caller's commit."""
    known = {refund.transaction_key for refund in payment.refunds}
    mine = payment.refund_in_flight
    for cancel in answer.cancels:
        if cancel.status != "DONE" or cancel.transaction_key in known:
            continue
        if mine is not None and cancel.reason.endswith(mine.mark):
            _book_own(mine, cancel, now=now)
            mine = None
        elif owed := _owed_by_hand(payment, cancel.amount_won):
            _book_own(owed, cancel, now=now)
        else:
            _book_other(payment, cancel, now=now)
    if mine is not None and (not answer.balance_won or _was_refused_for_balance(mine)):
        mine.decide_anew(balance_won=answer.balance_won, tax_free_won=answer.tax_free_won, now=now)


def _owed_by_hand(payment: Payment, won: int) -> Refund | None:
    """Return what the merchant owed by hand and seems to have given back at Toss."""
    return next((one for one in payment.refunds if one.is_by_hand and one.amount_won == won), None)


def _was_refused_for_balance(refund: Refund) -> bool:
    return bool(refund.requests) and refund.requests[-1].code == OTHER_BALANCE


def _book_own(refund: Refund, cancel: CancelAnswer, *, now: datetime) -> None:
    if cancel.amount_won != refund.amount_won:
        alert_merchant(
            "refund_differs", code=cancel.transaction_key, subject=refund.payment.order_id, now=now
        )
        refund.amount_won = cancel.amount_won
        refund.tax_free_won = cancel.tax_free_won
    refund.succeed(cancel.transaction_key, now=now)
    refund.payment.note_refund(refund.amount_won, now=now)
    _tell(refund, now=now)


def _book_other(payment: Payment, cancel: CancelAnswer, *, now: datetime) -> None:
    """Book a cancel that somebody made at Toss; what is paid for no more is served no more."""
    refund = Refund.found(
        payment,
        amount_won=cancel.amount_won,
        tax_free_won=cancel.tax_free_won,
        balance_after_won=cancel.balance_won,
        transaction_key=cancel.transaction_key,
        now=now,
    )
    payment.note_refund(cancel.amount_won, now=now)
    db.session.flush()
    _tell(refund, now=now)
    _log("refund.found", refund, actor_id=None, now=now)
    if not payment.is_refunded_whole:
        return
    if payment.pass_order is not None:
        _end_pass(payment.pass_order, refund, now=now)
        return
    subscription = payment.subscription
    assert subscription is not None
    if not subscription.is_running or subscription.current_payment is not payment:
        return
    if subscription.is_collecting:
        alert_merchant("refunded_while_charging", code="", subject=payment.order_id, now=now)
        return
    if subscription.open_invoice is not None:
        subscription.open_invoice.void()
    subscription.end(EndReason.REFUNDED, now=now)
    subscription.billing_key.begin_revocation()
    Notice.owe(
        NoticeKind.ENDED,
        cause=f"ended:{subscription.id}",
        user_id=subscription.user_id,
        facts={"subscription_id": subscription.id, "refund_id": refund.id},
        now=now,
    )


def _end_pass(order: PassOrder, refund: Refund, *, now: datetime) -> None:
    if order.is_paid and not order.is_over(now):
        order.end(EndReason.REFUNDED, now=now)
        Notice.owe(
            NoticeKind.PASS_ENDED,
            cause=f"pass_ended:{order.id}",
            user_id=order.user_id,
            facts={"pass_order_id": order.id, "refund_id": refund.id},
            now=now,
        )


def _tell(refund: Refund, *, now: datetime) -> None:
    Notice.owe(
        NoticeKind.REFUNDED,
        cause=f"refunded:{refund.id}",
        user_id=refund.payment.user_id,
        facts={"refund_id": refund.id},
        now=now,
    )


def _log(
    action: str,
    refund: Refund,
    *,
    actor_id: int | None,
    now: datetime,
    reason: str | None = None,
) -> None:
    AuditEntry.write(
        action,
        subject_type="refund",
        subject_id=refund.id,
        actor_id=actor_id,
        facts={"order_id": refund.payment.order_id, "won": refund.amount_won}
        | ({"reason": reason} if reason else {}),
        now=now,
    )
