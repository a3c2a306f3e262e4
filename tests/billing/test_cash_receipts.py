"""Cash receipts of transfers: issued once, canceled with their payment, no number kept."""

from contextlib import suppress
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from billing.cash_receipts import (
    NoReceiptToAsk,
    ask_for_receipt,
    settle_receipt,
    stop_receipts,
)
from billing.refund import begin_refund, give_back
from billing.renew import renew
from billing.subscribe import authorize_checkout
from gateways.payment import Card, OutcomeUnknown, PaymentGatewayError, RequestRejected
from models import CashReceipt, Notice, Payment, db
from models.cash_receipt import MAX_TRIES, ReceiptKind
from models.refund import RefundCause
from rules.periods import seoul_instant
from tests.billing.conftest import TERMS

LATER = timedelta(minutes=5)
ACCOUNT = Card(number="1000********", issuer_name="토스뱅크 계좌")


@pytest.fixture
def payment(buyer, user, gateway, vault, now):
    """Return the payment of a subscription that is paid by transfer."""
    checkout_id = buyer.start(user, now=now)
    auth_key = gateway.register(user.customer_key, card=ACCOUNT, method="계좌이체")
    authorize_checkout(checkout_id=checkout_id, auth_key=auth_key, vault=vault, now=now)
    return buyer.finish(checkout_id, now=now).invoice.payment


@pytest.fixture
def ask(payment, user, vault, now):
    def act(*, every=False, number="01012345678"):
        ask_for_receipt(
            payment_id=payment.id,
            user_id=user.id,
            kind=ReceiptKind.INCOME,
            identity_number=number,
            every_payment=every,
            vault=vault,
            now=now,
        )

    return act


@pytest.fixture
def settle(gateway, vault, now):
    """Settle every receipt that is due, so much later."""

    def act(after=timedelta(0)):
        for _, receipt_id in CashReceipt.due(now=now + after, limit=9):
            with suppress(PaymentGatewayError):
                settle_receipt(receipt_id=receipt_id, gateway=gateway, vault=vault, now=now + after)
        db.session.expire_all()
        return db.session.scalars(select(CashReceipt).order_by(CashReceipt.id)).all()

    return act


@pytest.fixture
def refund(payment, gateway, now):
    def act(won):
        db.session.refresh(payment)
        owed = begin_refund(payment, won=won, cause=RefundCause.TERMINATION, now=now)
        db.session.commit()
        give_back(refund_id=owed.id, gateway=gateway, now=now)

    return act


def test_a_receipt_is_issued_for_the_payment_and_its_number_erased(ask, settle, gateway, payment):
    ask()
    [receipt] = settle()

    assert receipt.is_issued and not receipt.is_due
    assert receipt.identity_ciphertext is None
    assert list(gateway.cash_receipts.values()) == [9900]
    [request] = [sent for name, sent in gateway.calls if name == "issue_cash_receipt"]
    assert (request.order_id, request.type) == (payment.order_id, "소득공제")


def test_the_number_is_encrypted_while_it_waits(ask):
    ask()

    stored = db.session.scalars(select(CashReceipt.identity_ciphertext)).one()
    assert stored is not None and "01012345678" not in stored


@pytest.mark.parametrize("lose", ["lose_next", "lose_before"])
def test_a_lost_answer_is_asked_for_with_the_same_key(ask, settle, gateway, lose):
    getattr(gateway, lose)("issue_cash_receipt")
    ask()
    assert settle()[0].is_due
    assert settle(LATER)[0].is_issued

    keys = {sent.idempotency_key for name, sent in gateway.calls if name == "issue_cash_receipt"}
    assert len(keys) == 1
    assert list(gateway.cash_receipts.values()) == [9900]


def test_a_refund_cancels_as_much_of_the_receipt(ask, settle, refund, gateway):
    ask()
    settle()
    refund(3300)
    [receipt] = settle()
    assert receipt.canceled_won == 3300
    refund(6600)
    [receipt] = settle()

    assert receipt.canceled_won == 9900
    assert list(gateway.cash_receipts.values()) == [0]


