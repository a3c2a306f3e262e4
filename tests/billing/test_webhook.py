"""A webhook makes the shop ask Toss; what Toss says is booked, whatever was posted."""

import json
from contextlib import suppress
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from billing.change_card import start_card_change
from billing.dun import lapse
from billing.forget import forget_webhook
from billing.keep_webhook import keep_webhook
from billing.renew import renew
from billing.settle_webhook import settle_webhook
from billing.subscribe import authorize_checkout
from gateways.payment import CancelRequest, OutcomeUnknown
from models import (
    BillingKey,
    Notice,
    Payment,
    PaymentAttempt,
    Refund,
    Subscription,
    WebhookEvent,
    db,
)
from models.billing_key import BillingKeyStatus
from models.refund import RefundCause
from models.subscription import EndReason
from models.webhook_event import MAX_TRIES, WebhookStatus
from rules.periods import seoul_instant
from tests.billing.conftest import TERMS

DUE = seoul_instant(date(2026, 12, 20), 9)


@pytest.fixture
def settle(vault, gateway):
    """Settle an event; that Toss did not answer is swallowed."""

    def act(event_id, at):
        with suppress(OutcomeUnknown):
            settle_webhook(event_id=event_id, gateway=gateway, vault=vault, now=at)

    return act


@pytest.fixture
def post(vault, settle, now):
    """Post an event and settle it; return how it ended."""
    count = iter(range(1000))

    def send(event_type, data, at=now):
        body = json.dumps({"eventType": event_type, "createdAt": "x", "data": data}).encode()
        keep_webhook(body, transmission_id=f"whtrans_{next(count)}", vault=vault, now=at)
        event = db.session.scalars(select(WebhookEvent).order_by(WebhookEvent.id.desc())).first()
        settle(event.id, at)
        return db.session.get_one(WebhookEvent, event.id).status

    return send


@pytest.fixture
def payment(subscription):
    return subscription.current_payment


@pytest.fixture
def cancel_at_toss(gateway, payment):
    def cancel(won, left=9900):
        gateway.cancel(
            CancelRequest(
                payment_key=payment.payment_key,
                amount_won=won,
                tax_free_won=0,
                refundable_won=left,
                reason="고객 요청",
                idempotency_key=f"elsewhere-{won}-{left}",
            )
        )

    return cancel


def changed(payment, **data):
    return {"paymentKey": payment.payment_key, "orderId": payment.order_id, **data}


def refunds():
    return [
        (one.amount_won, one.cause)
        for one in db.session.scalars(select(Refund).order_by(Refund.id)).all()
    ]


def test_a_cancel_made_at_toss_becomes_a_refund_here(post, payment, cancel_at_toss):
    cancel_at_toss(3000)

    status = post("PAYMENT_STATUS_CHANGED", changed(payment, status="PARTIAL_CANCELED"))

    assert status is WebhookStatus.DONE
    assert refunds() == [(3000, RefundCause.ELSEWHERE)]
    assert db.session.get_one(Payment, payment.id).refunded_won == 3000


def test_what_is_posted_is_not_believed(post, payment, subscription):
    forged = changed(payment, status="CANCELED", balanceAmount=0, cancels=[{"cancelAmount": 9900}])

    assert post("PAYMENT_STATUS_CHANGED", forged) is WebhookStatus.DONE
    assert refunds() == []
    assert db.session.get_one(Subscription, subscription.id).is_active


def test_repeated_and_out_of_order_it_is_booked_once(post, payment, cancel_at_toss):
    cancel_at_toss(3000)
    cancel_at_toss(2000, left=6900)
    for status in ("CANCELED", "PARTIAL_CANCELED", "PARTIAL_CANCELED", "DONE"):
        post("PAYMENT_STATUS_CHANGED", changed(payment, status=status))

    assert refunds() == [(3000, RefundCause.ELSEWHERE), (2000, RefundCause.ELSEWHERE)]


def test_a_whole_cancel_ends_the_subscription_and_tells_its_customer(
    post, payment, cancel_at_toss, subscription
):
    cancel_at_toss(9900)
    post("PAYMENT_STATUS_CHANGED", changed(payment))

    assert db.session.get_one(Subscription, subscription.id).end_reason is EndReason.REFUNDED
    kinds = {str(notice.kind) for notice in db.session.scalars(select(Notice))}
    assert {"refunded", "ended"} <= kinds


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"paymentKey": "unknown", "orderId": "unknown"},
        {"paymentKey": 7, "orderId": ["x"]},
        {"paymentKey": None},
    ],
)
def test_unknown_payments_are_ignored_without_asking_toss(post, subscription, gateway, data):
    before = len(gateway.calls)

    assert post("PAYMENT_STATUS_CHANGED", data) is WebhookStatus.IGNORED
    assert len(gateway.calls) == before


