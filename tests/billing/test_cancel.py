from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from billing.cancel import NotCancelable, NotResumable, end_due, resume, schedule_cancellation
from billing.revoke_billing_key import MAX_TRIES, revoke_billing_key
from gateways.payment import CardDeclined, OutcomeUnknown, RequestRejected
from models import AuditEntry, BillingKey, Subscription, db
from models.billing_key import BillingKeyStatus

PERIOD_END = datetime(2026, 12, 19, 15, 0, tzinfo=UTC)  # 00:00 on 20 December in Seoul


def ids(rows):
    """Return the ids of due records."""
    return [row[-1] for row in rows]


@pytest.fixture
def canceled(subscription, user, now):
    return schedule_cancellation(subscription_id=subscription.id, actor_id=user.id, now=now)


def test_canceling_keeps_access_to_the_end_of_the_paid_period(canceled, now):
    assert canceled.is_canceling
    assert canceled.ends_at == PERIOD_END
    assert canceled.grants_access(PERIOD_END - timedelta(seconds=1), grace_days=7)
    assert not canceled.grants_access(PERIOD_END, grace_days=7)


def test_access_ends_on_time_even_if_nobody_runs_anything(canceled):
    assert canceled.is_running
    assert not canceled.grants_access(PERIOD_END, grace_days=7)


def test_canceling_twice_is_refused(canceled, user, now):
    with pytest.raises(NotCancelable):
        schedule_cancellation(subscription_id=canceled.id, actor_id=user.id, now=now)


def test_a_cancellation_can_be_undone_until_the_end(canceled, user):
    resumed = resume(
        subscription_id=canceled.id, actor_id=user.id, now=PERIOD_END - timedelta(seconds=1)
    )

    assert not resumed.is_canceling
    assert resumed.is_running


def test_undoing_after_the_end_is_refused(canceled, user):
    with pytest.raises(NotResumable):
        resume(subscription_id=canceled.id, actor_id=user.id, now=PERIOD_END)


def test_undoing_nothing_is_refused(subscription, user, now):
    with pytest.raises(NotResumable):
        resume(subscription_id=subscription.id, actor_id=user.id, now=now)


def test_the_end_comes_when_it_is_due_and_gives_the_card_up(canceled):
    assert ids(Subscription.due_to_end(now=PERIOD_END - timedelta(seconds=1), limit=9)) == []
    assert ids(Subscription.due_to_end(now=PERIOD_END, limit=9)) == [canceled.id]

    end_due(subscription_id=canceled.id, now=PERIOD_END)

    ended = db.session.get_one(Subscription, canceled.id)
    assert ended.is_ended
    assert ended.billing_key.status is BillingKeyStatus.REVOKING
    assert ids(Subscription.due_to_end(now=PERIOD_END, limit=9)) == []


def test_an_end_that_was_undone_meanwhile_does_not_come(canceled, user, now):
    resume(subscription_id=canceled.id, actor_id=user.id, now=now)

    end_due(subscription_id=canceled.id, now=PERIOD_END)

    assert db.session.get_one(Subscription, canceled.id).is_running


def test_a_subscription_never_paid_for_ends_at_once(buyer, user, gateway, now):
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    with pytest.raises(CardDeclined):
        buyer.finish(buyer.come_back(user, now=now), now=now)
    subscription = Subscription.latest_for(user.id)

    schedule_cancellation(subscription_id=subscription.id, actor_id=user.id, now=now)

    assert subscription.is_ended
    assert subscription.open_invoice is None


def test_a_first_payment_under_way_cannot_be_canceled(buyer, user, gateway, now):
    gateway.lose_next("charge")
    with pytest.raises(OutcomeUnknown):
        buyer.finish(buyer.come_back(user, now=now), now=now)
    subscription = Subscription.latest_for(user.id)

    with pytest.raises(NotCancelable):
        schedule_cancellation(subscription_id=subscription.id, actor_id=user.id, now=now)


def test_who_canceled_and_resumed_is_logged(canceled, user, now):
    resume(subscription_id=canceled.id, actor_id=user.id, now=now)

    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.action, entry.actor_id) for entry in entries] == [
        ("subscription.canceled", user.id),
        ("subscription.resumed", user.id),
    ]


@pytest.fixture
def revoking(canceled):
    end_due(subscription_id=canceled.id, now=PERIOD_END)
    return db.session.get_one(Subscription, canceled.id).billing_key


def test_a_given_up_key_is_deleted_at_toss_and_erased(revoking, gateway, vault):
    assert ids(BillingKey.to_revoke(now=PERIOD_END, limit=9)) == [revoking.id]

    revoke_billing_key(billing_key_id=revoking.id, gateway=gateway, vault=vault, now=PERIOD_END)

    assert gateway.billing_keys[0].is_deleted
    assert (revoking.status, revoking.ciphertext) == (BillingKeyStatus.REVOKED, None)


def test_a_key_is_kept_while_toss_does_not_answer(revoking, gateway, vault):
    gateway.lose_before("delete_billing_key")

    with pytest.raises(OutcomeUnknown):
        revoke_billing_key(billing_key_id=revoking.id, gateway=gateway, vault=vault, now=PERIOD_END)

    assert revoking.ciphertext is not None
    assert ids(BillingKey.to_revoke(now=PERIOD_END, limit=9)) == []
    assert ids(BillingKey.to_revoke(now=PERIOD_END + timedelta(minutes=1), limit=9)) == [
        revoking.id
    ]


def test_a_key_that_toss_will_not_delete_is_erased_all_the_same(revoking, gateway, vault):
    gateway.fail_next("delete_billing_key", RequestRejected("NOT_FOUND_HTTP_METHOD"))

    revoke_billing_key(billing_key_id=revoking.id, gateway=gateway, vault=vault, now=PERIOD_END)

    assert revoking.status is BillingKeyStatus.REVOKED


def test_a_wrong_secret_key_erases_nothing_until_the_tries_run_out(revoking, gateway, vault):
    for _ in range(MAX_TRIES):
        assert revoking.ciphertext is not None
        gateway.fail_next("delete_billing_key", RequestRejected("UNAUTHORIZED_KEY", key_pair=True))
        with pytest.raises(RequestRejected):
            revoke_billing_key(
                billing_key_id=revoking.id, gateway=gateway, vault=vault, now=PERIOD_END
            )

    assert revoking.status is BillingKeyStatus.REVOKED


def test_a_key_is_not_deleted_while_an_attempt_of_it_is_pending(buyer, user, gateway, now):
    gateway.lose_next("charge")
    with pytest.raises(OutcomeUnknown):
        buyer.finish(buyer.come_back(user, now=now), now=now)
    Subscription.latest_for(user.id).billing_key.begin_revocation()
    db.session.commit()

    assert ids(BillingKey.to_revoke(now=now, limit=9)) == []
