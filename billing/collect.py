"""The only function that takes money, and the only one that decides whether it moved.

Nothing else charges a card. Every charge is committed before it is sent, no database connection
is held while Toss answers, and only a definite answer settles an attempt.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from billing import BillingError
from billing.alert_merchant import alert_merchant
from billing.dun import dun
from billing.refund import begin_refund
from gateways.payment import (
    BillingKeyRejected,
    CardDeclined,
    ChargeRequest,
    OutcomeUnknown,
    PaymentAnswer,
    PaymentGateway,
    PaymentGatewayError,
    RequestRejected,
)
from models import (
    BillingKey,
    Breaker,
    CashReceipt,
    Checkout,
    Invoice,
    Notice,
    Payment,
    PaymentAttempt,
    PaymentRequest,
    Subscription,
    Vault,
    db,
)
from models.cash_receipt import ReceiptKind
from models.checkout import FailureKind
from models.notice import NoticeKind
from models.payment_request import RequestKind
from models.reading import reread
from models.refund import RefundCause
from models.subscription import EndReason
from models.writing import write
from rules.collection_terms import CollectionTerms
from rules.wording import N_

log = logging.getLogger("shop.billing")

FIRST_LOOK_UP = timedelta(seconds=10)
"""How long after a lost answer Toss is asked about the order; never longer than one time-out."""


class NothingToCollect(BillingError):
    """The invoice is paid, void or set aside."""

    user_message = N_("이미 처리된 결제예요. 내 구독에서 확인해 주세요.")


class CollectionInProgress(BillingError):
    """Another attempt at this invoice is not settled yet."""

    user_message = N_("결제 결과를 확인하고 있어요. 잠시만 기다려 주세요.")


def collect(
    *,
    invoice_id: int,
    gateway: PaymentGateway,
    vault: Vault,
    terms: CollectionTerms,
    now: datetime,
) -> Payment:
    """Charge an open invoice with its subscription's card, once, and return the payment.

    :raises NothingToCollect: it is not open any more.
    :raises CollectionInProgress: an attempt is pending or set aside; nothing was sent.
    :raises CardDeclined: no money moved.
    :raises BillingKeyRejected: no money moved.
    :raises RequestRejected: no money moved.
    :raises OutcomeUnknown: the attempt stays pending; `reconcile` settles it.
    """
    attempt = _claim(invoice_id, gateway=gateway, now=now)
    return send(attempt=attempt, gateway=gateway, vault=vault, terms=terms, now=now)


def send(
    *,
    attempt: PaymentAttempt,
    gateway: PaymentGateway,
    vault: Vault,
    terms: CollectionTerms,
    now: datetime,
) -> Payment:
    """Send a pending attempt's one request, for the first time or again, and settle the answer.

    What the caller changed is committed with the sending, before it leaves. Raises as `collect`
    does.
    """
    charge = _charge_request(attempt, vault)
    time_limit = timedelta(seconds=gateway.timeout_seconds)
    attempt.note_sending(
        look_up_at=now + time_limit + min(FIRST_LOOK_UP, time_limit),
        resend_after=now + 2 * time_limit,
    )
    try:
        write(attempt.invoice, attempt, attempt.invoice.subscription)
    except IntegrityError:
        db.session.rollback()
        raise CollectionInProgress from None
    attempt_id = attempt.id
    sending_id = PaymentRequest.send(
        RequestKind.CHARGE,
        attempt_id=attempt_id,
        idempotency_key=charge.idempotency_key,
        secret_fingerprint=gateway.secret_fingerprint,
        now=now,
    )
    db.session.commit()

    try:
        answer = gateway.charge(charge)
    except PaymentGatewayError as error:
        _settle_refusal(attempt_id, sending_id, error, gateway=gateway, terms=terms, now=now)
        raise
    return settle(
        attempt_id=attempt_id,
        answer=answer,
        gateway=gateway,
        terms=terms,
        now=now,
        sending_id=sending_id,
    )


def settle(
    *,
    attempt_id: int,
    answer: PaymentAnswer,
    gateway: PaymentGateway,
    terms: CollectionTerms,
    now: datetime,
    sending_id: int | None = None,
) -> Payment:
    """Settle a pending attempt by what Toss says of its order, and return the payment.

    An attempt that somebody settled meanwhile is left as it is.

    :raises CardDeclined: Toss says that the order failed.
    :raises OutcomeUnknown: Toss has not decided, or answered something else than was asked; the
        attempt is then set aside for the merchant.
    """
    attempt = locked_attempt(attempt_id)
    if sending_id is not None:
        PaymentRequest.answered(
            sending_id, code=answer.status, http_status=200, trace_id=answer.trace_id
        )
    if not attempt.is_pending:
        db.session.commit()
        return _payment_of(attempt)
    differences = answer.differences(
        order_id=attempt.order_id,
        amount_won=attempt.amount_won,
        tax_free_won=attempt.tax_free_won,
        type="BILLING",
        method=None if attempt.billing_key.is_wallet else attempt.billing_key.method,
    )
    if answer.is_failed:
        error = CardDeclined(answer.failure_code or answer.status, answer.failure_message or "")
        _refuse(attempt, error, gateway=gateway, terms=terms, now=now)
        db.session.commit()
        raise error
    if not answer.is_done and not answer.is_canceled:
        attempt.look_up_again(at=now + FIRST_LOOK_UP)
        db.session.commit()
        raise OutcomeUnknown(answer.status, "not decided yet", trace_id=answer.trace_id)
    if answer.is_canceled or differences or attempt.invoice.is_set_aside:
        _set_aside(attempt, answer, differences, now=now)
        db.session.commit()
        raise OutcomeUnknown("set_aside", "; ".join(differences), trace_id=answer.trace_id)
    if attempt.invoice.is_open:
        payment = _book(attempt, answer, gateway=gateway, now=now)
        write(attempt.invoice.subscription, attempt.invoice, attempt, payment)
    else:
        payment = _book_too_late(attempt, answer, gateway=gateway, now=now)
    db.session.commit()
    return payment


def leave_to_merchant(attempt: PaymentAttempt, *, now: datetime) -> None:
    """Charge nothing more for what this attempt was about, and let the customer in meanwhile."""
    if attempt.invoice.is_open:
        attempt.invoice.set_aside()
        if attempt.invoice.subscription.is_running:
            attempt.invoice.subscription.hold(now=now)


def locked_attempt(attempt_id: int) -> PaymentAttempt:
    """Return an attempt as it is now, with its invoice, its subscription and its card.

    The first three are locked until the commit, the subscription first: PostgreSQL locks in the
    order in which they are named, and answers with each row as it was when its lock was got.
    Whoever only refers to one of them does not wait (FOR NO KEY UPDATE). Every column is read:
    what was left out would keep the value that the session had read before the lock.
    """
    db.session.flush()
    row = db.session.connection().execute(_LOCK, {"attempt_id": attempt_id}).one()
    reread(row, PaymentAttempt, Invoice, Subscription, BillingKey)
    return db.session.get_one(PaymentAttempt, attempt_id)


_attempts, _invoices = PaymentAttempt.__table__, Invoice.__table__
_subscriptions, _billing_keys = Subscription.__table__, BillingKey.__table__
_LOCK = (
    select(*_attempts.c, *_invoices.c, *_subscriptions.c, *_billing_keys.c)
    .where(_attempts.c.id == bindparam("attempt_id"))
    .where(_invoices.c.id == _attempts.c.invoice_id)
    .where(_subscriptions.c.id == _invoices.c.subscription_id)
    .where(_billing_keys.c.id == _attempts.c.billing_key_id)
    .with_for_update(of=[_subscriptions, _invoices, _attempts], key_share=True)
)


def _claim(invoice_id: int, *, gateway: PaymentGateway, now: datetime) -> PaymentAttempt:
    subscription_id = db.session.get_one(Invoice, invoice_id).subscription_id
    Subscription.locked(subscription_id)
    invoice = db.session.get_one(Invoice, invoice_id)
    if invoice.has_attempt_in_flight:
        db.session.rollback()
        raise CollectionInProgress
    if not invoice.is_open:
        db.session.rollback()
        raise NothingToCollect
    return PaymentAttempt.begin(
        invoice,
        key_pair=gateway.key_pair,
        secret_fingerprint=gateway.secret_fingerprint,
        now=now,
    )


def _charge_request(attempt: PaymentAttempt, vault: Vault) -> ChargeRequest:
    return ChargeRequest(
        billing_key=attempt.billing_key.plain(vault),
        customer_key=attempt.invoice.subscription.user.customer_key,
        order_id=attempt.order_id,
        order_name=attempt.order_name,
        amount_won=attempt.amount_won,
        tax_free_won=attempt.tax_free_won,
        customer_name=attempt.customer_name,
        customer_email=attempt.customer_email,
        idempotency_key=attempt.idempotency_key,
    )


def _payment_of(attempt: PaymentAttempt) -> Payment:
    payment = attempt.invoice.payment
    if payment is None:
        raise NothingToCollect
    return payment


def _settle_refusal(
    attempt_id: int,
    sending_id: int,
    error: PaymentGatewayError,
    *,
    gateway: PaymentGateway,
    terms: CollectionTerms,
    now: datetime,
) -> None:
    attempt = locked_attempt(attempt_id)
    PaymentRequest.answered(
        sending_id,
        code=error.code,
        http_status=error.http_status,
        trace_id=error.trace_id,
        transient=isinstance(error, OutcomeUnknown) and error.transient,
    )
    if attempt.is_pending:
        if isinstance(error, OutcomeUnknown):
            time_limit = timedelta(seconds=gateway.timeout_seconds)
            attempt.look_up_again(at=now + min(FIRST_LOOK_UP, time_limit))
        else:
            _refuse(attempt, error, gateway=gateway, terms=terms, now=now)
    db.session.commit()


def _book(
    attempt: PaymentAttempt, answer: PaymentAnswer, *, gateway: PaymentGateway, now: datetime
) -> Payment:
    invoice = attempt.invoice
    subscription = invoice.subscription
    payment = _payment(attempt, answer, gateway=gateway, now=now)
    if attempt.billing_key.receipt_kind and attempt.billing_key.receipt_identity_ciphertext:
        CashReceipt.ask_for(
            payment,
            ReceiptKind(attempt.billing_key.receipt_kind),
            attempt.billing_key.receipt_identity_ciphertext,
            now=now,
        )
    invoice.pay(now=now)
    if subscription.is_incomplete:
        subscription.activate(invoice.period)
        _complete_checkout(invoice, now=now)
        kind, cause = NoticeKind.CONTRACT, f"contract:{subscription.id}:{invoice.term_no}"
    elif invoice.is_plan_change:
        _switch_plan(invoice, now=now)
        kind, cause = NoticeKind.PLAN_CHANGED, f"plan_changed:{invoice.id}"
    else:
        subscription.renew(invoice.period_no, invoice.period)
        kind, cause = NoticeKind.RENEWAL_PAID, f"renewal_paid:{invoice.id}"
    Notice.owe(
        kind,
        cause=cause,
        user_id=subscription.user_id,
        facts={"invoice_id": invoice.id},
        now=now,
    )
    return payment


def _switch_plan(invoice: Invoice, *, now: datetime) -> None:
    """Begin the plan that was just paid for, and owe what is left of the old payment."""
    quote, subscription = invoice.quote, invoice.subscription
    subscription.switch_plan(quote, invoice.term_no)
    _complete_checkout(invoice, now=now)
    if quote.payment is not None:
        db.session.flush()
        begin_refund(
            quote.payment,
            won=min(quote.refund_won, quote.payment.refundable_won),
            cause=RefundCause.PLAN_CHANGE,
            quote=quote,
            now=now,
        )


def _book_too_late(
    attempt: PaymentAttempt, answer: PaymentAnswer, *, gateway: PaymentGateway, now: datetime
) -> Payment:
    """Book a success that nobody owes any more, and give it back whole."""
    payment = _payment(attempt, answer, gateway=gateway, now=now)
    db.session.flush()
    begin_refund(payment, won=payment.amount_won, cause=RefundCause.LATE_SUCCESS, now=now)
    alert_merchant("late_success", code="", subject=attempt.order_id, now=now)
    return payment


def _payment(
    attempt: PaymentAttempt, answer: PaymentAnswer, *, gateway: PaymentGateway, now: datetime
) -> Payment:
    invoice = attempt.invoice
    card = answer.card
    payment = Payment(
        user_id=invoice.subscription.user_id,
        invoice_id=invoice.id,
        attempt_id=attempt.id,
        payment_key=answer.payment_key,
        order_id=answer.order_id,
        amount_won=answer.total_won,
        supplied_won=answer.supplied_won,
        vat_won=answer.vat_won,
        tax_free_won=answer.tax_free_won,
        method=answer.method or attempt.billing_key.method,
        card_issuer=card.issuer_name if card else attempt.billing_key.card_issuer,
        card_number=card.number if card else attempt.billing_key.card_number,
        approve_no=answer.approve_no,
        receipt_url=answer.receipt_url,
        is_partial_cancelable=answer.is_partial_cancelable,
        key_pair=attempt.key_pair,
        m_id=answer.m_id,
        secret_fingerprint=gateway.secret_fingerprint,
        api_version=answer.version,
        approved_at=answer.approved_at or now,
    )
    db.session.add(payment)
    attempt.succeed(now=now)
    return payment


def _complete_checkout(invoice: Invoice, *, now: datetime) -> None:
    checkout = Checkout.charging_for(invoice.id)
    if checkout is not None:
        checkout.complete(now=now)


def _refuse(
    attempt: PaymentAttempt,
    error: PaymentGatewayError,
    *,
    gateway: PaymentGateway,
    terms: CollectionTerms,
    now: datetime,
) -> None:
    db.session.refresh(attempt.billing_key)
    attempt.fail(error.code, error.message, now=now)
    if attempt.invoice.subscription.is_incomplete:
        _refuse_first_charge(attempt, error, gateway=gateway, now=now)
    elif attempt.invoice.is_plan_change:
        _refuse_plan_change(attempt, error, gateway=gateway, now=now)
    else:
        dun(attempt, error, key_pair=gateway.key_pair, terms=terms, now=now)


def _refuse_plan_change(
    attempt: PaymentAttempt, error: PaymentGatewayError, *, gateway: PaymentGateway, now: datetime
) -> None:
    """Leave the subscription as it was: what was tried is no renewal, and nobody is dunned."""
    if isinstance(error, RequestRejected):
        kind = FailureKind.MERCHANT
        if not error.key_pair or Breaker.open(gateway.key_pair, code=error.code, now=now):
            alert_merchant(
                "plan_change_rejected", code=error.code, subject=attempt.order_id, now=now
            )
    else:
        kind = FailureKind.CARD
    drop_plan_change(attempt.invoice, kind, error.code, now=now)


def drop_plan_change(
    invoice: Invoice, kind: FailureKind, code: str | None, *, now: datetime
) -> None:
    """Void the invoice of another plan and go on with the old one, in the caller's commit."""
    subscription = invoice.subscription
    if invoice.is_set_aside:
        invoice.waive()
    else:
        invoice.void()
    checkout = Checkout.charging_for(invoice.id)
    if checkout is not None:
        checkout.fail(kind, code, now=now)
    if subscription.is_held:
        subscription.release(charge_on=subscription.paid_until_on)
    elif subscription.is_running and not subscription.is_canceling:
        subscription.charge_on(subscription.paid_until_on)


