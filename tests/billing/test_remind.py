"""The next renewal is announced: a week ahead, and a month ahead too for plans of a year."""

from datetime import date

import pytest
from sqlalchemy import select

from billing.cancel import resume, schedule_cancellation
from billing.remind import remind
from models import Notice, Subscription, db
from models.notice import NoticeKind
from rules.collection_terms import next_reminder_on
from rules.periods import Period, seoul_instant

MONTH = Period(date(2026, 11, 20), date(2026, 12, 20))
YEAR = Period(date(2025, 12, 20), date(2026, 12, 20))


@pytest.mark.parametrize(
    ("period", "after", "expected"),
    [
        (MONTH, date(2026, 11, 20), date(2026, 12, 13)),
        (MONTH, date(2026, 12, 13), None),
        (YEAR, date(2026, 1, 1), date(2026, 11, 20)),
        (YEAR, date(2026, 11, 20), date(2026, 12, 13)),
        (YEAR, date(2026, 12, 20), None),
    ],
)
def test_the_days_of_reminders(period, after, expected):
    assert next_reminder_on(period, after=after) == expected


def reminders():
    query = select(Notice).filter_by(kind=NoticeKind.RENEWAL_COMING).order_by(Notice.id)
    return [(one.facts["due_on"], one.facts["won"]) for one in db.session.scalars(query)]


def run_on(day):
    """Do what the run does about reminders on a day."""
    at = seoul_instant(day, 10)
    for _, subscription_id in Subscription.to_remind(day, limit=9):
        remind(subscription_id=subscription_id, now=at)


def test_a_month_is_announced_once_a_week_ahead(subscription):
    run_on(date(2026, 12, 12))
    assert reminders() == []
    for day in (13, 13, 14, 19):
        run_on(date(2026, 12, day))

    assert reminders() == [("2026-12-20", 9900)]


def test_a_year_is_announced_thirty_and_seven_days_ahead(buyer, user, yearly_plan, now):
    buyer.finish(buyer.come_back(user, now=now, plan=yearly_plan), now=now)
    for day in (date(2027, 10, 20), date(2027, 10, 21), date(2027, 11, 12), date(2027, 11, 13)):
        run_on(day)

    assert reminders() == [("2027-11-20", 99_000)] * 2


def test_a_late_run_still_announces_before_the_charge(subscription):
    run_on(date(2026, 12, 18))

    assert reminders() == [("2026-12-20", 9900)]


def test_after_the_charge_was_due_nothing_is_announced(subscription):
    run_on(date(2026, 12, 21))

    assert reminders() == []
    assert Subscription.to_remind(date(2027, 1, 1), limit=9) == []


def test_who_canceled_hears_nothing_and_who_resumed_does(subscription, user, now):
    schedule_cancellation(subscription_id=subscription.id, actor_id=user.id, now=now)
    run_on(date(2026, 12, 14))
    assert reminders() == []
    resume(subscription_id=subscription.id, actor_id=user.id, now=now)
    run_on(date(2026, 12, 14))

    assert reminders() == [("2026-12-20", 9900)]
