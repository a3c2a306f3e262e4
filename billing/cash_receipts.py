"""Cash receipts (현금영수증) of bank transfers: asked for, issued, and canceled with the payment.

No money moves with them. What Toss was asked for is asked for again, with the same key, until it
answers; issuing and canceling wait for each other.
"""

from datetime import datetime, timedelta

from billing import BillingError
from billing.alert_merchant import alert_merchant
from gateways.payment import (
    CashReceiptAnswer,
    CashReceiptRequest,
    OutcomeUnknown,
    PaymentGateway,
    RequestRejected,
)
from models import AuditEntry, CashReceipt, Payment, Vault, db
from models.cash_receipt import ReceiptKind
from rules.wording import N_

TYPES = {ReceiptKind.INCOME: "소득공제", ReceiptKind.EXPENSE: "지출증빙"}


class NoReceiptToAsk(BillingError):
    """The payment is no transfer, has a receipt already, or went back."""

    user_message = N_("이 결제에는 현금영수증을 신청할 수 없어요.")


def ask_for_receipt(
    *,
    payment_id: int,
    user_id: int,
    kind: ReceiptKind,
    identity_number: str,
    every_payment: bool,
    vault: Vault,
    now: datetime,
) -> None:
    """Owe the customer the receipt of a transfer, and of those to come where that is wanted.

    :raises NoReceiptToAsk: there is nothing to issue one for.
    """
    payment = db.session.get_one(Payment, payment_id, with_for_update=True, populate_existing=True)
    receipt = payment.cash_receipt
    if receipt is not None and receipt.has_failed and not receipt.is_issued:
        db.session.delete(receipt)
        db.session.flush()
        receipt = None
    if not payment.is_transfer or receipt is not None or payment.is_refunded_whole:
        db.session.rollback()
        raise NoReceiptToAsk
    ciphertext = vault.encrypt(identity_number)
    CashReceipt.ask_for(payment, kind, ciphertext, now=now)
    if every_payment and payment.subscription is not None:
        payment.subscription.billing_key.want_receipts(kind, ciphertext)
    AuditEntry.write(
        "cash_receipt.asked",
        subject_type="payment",
        subject_id=payment_id,
        actor_id=user_id,
        now=now,
    )
    db.session.commit()


def stop_receipts(*, payment_id: int, user_id: int, now: datetime) -> None:
    """Issue no more receipts of payments to come."""
    payment = db.session.get_one(Payment, payment_id)
    if payment.subscription is not None:
        payment.subscription.billing_key.want_receipts(None, None)
    AuditEntry.write(
        "cash_receipt.stopped",
        subject_type="payment",
        subject_id=payment_id,
        actor_id=user_id,
        now=now,
    )
    db.session.commit()


def settle_receipt(
    *, receipt_id: int, gateway: PaymentGateway, vault: Vault, now: datetime
) -> None:
    """Ask Toss to issue a receipt, or to cancel of it what went back of its payment.

    :raises OutcomeUnknown: asked again later.
    :raises RequestRejected: refused for good; the customer may ask with another number.
    """
    receipt = CashReceipt.locked(receipt_id)
    if not receipt.is_due or receipt.next_try_at > now:
        db.session.rollback()
        return
    won = receipt.to_cancel_won if receipt.is_issued else receipt.payment.balance_won
    if not won and not receipt.asked_won:
        receipt.drop()
        db.session.commit()
        return
    receipt.prepare(won, until=now + timedelta(seconds=gateway.timeout_seconds + 20))
    db.session.commit()
    try:
        answer = _ask(receipt, gateway=gateway, vault=vault)
    except OutcomeUnknown as error:
        _postpone(receipt_id, error.code, now=now)
        raise
    except RequestRejected as error:
        if error.key_pair:
            _postpone(receipt_id, error.code, now=now)
        else:
            _fail(receipt_id, error.code, now=now)
        raise
    receipt = CashReceipt.locked(receipt_id)
    if answer.has_failed:
        receipt.fail("FAILED")
    elif receipt.is_issued:
        receipt.canceled(now=now)
    else:
        receipt.issued(answer.receipt_key, answer.receipt_url, now=now)
    db.session.commit()


def _ask(receipt: CashReceipt, *, gateway: PaymentGateway, vault: Vault) -> CashReceiptAnswer:
    if receipt.receipt_key is not None:
        return gateway.cancel_cash_receipt(
            receipt.receipt_key, receipt.asked_won, idempotency_key=receipt.idempotency_key
        )
    payment = receipt.payment
    request = CashReceiptRequest(
        order_id=payment.order_id,
        order_name=payment.order_name,
        amount_won=receipt.asked_won,
        tax_free_won=min(payment.tax_free_won, receipt.asked_won),
        type=TYPES[receipt.kind],
        identity_number=receipt.identity(vault),
        idempotency_key=receipt.idempotency_key,
    )
    db.session.commit()
    return gateway.issue_cash_receipt(request)


def _postpone(receipt_id: int, code: str, *, now: datetime) -> None:
    receipt = CashReceipt.locked(receipt_id)
    if receipt.is_due and not receipt.postpone(now=now):
        alert_merchant("cash_receipt_unanswered", code=code, subject=str(receipt_id), now=now)
    db.session.commit()


def _fail(receipt_id: int, code: str, *, now: datetime) -> None:
    receipt = CashReceipt.locked(receipt_id)
    if receipt.is_due:
        if receipt.is_issued:
            alert_merchant("cash_receipt_not_canceled", code=code, subject=str(receipt_id), now=now)
        receipt.fail(code)
    db.session.commit()