def give_up_plan_change(*, checkout_id: str, now: datetime) -> None:
    """Drop a change of plan that nobody began to charge in its time; nothing moved."""
    invoice_id = db.session.get_one(Checkout, checkout_id).invoice_id
    assert invoice_id is not None
    invoice = db.session.get_one(Invoice, invoice_id)
    Subscription.locked(invoice.subscription_id)
    if not invoice.is_open or invoice.attempts:
        db.session.rollback()
        return
    drop_plan_change(invoice, FailureKind.ABANDONED, None, now=now)
    db.session.commit()


def _refuse_first_charge(
    attempt: PaymentAttempt, error: PaymentGatewayError, *, gateway: PaymentGateway, now: datetime
) -> None:
    subscription = attempt.invoice.subscription
    attempt.billing_key.begin_revocation()
    is_ours = isinstance(error, RequestRejected) or _is_contract_error(error, gateway)
    checkout = Checkout.charging_for(attempt.invoice_id)
    if checkout is not None:
        checkout.fail(FailureKind.MERCHANT if is_ours else FailureKind.CARD, error.code, now=now)
    if is_ours:
        attempt.invoice.void()
        subscription.end(EndReason.MERCHANT_ERROR, now=now)
        alert_merchant("first_charge_rejected", code=error.code, subject=attempt.order_id, now=now)


def _is_contract_error(error: PaymentGatewayError, gateway: PaymentGateway) -> bool:
    return (
        isinstance(error, BillingKeyRejected)
        and error.code == "NOT_SUPPORTED_CARD_TYPE"
        and not PaymentAttempt.any_succeeded(gateway.secret_fingerprint)
    )


def _set_aside(
    attempt: PaymentAttempt,
    answer: PaymentAnswer,
    differences: tuple[str, ...],
    *,
    now: datetime,
) -> None:
    if differences:
        code = "answer_differs"
    else:
        code = "canceled_elsewhere" if answer.is_canceled else "already_set_aside"
    attempt.set_aside(code, "; ".join(differences) or answer.status, now=now)
    leave_to_merchant(attempt, now=now)
    alert_merchant("charge_set_aside", code=code, subject=attempt.order_id, now=now)
