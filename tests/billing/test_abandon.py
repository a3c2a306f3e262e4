from datetime import timedelta

import pytest

from billing.abandon import INCOMPLETE_FOR, OPEN_FOR, abandon_checkout, abandon_subscription
from billing.subscribe import authorize_checkout
from gateways.payment import CardDeclined, OutcomeUnknown
from models import Checkout, Subscription, db
from models.checkout import FailureKind
from models.subscription import EndReason


def test_a_checkout_is_closed_an_hour_after_its_quote_ended(buyer, user, gateway, vault, now):
    checkout_id = buyer.start(user, now=now)
    late = now + timedelta(minutes=60) + OPEN_FOR
    assert Checkout.to_abandon(expired_before=late - OPEN_FOR, limit=9) == []
    abandon_checkout(checkout_id=checkout_id, now=late)
    assert db.session.get_one(Checkout, checkout_id).is_open

    late += timedelta(seconds=1)
    [(_, found)] = Checkout.to_abandon(expired_before=late - OPEN_FOR, limit=9)
    abandon_checkout(checkout_id=found, now=late)

    auth_key = gateway.register(user.customer_key)
    authorize_checkout(checkout_id=checkout_id, auth_key=auth_key, vault=vault, now=late)
    closed = db.session.get_one(Checkout, checkout_id)
    assert closed.failure_kind is FailureKind.ABANDONED
    assert closed.auth_key_ciphertext is None, "who comes back after all is told to start anew"


@pytest.fixture
def unpaid(buyer, user, gateway, now):
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    with pytest.raises(CardDeclined):
        buyer.finish(buyer.come_back(user, now=now), now=now)
    return Subscription.latest_for(user.id).id


def test_a_subscription_never_paid_for_gives_its_place_up_after_a_day(unpaid, now):
    abandon_subscription(subscription_id=unpaid, now=now + INCOMPLETE_FOR)
    assert db.session.get_one(Subscription, unpaid).is_incomplete

    later = now + INCOMPLETE_FOR + timedelta(seconds=1)
    [(_, found)] = Subscription.to_abandon(created_before=later - INCOMPLETE_FOR, limit=9)
    abandon_subscription(subscription_id=found, now=later)

    ended = db.session.get_one(Subscription, unpaid)
    assert (ended.is_ended, ended.end_reason) == (True, EndReason.ABANDONED)
    assert ended.open_invoice is None


def test_a_first_payment_under_way_holds_this_back(buyer, user, gateway, now):
    gateway.lose_next("charge")
    with pytest.raises(OutcomeUnknown):
        buyer.finish(buyer.come_back(user, now=now), now=now)
    subscription_id = Subscription.latest_for(user.id).id

    abandon_subscription(subscription_id=subscription_id, now=now + timedelta(days=9))

    assert db.session.get_one(Subscription, subscription_id).is_incomplete
