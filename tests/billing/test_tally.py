"""The merchant's daily figures: what ran, what it brings in, what began, ended and failed."""

from datetime import UTC, date, datetime, timedelta

import pytest

from billing.leave import leave_now, quote_leaving
from billing.renew import renew
from billing.tally import tally
from gateways.payment import CardDeclined
from models import DailyFigure, Subscription, db
from rules.collection_terms import CollectionTerms
from rules.refunds import RefundTerms

TERMS = CollectionTerms()
TODAY = date(2026, 11, 20)
DUE = datetime(2026, 12, 20, 0, 0, tzinfo=UTC)  # 09:00 on 20 December in Seoul


@pytest.fixture
def figure():
    """Count a day at an instant and return its figures."""

    def of(day, now):
        tally(day=day, now=now)
        return db.session.get_one(DailyFigure, day)

    return of


@pytest.fixture
def begin(buyer, gateway):
    def subscribe(user, now, plan=None):
        gateway.now = now
        return buyer.finish(buyer.come_back(user, now=now, plan=plan), now=now)

    return subscribe


def test_an_empty_shop_has_figures_too(figure, now):
    one = figure(TODAY, now)
    assert (one.active, one.mrr_won, one.begun, one.ended, one.recovered, one.failed) == (
        0, 0, 0, 0, 0, {},
    )  # fmt: skip


def test_a_year_counts_by_its_twelfth(begin, figure, user, other_user, yearly_plan, now):
    begin(user, now)
    begin(other_user, now, yearly_plan)
    one = figure(TODAY, now)
    assert (one.active, one.mrr_won, one.begun) == (2, 9900 + 8250, 2)


def test_a_day_ends_at_midnight_in_seoul(begin, figure, user, other_user):
    begin(user, datetime(2026, 11, 20, 14, 59, 59, tzinfo=UTC))
    begin(other_user, datetime(2026, 11, 20, 15, 0, tzinfo=UTC))
    late = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    assert (figure(TODAY, late).begun, figure(TODAY + timedelta(days=1), late).begun) == (1, 1)


def test_a_decline_and_its_recovery_are_told_apart(begin, figure, gateway, vault, user, now):
    checkout = begin(user, now)
    subscription_id = checkout.invoice.subscription_id
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    with pytest.raises(CardDeclined):
        renew(subscription_id=subscription_id, gateway=gateway, vault=vault, terms=TERMS, now=DUE)
    failed = figure(date(2026, 12, 20), DUE)
    assert (failed.failed, failed.recovered, failed.active) == ({"REJECT_CARD_PAYMENT": 1}, 0, 1)

    later = gateway.now = DUE + timedelta(days=1)
    renew(subscription_id=subscription_id, gateway=gateway, vault=vault, terms=TERMS, now=later)
    one = figure(date(2026, 12, 21), later)
    assert (one.failed, one.recovered, one.begun) == ({}, 1, 0)


def test_who_left_is_counted_once_and_who_never_paid_is_not(begin, figure, user, now):
    terms = RefundTerms()
    subscription: Subscription = begin(user, now).invoice.subscription
    quote = quote_leaving(subscription_id=subscription.id, terms=terms, now=now)
    leave_now(
        subscription_id=subscription.id, quote_id=quote.id, actor_id=user.id, terms=terms, now=now
    )
    one = figure(TODAY, now)
    assert (one.active, one.ended, one.begun, one.mrr_won) == (0, 1, 1, 0)


def test_today_is_counted_every_ten_minutes_and_a_day_once_more_when_it_is_over(figure, now):
    assert DailyFigure.to_count(now=now) == [("2026-11-20",)]
    figure(TODAY, now)
    assert DailyFigure.to_count(now=now + timedelta(minutes=9)) == []
    assert DailyFigure.to_count(now=now + timedelta(minutes=10)) == [("2026-11-20",)]

    tomorrow = now + timedelta(days=1)
    assert DailyFigure.to_count(now=tomorrow) == [("2026-11-20",), ("2026-11-21",)]
    figure(TODAY, tomorrow)
    figure(TODAY + timedelta(days=1), tomorrow)
    assert DailyFigure.to_count(now=tomorrow) == []


def test_days_on_which_nobody_counted_are_made_up_for(figure, now):
    figure(TODAY, now + timedelta(days=1))
    days = DailyFigure.to_count(now=now + timedelta(days=5))
    assert [day for (day,) in days] == [f"2026-11-{n}" for n in range(21, 26)]
    assert len(DailyFigure.to_count(now=now + timedelta(days=300))) == 8


def test_a_clock_that_was_set_back_counts_nothing(figure, now):
    figure(TODAY + timedelta(days=30), now + timedelta(days=30))
    assert DailyFigure.to_count(now=now) == []


def test_passes_are_counted_beside_subscriptions(pass_buyer, figure, user, now):
    pass_buyer.buy(user, now=now)
    one = figure(TODAY, now)
    assert (one.passes, one.begun, one.active) == (1, 0, 0)
