"""Toss's settlements beside the books: what agrees, what does not, and what is not settled yet."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

import billing.match_settlements
import models.export
from billing.match_settlements import Match, Totals, match_settlements
from billing.refund import begin_refund, give_back
from gateways.payment import CancelRequest, OutcomeUnknown
from models import Payment, Refund, db
from models.refund import RefundCause
from rules.periods import seoul_date
from tests.conftest import held_connections

TODAY, A_DAY = date(2026, 11, 20), timedelta(days=1)


@pytest.fixture(autouse=True)
def _same_time(gateway, now):
    gateway.now = now


@pytest.fixture
def paid(subscription, gateway, now):
    """A payment of 20 November that Toss has settled by now."""
    gateway.now = now + A_DAY
    return db.session.scalars(select(Payment)).one()


@pytest.fixture
def matched(gateway):
    """Return a function that matches days and returns every line; by default the whole November."""

    def match(start_on=TODAY, end_on=TODAY, *, by="sold", ask=None, key_pair="billing"):
        pages = match_settlements(
            ask=ask or gateway.settlements,
            key_pair=key_pair,
            by=by,
            start_on=start_on,
            end_on=end_on,
            today=seoul_date(gateway.now),
        )
        return [line for page in pages for line in page]

    return match


def refund(payment, gateway, now, won=3000):
    """Give some of it back; return the row."""
    gateway.now = now
    begun = begin_refund(payment, won=won, cause=RefundCause.TERMINATION, now=now)
    db.session.commit()
    give_back(refund_id=begun.id, gateway=gateway, now=now)
    gateway.now = now + A_DAY
    return begun


def test_a_payment_and_its_refund_agree(paid, gateway, now, matched):
    given_back = refund(paid, gateway, now)

    sale, back = matched()

    assert (sale.match, back.match) == (Match.SAME, Match.SAME)
    assert (sale.order_id, sale.payment_key) == (paid.order_id, paid.payment_key)
    assert (sale.our_won, sale.toss.amount_won, sale.toss.fee_won) == (9900, 9900, 297)
    assert (back.our_won, back.toss.amount_won) == (-3000, -3000)
    assert back.is_cancel and back.transaction_key == given_back.transaction_key


def test_a_payment_that_only_toss_knows_is_named(paid, matched):
    order_id = paid.order_id
    db.session.execute(delete(Payment))
    db.session.commit()
    [line] = matched()
    assert (line.match, line.order_id, line.our_won) == (Match.UNKNOWN, order_id, None)


def test_money_that_went_back_without_the_shop_is_named(paid, gateway, now, matched):
    gateway.now = now
    gateway.cancel(
        CancelRequest(
            payment_key=paid.payment_key,
            amount_won=1000,
            tax_free_won=0,
            refundable_won=9900,
            reason="back office",
            idempotency_key="x",
        )
    )
    gateway.now = now + A_DAY
    assert [line.match for line in matched()] == [Match.SAME, Match.UNKNOWN]


def test_an_amount_that_differs_is_named_with_both_sides(paid, gateway, now, matched):
    refund(paid, gateway, now)
    db.session.execute(update(Payment).values(amount_won=9901))
    db.session.execute(update(Refund).values(amount_won=3001))
    db.session.commit()
    sale, back = matched()
    assert (sale.match, sale.our_won, sale.toss.amount_won) == (Match.DIFFERENT, 9901, 9900)
    assert (back.match, back.our_won, back.toss.amount_won) == (Match.DIFFERENT, -3001, -3000)


def test_what_toss_names_twice_is_said_to_be_so(paid, gateway, matched):
    def twice(*args, **kwargs):
        return gateway.settlements(*args, **kwargs) * 2

    assert [line.match for line in matched(ask=twice)] == [Match.SAME, Match.REPEATED]


def test_what_toss_has_not_settled_yet_follows(paid, gateway, now, matched):
    given_back = refund(paid, gateway, now)
    gateway.now = now

    sale, back = matched()

    assert (sale.match, sale.our_won, sale.toss) == (Match.UNSETTLED, 9900, None)
    assert (back.match, back.our_won) == (Match.UNSETTLED, -3000)
    assert back.transaction_key == given_back.transaction_key


def test_what_toss_settles_by_another_day_is_not_missing(paid, gateway, matched):
    def by_the_week(start_on, end_on, **how):
        lines = gateway.settlements(TODAY, TODAY, by="sold", page=how["page"], limit=how["limit"])
        sunday = TODAY + 2 * A_DAY
        return tuple(replace(one, sold_on=sunday) for one in lines if start_on <= sunday <= end_on)

    gateway.now += timedelta(days=9)
    assert matched(ask=by_the_week) == []
    assert [line.match for line in matched(end_on=TODAY + 2 * A_DAY, ask=by_the_week)] == [
        Match.SAME
    ]


def test_a_refund_that_was_noted_later_than_toss_counts_it_is_not_missing(
    paid, gateway, now, matched
):
    refund(paid, gateway, now)
    gateway.now += timedelta(days=9)
    db.session.execute(update(Refund).values(created_at=now + timedelta(days=3)))
    db.session.commit()
    assert matched(TODAY + A_DAY, TODAY + 5 * A_DAY) == []


def test_toss_is_asked_about_other_days_only_where_something_is_missing(
    paid, gateway, now, matched
):
    gateway.calls.clear()
    matched()
    assert [asked for _, asked in gateway.calls] == [(TODAY, TODAY, "sold", 1)]
    gateway.calls.clear()
    gateway.now = now
    matched()
    assert [asked[:2] for _, asked in gateway.calls] == [
        (TODAY, TODAY),
        (TODAY - 31 * A_DAY, TODAY - A_DAY),
    ]


def test_a_refund_that_toss_did_not_send_is_not_waited_for(paid, gateway, now, matched):
    begin_refund(paid, won=100, cause=RefundCause.TERMINATION, now=now)
    db.session.commit()
    assert [line.match for line in matched()] == [Match.SAME]


def test_another_pair_of_keys_is_another_list(paid, gateway, now, matched):
    gateway.now = now
    assert matched(key_pair="pass") == []


def test_days_begin_and_end_at_midnight_in_seoul(paid, gateway, matched):
    last_second = datetime(2026, 11, 20, 14, 59, 59, tzinfo=UTC)
    gateway._payments.clear()
    for approved_at, day in (
        (last_second, TODAY),
        (last_second + timedelta(seconds=1), TODAY + A_DAY),
    ):
        db.session.execute(update(Payment).values(approved_at=approved_at))
        db.session.commit()
        found = [each for each in (TODAY - A_DAY, TODAY, TODAY + A_DAY) if matched(each, each)]
        assert found == [day]


def test_by_the_day_of_the_pay_out_nothing_of_ours_is_missing(paid, gateway, now, matched):
    pay_day = TODAY + 5 * A_DAY
    assert matched(by="paid_out") == []
    [line] = matched(pay_day, pay_day, by="paid_out")
    assert (line.match, line.toss.paid_out_on) == (Match.SAME, pay_day)
    gateway.now = now
    assert matched(pay_day, pay_day, by="paid_out") == []


def test_a_long_list_is_read_page_by_page(
    buyer, user, other_user, gateway, now, monkeypatch, matched
):
    monkeypatch.setattr(billing.match_settlements, "PAGE", 1)
    monkeypatch.setattr(models.export, "BATCH", 1)
    for person in (user, other_user):
        buyer.subscribe(person, now=now)
    unsettled = matched()
    gateway.now += A_DAY
    assert [line.match for line in matched()] == [Match.SAME] * 2
    assert [line.match for line in unsettled] == [Match.UNSETTLED] * 2


def test_a_year_is_asked_for_a_month_at_a_time(paid, gateway, matched):
    gateway.now += timedelta(days=40)
    gateway.calls.clear()
    assert len(matched(date(2026, 1, 1), date(2027, 12, 31))) == 1
    asked = [asked[:2] for _, asked in gateway.calls]
    assert asked[0] == (date(2026, 1, 1), date(2026, 1, 31))
    assert all(last - first <= 30 * A_DAY for first, last in asked)
    assert all(next_[0] == one[1] + A_DAY for one, next_ in zip(asked, asked[1:], strict=False))
    assert asked[-1][1] == seoul_date(gateway.now)


def test_a_list_without_an_end_is_not_read_for_ever(paid, gateway, monkeypatch, matched):
    monkeypatch.setattr(billing.match_settlements, "PAGE", 1)
    patience = iter(range(10))

    def always_the_first(*days, by, page, limit):
        next(patience)
        return gateway.settlements(*days, by=by, page=1, limit=limit)

    with pytest.raises(OutcomeUnknown, match="the same"):
        matched(ask=always_the_first)


def test_nothing_is_concluded_from_half_a_list(paid, gateway, matched):
    gateway.lose_before("settlements")
    with pytest.raises(OutcomeUnknown):
        matched()


def test_no_connection_is_held_while_toss_is_asked(app, paid, gateway, now, matched):
    db.session.rollback()
    held = []
    gateway.now = now
    gateway.on_call = lambda *_: held.append(held_connections())
    matched()
    assert held == [0, 0]


def test_the_sums_say_what_was_sold_kept_and_paid_out(paid, gateway, now, matched):
    refund(paid, gateway, now)
    totals = Totals()
    totals.add(matched())
    assert (totals.sales_won, totals.canceled_won) == (9900, -3000)
    assert (totals.fee_won, totals.fee_vat_won) == (297 - 90, 27 - 8)
    assert totals.pay_out_won == 9900 - 3000 - (297 - 90)
    assert totals.pay_outs == {TODAY + 5 * A_DAY: totals.pay_out_won}
    assert (totals.lines[Match.SAME], totals.unmatched, totals.unsettled_won) == (2, 0, 0)


def test_the_sums_count_what_does_not_agree(paid, gateway, now, matched):
    refund(paid, gateway, now)
    gateway.now = now
    unsettled = matched()
    gateway.now = now + A_DAY
    db.session.execute(update(Refund).values(amount_won=1))
    db.session.commit()
    totals = Totals()
    totals.add(
        [*unsettled, *matched(), *matched(ask=lambda *d, **h: gateway.settlements(*d, **h) * 2)]
    )
    assert totals.unmatched == 2 + 2
    assert totals.lines[Match.UNSETTLED] == 2
    assert totals.unsettled_won == 9900 - 3000