def test_an_order_whose_answer_was_lost_is_looked_up_sooner(
    post, subscription, gateway, vault, now
):
    gateway.lose_next("charge")
    with pytest.raises(OutcomeUnknown):
        renew(subscription_id=subscription.id, gateway=gateway, vault=vault, terms=TERMS, now=DUE)
    attempt = db.session.scalars(
        select(PaymentAttempt).order_by(PaymentAttempt.id.desc()).limit(1)
    ).one()

    status = post("PAYMENT_STATUS_CHANGED", {"paymentKey": "?", "orderId": attempt.order_id}, DUE)

    assert status is WebhookStatus.DONE
    due = PaymentAttempt.pending(looked_up_before=DUE, limit=9)
    assert [row[-1] for row in due] == [attempt.id]


def test_a_cancel_whose_status_changed_is_asked_about(post, payment, cancel_at_toss, gateway):
    cancel_at_toss(3000)
    post("PAYMENT_STATUS_CHANGED", changed(payment))
    before = len(gateway.calls)

    known = {"transactionKey": gateway.cancels[0].transaction_key}
    assert post("CANCEL_STATUS_CHANGED", known) is WebhookStatus.DONE
    assert gateway.calls[before][0] == "find_payment"
    assert post("CANCEL_STATUS_CHANGED", {"transactionKey": "x"}) is WebhookStatus.IGNORED


def test_while_toss_does_not_answer_it_waits_and_is_given_up_at_last(
    post, settle, payment, gateway, now
):
    gateway.lose_before("find_payment")
    assert post("PAYMENT_STATUS_CHANGED", changed(payment)) is WebhookStatus.PENDING
    event = db.session.scalars(select(WebhookEvent)).one()
    assert event.next_try_at > now

    for _ in range(MAX_TRIES):
        gateway.lose_before("find_payment")
        settle(event.id, now)
    assert db.session.get_one(WebhookEvent, event.id).status is WebhookStatus.DEAD
    assert Notice.with_cause(f"alert:webhook_unsettled:{event.id}") is not None


@pytest.fixture
def plain(subscription, vault):
    return subscription.billing_key.plain(vault)


def test_a_deleted_key_pauses_charging_and_destroys_nothing(
    post, plain, subscription, gateway, vault
):
    assert post("BILLING_DELETED", {"billingKey": plain, "reason": None}) is WebhookStatus.DONE

    kept = db.session.get_one(Subscription, subscription.id)
    assert kept.is_active
    assert kept.billing_key.is_suspect
    assert kept.billing_key.status is BillingKeyStatus.ACTIVE
    assert kept.billing_key.plain(vault) == plain
    assert Notice.with_cause(f"card_suspect:{kept.billing_key_id}") is not None
    renewed = renew(
        subscription_id=subscription.id, gateway=gateway, vault=vault, terms=TERMS, now=DUE
    )
    assert renewed is None
    assert len(gateway.payments) == 1
    assert db.session.get_one(Subscription, subscription.id).needs_card


def test_told_twice_its_customer_is_asked_once(post, plain):
    for _ in range(3):
        post("BILLING_DELETED", {"billingKey": plain})

    asked = select(Notice).filter_by(kind="card_suspect")
    assert len(db.session.scalars(asked).all()) == 1


def test_another_card_goes_on_and_collects_what_is_due(
    post, plain, subscription, gateway, vault, buyer, user
):
    post("BILLING_DELETED", {"billingKey": plain})
    renew(subscription_id=subscription.id, gateway=gateway, vault=vault, terms=TERMS, now=DUE)
    later = DUE + timedelta(hours=2)
    checkout = start_card_change(user=user, subscription_id=subscription.id, now=later)
    auth_key = gateway.register(user.customer_key)
    authorize_checkout(checkout_id=checkout.id, auth_key=auth_key, vault=vault, now=later)
    buyer.finish(checkout.id, now=later)

    recovered = db.session.get_one(Subscription, subscription.id)
    assert recovered.is_active
    assert [paid.total_won for paid in gateway.payments] == [9900, 9900]


def test_without_another_card_it_ends_after_the_grace_days(
    post, plain, subscription, gateway, vault
):
    post("BILLING_DELETED", {"billingKey": plain})
    renew(subscription_id=subscription.id, gateway=gateway, vault=vault, terms=TERMS, now=DUE)

    lapse(subscription_id=subscription.id, now=DUE + timedelta(days=7))

    assert db.session.get_one(Subscription, subscription.id).ended_unpaid


def test_a_key_that_is_nobodys_or_gone_already_changes_nothing(post, plain, subscription):
    assert post("BILLING_DELETED", {"billingKey": "unknown"}) is WebhookStatus.IGNORED
    assert post("BILLING_DELETED", {"billingKey": None}) is WebhookStatus.IGNORED
    key = db.session.get_one(BillingKey, subscription.billing_key_id)
    key.begin_revocation()
    db.session.commit()

    assert post("BILLING_DELETED", {"billingKey": plain}) is WebhookStatus.DONE
    assert not db.session.get_one(BillingKey, key.id).is_suspect


def test_after_ninety_days_a_webhook_is_erased(post, payment, now):
    post("PAYMENT_STATUS_CHANGED", changed(payment))
    [event_id] = db.session.scalars(select(WebhookEvent.id))

    for days, left in ((90, 1), (91, 0)):
        forget_webhook(event_id=event_id, now=now + timedelta(days=days))
        assert len(db.session.scalars(select(WebhookEvent)).all()) == left
