import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.periods import Interval, Period, nth_period, seoul_date, seoul_instant


@pytest.mark.parametrize(
    ("anchor", "number", "start", "end"),
    [
        (date(2026, 11, 20), 1, date(2026, 11, 20), date(2026, 12, 20)),
        (date(2026, 1, 31), 1, date(2026, 1, 31), date(2026, 2, 28)),
        (date(2026, 1, 31), 2, date(2026, 2, 28), date(2026, 3, 31)),
        (date(2026, 1, 31), 3, date(2026, 3, 31), date(2026, 4, 30)),
        (date(2027, 12, 31), 2, date(2028, 1, 31), date(2028, 2, 29)),
        (date(2026, 12, 20), 1, date(2026, 12, 20), date(2027, 1, 20)),
    ],
)
def test_months_return_to_the_anchor_day(anchor, number, start, end):
    assert nth_period(anchor, number, Interval.MONTH) == Period(start, end)


@pytest.mark.parametrize(
    ("number", "start", "end"),
    [
        (1, date(2028, 2, 29), date(2029, 2, 28)),
        (4, date(2031, 2, 28), date(2032, 2, 29)),
    ],
)
def test_years_from_a_leap_day(number, start, end):
    assert nth_period(date(2028, 2, 29), number, Interval.YEAR) == Period(start, end)


def test_the_last_day_is_the_day_before_the_end():
    assert Period(date(2026, 11, 20), date(2026, 12, 20)).last_on == date(2026, 12, 19)


def test_days_are_days_in_seoul():
    assert seoul_date(datetime(2026, 11, 19, 14, 59, 59, tzinfo=UTC)) == date(2026, 11, 19)
    assert seoul_date(datetime(2026, 11, 19, 15, 0, tzinfo=UTC)) == date(2026, 11, 20)
    assert seoul_instant(date(2026, 11, 20)) == datetime(2026, 11, 19, 15, 0, tzinfo=UTC)
    assert seoul_instant(date(2026, 11, 20), 9) == datetime(2026, 11, 20, 0, 0, tzinfo=UTC)


ANCHORS = st.dates(date(2020, 1, 1), date(2070, 12, 31))
EVERY = st.sampled_from([(Interval.MONTH, count) for count in range(1, 13)] + [(Interval.YEAR, 1)])


@given(anchor=ANCHORS, every=EVERY, number=st.integers(1, 120))
def test_periods_tile_without_a_gap_or_an_overlap(anchor, every, number):
    period = nth_period(anchor, number, *every)
    assert period.start_on < period.end_on
    assert period.end_on == nth_period(anchor, number + 1, *every).start_on


@given(anchor=ANCHORS, every=EVERY, number=st.integers(1, 120))
def test_every_period_begins_on_the_anchors_day_or_the_months_last(anchor, every, number):
    start_on = nth_period(anchor, number, *every).start_on
    last_of_month = (start_on + timedelta(days=1)).month != start_on.month
    assert start_on.day == anchor.day or (last_of_month and start_on.day < anchor.day)


@given(anchor=ANCHORS, every=EVERY)
def test_a_period_has_the_months_that_it_was_sold_for(anchor, every):
    interval, count = every
    first = nth_period(anchor, 1, *every)
    months = (first.end_on.year - first.start_on.year) * 12 + first.end_on.month
    assert months - first.start_on.month == interval.months * count


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati", "Asia/Seoul"])
def test_days_are_seouls_whatever_zone_the_server_is_in(monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        midnight = seoul_instant(date(2026, 11, 21))
        assert midnight == datetime(2026, 11, 20, 15, tzinfo=UTC)
        assert seoul_date(midnight) == date(2026, 11, 21)
        assert seoul_date(midnight - timedelta(seconds=1)) == date(2026, 11, 20)
    finally:
        monkeypatch.undo()
        time.tzset()
