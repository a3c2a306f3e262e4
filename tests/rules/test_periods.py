from datetime import UTC, date, datetime, timedelta

import pytest

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


def test_periods_tile():
    for offset in range(366):
        anchor = date(2027, 3, 1) + timedelta(days=offset)
        periods = [nth_period(anchor, number, Interval.MONTH) for number in range(1, 26)]
        for earlier, later in zip(periods, periods[1:], strict=False):
            assert earlier.end_on == later.start_on > earlier.start_on


def test_the_last_day_is_the_day_before_the_end():
    assert Period(date(2026, 11, 20), date(2026, 12, 20)).last_on == date(2026, 12, 19)


def test_days_are_days_in_seoul():
    assert seoul_date(datetime(2026, 11, 19, 14, 59, 59, tzinfo=UTC)) == date(2026, 11, 19)
    assert seoul_date(datetime(2026, 11, 19, 15, 0, tzinfo=UTC)) == date(2026, 11, 20)
    assert seoul_instant(date(2026, 11, 20)) == datetime(2026, 11, 19, 15, 0, tzinfo=UTC)
    assert seoul_instant(date(2026, 11, 20), 9) == datetime(2026, 11, 20, 0, 0, tzinfo=UTC)