def test_a_lost_cancel_is_repeated_and_cancels_once(ask, settle, refund, gateway):
    ask()
    settle()
    refund(3300)
    gateway.lose_next("cancel_cash_receipt")
    settle()
    settle(LATER)

    assert list(gateway.cash_receipts.values()) == [6600]


def test_what_went_back_before_it_was_issued_is_not_on_it(ask, settle, refund, gateway):
    ask()
    refund(3300)
    settle()

    assert list(gateway.cash_receipts.values()) == [6600]


def test_nothing_is_issued_for_what_went_back_whole(ask, settle, refund, gateway):
    ask()
    refund(9900)
    [receipt] = settle()

    assert gateway.cash_receipts == {}
    assert not receipt.is_due and receipt.identity_ciphertext is None


def test_a_number_that_is_refused_can_be_given_anew(ask, settle, gateway):
    gateway.fail_next("issue_cash_receipt", RequestRejected("INVALID_REQUEST", http_status=400))
    ask()
    [receipt] = settle()
    assert receipt.has_failed and receipt.identity_ciphertext is None
    ask(number="01099999999")

    assert [one.is_issued for one in settle()] == [True]


def test_a_receipt_is_asked_for_once_and_only_of_a_transfer(ask, subscription_by_card):
    ask()
    with pytest.raises(NoReceiptToAsk):
        ask()
    assert db.session.scalar(select(func.count(CashReceipt.id))) == 1


@pytest.fixture
def subscription_by_card(buyer, other_user, vault, now):
    by_card = buyer.subscribe(other_user, now=now)
    with pytest.raises(NoReceiptToAsk):
        ask_for_receipt(
            payment_id=by_card.current_payment.id,
            user_id=other_user.id,
            kind=ReceiptKind.INCOME,
            identity_number="01012345678",
            every_payment=False,
            vault=vault,
            now=now,
        )


def test_every_payment_has_one_until_it_is_stopped(ask, settle, payment, gateway, vault, user, now):
    ask(every=True)
    subscription_id = payment.invoice.subscription_id
    for month in (12, 1):
        at = seoul_instant(date(2026 if month == 12 else 2027, month, 20), 9)
        gateway.now = at
        renew(subscription_id=subscription_id, gateway=gateway, vault=vault, terms=TERMS, now=at)
        if month == 12:
            stop_receipts(payment_id=payment.id, user_id=user.id, now=at)

    settle(timedelta(days=90))

    assert len(gateway.payments) == 3
    assert list(gateway.cash_receipts.values()) == [9900, 9900]
    key = db.session.get_one(Payment, payment.id).invoice.subscription.billing_key
    assert key.receipt_identity_ciphertext is None


def test_after_the_last_try_a_person_is_told(ask, gateway, vault, now):
    ask()
    receipt_id = db.session.scalars(select(CashReceipt.id)).one()
    for number in range(MAX_TRIES):
        gateway.lose_before("issue_cash_receipt")
        with pytest.raises(OutcomeUnknown):
            settle_receipt(
                receipt_id=receipt_id,
                gateway=gateway,
                vault=vault,
                now=now + timedelta(days=number),
            )

    assert db.session.get_one(CashReceipt, receipt_id).has_failed
    assert Notice.with_cause(f"alert:cash_receipt_unanswered:{receipt_id}") is not None


def test_refused_keys_are_asked_again(ask, settle, gateway):
    refused = RequestRejected("UNAUTHORIZED_KEY", http_status=401, key_pair=True)
    gateway.fail_next("issue_cash_receipt", refused)
    ask()

    assert settle()[0].is_due


def test_sixteen_at_once_issue_one(ask, gateway, vault, now, in_threads):
    ask()
    receipt_id = db.session.scalars(select(CashReceipt.id)).one()

    in_threads(
        16,
        lambda: settle_receipt(receipt_id=receipt_id, gateway=gateway, vault=vault, now=now),
    )

    assert list(gateway.cash_receipts.values()) == [9900]
