from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.collection_terms import CollectionTerms

TERMS = CollectionTerms(billing_hour=9, retry_days=(1, 3, 5), grace_days=7)
DECLINED = date(2026, 11, 20)
GRACE_ENDS = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 11, 19, 23, 59, 59, tzinfo=UTC), date(2026, 11, 19)),
        (datetime(2026, 11, 20, 0, 0, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC), date(2026, 11, 20)),
    ],
)
def test_a_days_charging_begins_at_nine_in_seoul(instant, day):
    assert TERMS.charging_day(instant) == day


@pytest.mark.parametrize(
    ("instant", "hours"),
    [
        (datetime(2026, 11, 19, 15, 0, tzinfo=UTC), 9),
        (datetime(2026, 11, 19, 23, 0, tzinfo=UTC), 1),
        (datetime(2026, 11, 20, 0, 0, tzinfo=UTC), 0),
        (datetime(2026, 11, 20, 14, 59, tzinfo=UTC), 0),
    ],
)
def test_the_wait_for_a_days_charging_ends_at_nine_in_seoul(instant, hours):
    assert TERMS.wait(instant) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (date(2026, 11, 20), date(2026, 11, 21)),
        (date(2026, 11, 21), date(2026, 11, 23)),
        (date(2026, 11, 22), date(2026, 11, 23)),
        (date(2026, 11, 23), date(2026, 11, 25)),
        (date(2026, 11, 25), None),
    ],
)
def test_retries_come_one_three_and_five_days_after_the_first_decline(after, expected):
    found = TERMS.next_retry_on(declined_on=DECLINED, after=after, grace_ends_on=GRACE_ENDS)
    assert found == expected


def test_no_retry_comes_on_or_after_the_end_of_grace():
    found = TERMS.next_retry_on(
        declined_on=date(2026, 11, 24), after=date(2026, 11, 25), grace_ends_on=GRACE_ENDS
    )
    assert found is None


@given(
    st.lists(st.integers(1, 27), unique=True, min_size=1).map(sorted),
    st.integers(1, 28),
    st.dates(date(2026, 1, 1), date(2030, 1, 1)),
    st.integers(0, 40),
)
def test_every_retry_lies_between_the_last_try_and_the_end_of_grace(days, grace, declined, passed):
    terms = CollectionTerms(retry_days=tuple(days), grace_days=grace)
    after = date.fromordinal(declined.toordinal() + passed)
    ends = terms.grace_ends_on(declined)
    found = terms.next_retry_on(declined_on=declined, after=after, grace_ends_on=ends)
    assert found is None or after < found < ends
