import threading
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text

from billing.cancel import end_due, schedule_cancellation
from billing.change_card import NothingToChange, start_card_change
from billing.renew import renew
from billing.subscribe import authorize_checkout, finish_checkout
from gateways.payment import BillingKeyRejected, CardDeclined, OutcomeUnknown
from models import BillingKey, Checkout, Notice, PaymentAttempt, Subscription, db
from models.billing_key import BillingKeyStatus
from models.checkout import FailureKind
from models.notice import NoticeKind
from rules.collection_terms import CollectionTerms

TERMS = CollectionTerms()
DUE = datetime(2026, 12, 20, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def sub_id(subscription):
    return subscription.id


@pytest.fixture
def sub(sub_id):
    def load():
        db.session.rollback()
        db.session.expire_all()
        return db.session.get_one(Subscription, sub_id)

    return load


@pytest.fixture
def change(sub_id, user, gateway, vault):
    """Change the card at an instant; return the checkout."""

    def at(now, finish=True):
        gateway.now = now
        checkout_id = start_card_change(user=user, subscription_id=sub_id, now=now).id
        auth_key = gateway.register(user.customer_key)
        authorize_checkout(checkout_id=checkout_id, auth_key=auth_key, vault=vault, now=now)
        if finish:
            finish_checkout(
                checkout_id=checkout_id, gateway=gateway, vault=vault, terms=TERMS, now=now
            )
        return db.session.get_one(Checkout, checkout_id)

    return at


@pytest.fixture
def charge(sub_id, gateway, vault):
    def at(now):
        gateway.now = now
        try:
            return renew(subscription_id=sub_id, gateway=gateway, vault=vault, terms=TERMS, now=now)
        except (CardDeclined, BillingKeyRejected, OutcomeUnknown) as refusal:
            return refusal

    return at


def keys_used(gateway):
    return [request.billing_key for operation, request in gateway.calls if operation == "charge"]


def test_the_new_card_replaces_the_old_and_charges_nothing(sub, change, gateway, now):
    old = sub().billing_key_id
    checkout = change(now + DAY)

    assert checkout.is_completed
    assert sub().billing_key_id != old
    assert db.session.get_one(BillingKey, old).status is BillingKeyStatus.REVOKING
    assert len(gateway.payments) == 1
    assert sub().next_charge_on == date(2026, 12, 20), "no day earlier than before"
    assert checkout.auth_key_ciphertext is None
    kinds = [notice.kind for notice in db.session.scalars(select(Notice).order_by(Notice.id))]
    assert kinds[-1] is NoticeKind.CARD_CHANGED


def test_the_next_renewal_goes_to_the_new_card(change, charge, gateway, now):
    change(now + DAY)
    charge(DUE)
    assert keys_used(gateway)[-1] == gateway.billing_keys[-1].billing_key


def test_what_is_past_due_is_collected_at_once_outside_the_retry_days(sub, change, charge, gateway):
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    charge(DUE)

    change(DUE + timedelta(hours=18))  # 03:00 in Seoul, a day before the next retry

    assert sub().is_active
    assert sub().paid_until_on == date(2027, 1, 20)
    assert len(gateway.payments) == 2
    assert keys_used(gateway)[-1] == gateway.billing_keys[-1].billing_key


def test_a_refused_new_card_does_not_start_the_dunning_anew(sub, change, charge, gateway):
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    charge(DUE)
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))

    with pytest.raises(CardDeclined):
        change(DUE + 2 * DAY)

    owing = sub()
    assert owing.is_past_due
    assert owing.past_due_since == DUE
    assert owing.next_charge_on == date(2026, 12, 23)
    assert owing.grace_ends_on == date(2026, 12, 27)


def test_a_new_card_goes_on_after_one_that_never_works(sub, change, charge, gateway):
    gateway.fail_next("charge", BillingKeyRejected("INVALID_STOPPED_CARD"))
    charge(DUE)
    assert sub().needs_card

    change(DUE + DAY)

    assert sub().is_active


def test_a_card_changed_while_the_old_ones_answer_is_lost_is_not_charged_too(
    sub, change, charge, gateway, vault
):
    gateway.lose_next("charge")
    charge(DUE)
    change(DUE + timedelta(minutes=1))
    assert len(gateway.payments) == 2
    assert len(keys_used(gateway)) == 2

    from billing.reconcile import reconcile

    [(_, attempt_id)] = PaymentAttempt.pending(looked_up_before=None, limit=9)
    reconcile(attempt_id=attempt_id, gateway=gateway, vault=vault, terms=TERMS, now=DUE + DAY)
    assert sub().is_active
    assert len(gateway.payments) == 2


