from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.periods import Interval, Period, nth_period
from rules.refunds import RefundKind, RefundTerms, refund, tax_free_share, withdrawal_ends_on

MONTH = Period(date(2026, 11, 20), date(2026, 12, 20))
YEAR = Period(date(2026, 11, 20), date(2027, 11, 20))
WITHDRAWAL, TERMINATION = RefundKind.WITHDRAWAL, RefundKind.TERMINATION

EXAMPLES = [
    (9_900, MONTH, date(2026, 11, 20), False, 0, 1, 9_900, WITHDRAWAL),
    (9_900, MONTH, date(2026, 11, 27), False, 0, 8, 9_900, WITHDRAWAL),
    (9_900, MONTH, date(2026, 11, 27), True, 10, 8, 7_260, WITHDRAWAL),
    (9_900, MONTH, date(2026, 11, 28), False, 0, 9, 6_930, TERMINATION),
    (9_900, MONTH, date(2026, 11, 29), True, 0, 10, 6_600, TERMINATION),
    (9_900, MONTH, date(2026, 11, 29), True, 10, 10, 5_940, TERMINATION),
    (9_900, MONTH, date(2026, 12, 19), True, 0, 30, 0, TERMINATION),
    (99_000, YEAR, date(2027, 2, 27), True, 0, 100, 71_877, TERMINATION),
    (99_000, YEAR, date(2027, 2, 27), True, 10, 100, 64_690, TERMINATION),
    (99_000, YEAR, date(2026, 11, 22), True, 10, 3, 98_187, WITHDRAWAL),
]


@pytest.mark.parametrize(
    ("amount", "period", "requested_on", "used", "percent", "used_days", "won", "kind"), EXAMPLES
)
def test_the_ten_examples(amount, period, requested_on, used, percent, used_days, won, kind):
    found = refund(
        amount_won=amount,
        period=period,
        requested_on=requested_on,
        was_used=used,
        terms=RefundTerms(penalty_percent=percent),
    )
    assert (found.used_days, found.won, found.kind) == (used_days, won, kind)
    assert found.total_days == (period.end_on - period.start_on).days


@pytest.mark.parametrize(
    ("paid_on", "noticed_on", "last_day"),
    [
        (None, None, date(2026, 11, 27)),
        (date(2026, 11, 22), None, date(2026, 11, 29)),
        (date(2026, 11, 18), date(2026, 11, 21), date(2026, 11, 28)),
        (date(2026, 11, 23), date(2026, 11, 21), date(2026, 11, 30)),
    ],
)
def test_withdrawal_counts_from_the_latest_day(paid_on, noticed_on, last_day):
    terms = RefundTerms()

    def on(requested_on):
        return refund(
            amount_won=9_900,
            period=MONTH,
            requested_on=requested_on,
            was_used=False,
            terms=terms,
            paid_on=paid_on,
            noticed_on=noticed_on,
        )

    ends_on = withdrawal_ends_on(MONTH, terms=terms, paid_on=paid_on, noticed_on=noticed_on)
    assert ends_on == last_day
    assert on(last_day).won == 9_900
    after = on(last_day + timedelta(days=1))
    assert after.kind is TERMINATION
    assert after.won < 9_900


def test_never_more_than_is_left_of_the_payment():
    found = refund(
        amount_won=9_900,
        period=MONTH,
        requested_on=MONTH.start_on,
        was_used=False,
        terms=RefundTerms(),
        balance_won=4_000,
    )
    assert found.won == 4_000


def test_a_request_after_the_period_gives_nothing_back():
    found = refund(
        amount_won=9_900,
        period=MONTH,
        requested_on=MONTH.end_on + timedelta(days=90),
        was_used=True,
        terms=RefundTerms(),
    )
    assert found.won == 0


@pytest.mark.parametrize(("days", "percent"), [(6, 0), (7, 11), (7, -1)])
def test_terms_worse_than_the_law_are_refused(days, percent):
    with pytest.raises(ValueError):
        RefundTerms(withdraw_days=days, penalty_percent=percent)


@given(
    amount=st.integers(100, 10_000_000),
    anchor=st.dates(date(2020, 1, 1), date(2070, 1, 1)),
    interval=st.sampled_from(Interval),
    day=st.integers(0, 400),
    percent=st.integers(0, 10),
    used=st.booleans(),
)
def test_what_comes_back_is_bounded_and_falls_day_by_day(
    amount, anchor, interval, day, percent, used
):
    period = nth_period(anchor, 1, interval)

    def on(requested_on):
        return refund(
            amount_won=amount,
            period=period,
            requested_on=requested_on,
            was_used=used,
            terms=RefundTerms(penalty_percent=percent),
        )

    today, tomorrow = on(anchor + timedelta(days=day)), on(anchor + timedelta(days=day + 1))
    assert 0 <= tomorrow.won <= today.won <= amount
    if today.kind is TERMINATION:
        exact = amount * (today.total_days - today.used_days) * (100 - percent)
        assert 0 <= today.won * today.total_days * 100 - exact < today.total_days * 100


@given(
    amount=st.integers(1, 10_000_000),
    balance=st.integers(0, 10_000_000),
    tax_free=st.integers(0, 10_000_000),
)
def test_the_tax_free_share_is_covered_by_what_is_left_on_either_side(amount, balance, tax_free):
    balance, tax_free = max(amount, balance), min(tax_free, max(amount, balance))

    share = tax_free_share(amount, balance_won=balance, tax_free_won=tax_free)

    assert 0 <= share <= min(amount, tax_free)
    assert amount - share <= balance - tax_free


def test_all_of_a_balance_takes_all_of_its_tax_free_part():
    assert tax_free_share(9900, balance_won=9900, tax_free_won=990) == 990
    assert tax_free_share(4950, balance_won=9900, tax_free_won=990) == 495
