from datetime import date, timedelta
from functools import partial

import pytest

from rules.periods import Interval, nth_period
from rules.price_consent import counts, first_from, window_opens_on

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("days_before", "expected"),
    [(31, False), (30, True), (29, True), (2, True), (1, True), (0, False), (-1, False)],
)
@pytest.mark.parametrize(
    "effective_on", [date(2027, 6, 1), date(2028, 3, 1), date(2027, 3, 1), date(2028, 2, 29)]
)
def test_a_consent_counts_from_thirty_days_before_to_the_day_before(
    effective_on, days_before, expected
):
    assert counts(effective_on - days_before * DAY, effective_on=effective_on) is expected


@pytest.mark.parametrize(
    ("effective_on", "opens_on"),
    [
        (date(2027, 6, 1), date(2027, 5, 2)),
        (date(2027, 3, 1), date(2027, 1, 30)),
        (date(2028, 3, 1), date(2028, 1, 31)),
        (date(2027, 1, 15), date(2026, 12, 16)),
    ],
)
def test_the_window_opens_thirty_days_ahead_whatever_the_month(effective_on, opens_on):
    assert window_opens_on(effective_on) == opens_on


MONTHLY = partial(nth_period, interval=Interval.MONTH)
YEARLY = partial(nth_period, interval=Interval.YEAR)


@pytest.mark.parametrize(
    ("anchor", "nth", "number", "day", "expected"),
    [
        (date(2026, 11, 20), MONTHLY, 2, date(2026, 12, 20), date(2026, 12, 20)),
        (date(2026, 11, 20), MONTHLY, 2, date(2026, 12, 21), date(2027, 1, 20)),
        (date(2026, 11, 20), MONTHLY, 2, date(2026, 1, 1), date(2026, 12, 20)),
        (date(2027, 1, 31), MONTHLY, 2, date(2027, 2, 28), date(2027, 2, 28)),
        (date(2027, 1, 31), MONTHLY, 2, date(2027, 3, 1), date(2027, 3, 31)),
        (date(2028, 2, 29), YEARLY, 2, date(2029, 2, 28), date(2029, 2, 28)),
        (date(2028, 2, 29), YEARLY, 2, date(2029, 3, 1), date(2030, 2, 28)),
        (date(2028, 2, 29), YEARLY, 4, date(2031, 3, 1), date(2032, 2, 29)),
    ],
)
def test_the_day_is_the_first_renewal_on_or_after_the_merchants(anchor, nth, number, day, expected):
    found = first_from(day, lambda n: nth(anchor, n), number=number)

    assert found.start_on == expected