def test_when_the_old_cards_lost_answer_was_a_refusal_the_new_one_is_charged_at_once(
    sub, change, charge, gateway, vault
):
    gateway.lose_before("charge")
    charge(DUE)
    change(DUE + timedelta(minutes=1))
    gateway.fail_next("charge", BillingKeyRejected("INVALID_STOPPED_CARD"))

    from billing.reconcile import reconcile

    [(_, attempt_id)] = PaymentAttempt.pending(looked_up_before=None, limit=9)
    with pytest.raises(BillingKeyRejected):
        reconcile(attempt_id=attempt_id, gateway=gateway, vault=vault, terms=TERMS, now=DUE + DAY)

    assert sub().next_charge_on == date(2026, 12, 21)
    charge(DUE + DAY)
    assert sub().is_active


def test_coming_back_twice_changes_the_card_once(change, gateway, vault, now):
    checkout = change(now + DAY)
    finish_checkout(
        checkout_id=checkout.id, gateway=gateway, vault=vault, terms=TERMS, now=now + DAY
    )
    assert len(gateway.billing_keys) == 2


def test_a_lost_answer_to_issue_is_finished_later(sub, change, gateway, vault, now):
    old = sub().billing_key_id
    gateway.lose_next("issue_billing_key")
    with pytest.raises(OutcomeUnknown):
        change(now + DAY)
    assert sub().billing_key_id == old
    [(_, checkout_id)] = Checkout.unfinished(now=now + 2 * DAY, limit=9)

    finish_checkout(
        checkout_id=checkout_id, gateway=gateway, vault=vault, terms=TERMS, now=now + 2 * DAY
    )

    assert sub().billing_key_id != old
    assert len(gateway.billing_keys) == 2


def test_a_card_for_a_subscription_that_ended_meanwhile_is_given_up(
    sub, change, user, sub_id, gateway, vault, now
):
    checkout_id = change(now, finish=False).id
    schedule_cancellation(subscription_id=sub_id, actor_id=user.id, now=now)
    end_due(subscription_id=sub_id, now=DUE)

    finish_checkout(checkout_id=checkout_id, gateway=gateway, vault=vault, terms=TERMS, now=DUE)

    assert db.session.get_one(Checkout, checkout_id).failure_kind is FailureKind.ENDED
    statuses = set(db.session.scalars(select(BillingKey.status)))
    assert statuses == {BillingKeyStatus.REVOKING}


def test_only_the_owner_of_a_running_subscription_changes_its_card(sub_id, other_user, user, now):
    with pytest.raises(NothingToChange):
        start_card_change(user=other_user, subscription_id=sub_id, now=now)
    schedule_cancellation(subscription_id=sub_id, actor_id=user.id, now=now)
    end_due(subscription_id=sub_id, now=DUE)
    with pytest.raises(NothingToChange):
        start_card_change(user=user, subscription_id=sub_id, now=DUE)


def until_somebody_waits_for_a_lock():
    """Return once another connection stands before a lock; SQLite cannot tell, and need not."""
    if db.engine.dialect.name == "sqlite":
        return
    end = time.monotonic() + 10
    with db.engine.connect() as connection:
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not connection.execute(waiting).scalar_one():
            assert time.monotonic() < end, "nobody came to the lock"
            threading.Event().wait(0.02)


def test_who_waits_for_the_lock_while_the_card_changes_reads_the_new_card(app, sub_id, user, now):
    """The lock is held by a card change; another use case waits for it and goes on after."""
    holds, waits, seen = threading.Event(), threading.Event(), []

    def wait_for_the_lock():
        with app.app_context():
            holds.wait(10)
            waits.set()
            seen.append(Subscription.locked(sub_id).billing_key.card_number)
            db.session.rollback()

    thread = threading.Thread(target=wait_for_the_lock)
    thread.start()
    subscription = Subscription.locked(sub_id)
    holds.set()
    waits.wait(10)
    until_somebody_waits_for_a_lock()
    new = BillingKey(
        user_id=user.id,
        ciphertext="x",
        fingerprint="new",
        method="카드",
        card_issuer="국민",
        card_number="new card",
        key_pair="billing",
        m_id="x",
        secret_fingerprint="x",
        issued_at=now,
    )
    db.session.add(new)
    db.session.flush()
    subscription.replace_billing_key(new, today=date(2026, 11, 20))
    db.session.commit()
    thread.join(20)

    assert seen == ["new card"]
