"""Days that the merchant gives: served, never charged, and nothing that was agreed changes."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from billing.cancel import end_due, schedule_cancellation
from billing.change_plan import quote_change
from billing.extend import NotExtendable, extend
from billing.leave import quote_leaving
from billing.renew import renew
from gateways.payment import CardDeclined
from models import AuditEntry, Invoice, Notice, Payment, Subscription, db
from models.invoice import InvoiceStatus
from models.notice import NoticeKind
from models.subscription import SubscriptionStatus
from rules.collection_terms import CollectionTerms
from rules.periods import Period, seoul_instant
from rules.refunds import RefundTerms

TERMS = CollectionTerms()
DAY = timedelta(days=1)
END = date(2026, 12, 20)


@pytest.fixture
def sub_id(subscription):
    return subscription.id


@pytest.fixture
def contract_sent(sub_id, now):
    """The days of withdrawal have begun: the contract was mailed."""
    notice = Notice.with_cause(f"contract:{sub_id}:1")
    notice.lease(until=now)
    notice.mark_sent(now=now)
    db.session.commit()


@pytest.fixture
def give(sub_id, merchant, now):
    def days(count, at=now):
        return extend(
            subscription_id=sub_id, days=count, actor_id=merchant.id, reason="낭독 장애", now=at
        )

    return days


@pytest.fixture
def charge(sub_id, gateway, vault):
    def on(day):
        gateway.now = seoul_instant(day) + timedelta(hours=9)
        return renew(
            subscription_id=sub_id, gateway=gateway, vault=vault, terms=TERMS, now=gateway.now
        )

    return on


def sub(sub_id):
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Subscription, sub_id)


def invoices():
    query = select(Invoice).order_by(Invoice.id)
    return [
        (one.term_no, one.period_no, str(one.period_start_on), str(one.period_end_on), one.status)
        for one in db.session.scalars(query)
    ]


def test_the_next_charge_comes_so_many_days_later(sub_id, give, charge):
    give(5)
    one = sub(sub_id)
    assert (one.paid_until_on, one.next_charge_on) == (END + 5 * DAY, END + 5 * DAY)
    assert one.extra_days == Period(END, END + 5 * DAY)
    assert charge(END) is None and charge(END + 4 * DAY) is None
    payment = charge(END + 5 * DAY)

    assert payment is not None and payment.amount_won == 9900
    assert invoices() == [
        (1, 1, "2026-11-20", "2026-12-20", InvoiceStatus.PAID),
        (2, 0, "2026-12-20", "2026-12-25", InvoiceStatus.SKIPPED),
        (2, 1, "2026-12-25", "2027-01-25", InvoiceStatus.PAID),
    ]
    one = sub(sub_id)
    assert (one.anchor_on, one.extra_days, one.next_charge_on) == (
        date(2026, 12, 25), None, date(2027, 1, 25),
    )  # fmt: skip


def test_it_is_read_until_the_new_end_and_told_again_before_it(sub_id, give):
    give(5)
    give(3)
    one = sub(sub_id)
    assert one.grants_access(seoul_instant(END + 8 * DAY) - timedelta(seconds=1), grace_days=0)
    assert not one.grants_access(seoul_instant(END + 8 * DAY), grace_days=0)
    assert one.next_reminder_on == END + 1 * DAY
    mails = db.session.scalars(select(Notice).filter_by(kind=NoticeKind.EXTENDED)).all()
    assert [mail.facts["days"] for mail in mails] == [5, 3]
    acts = db.session.scalars(
        select(AuditEntry).filter_by(action="subscription.extended").order_by(AuditEntry.id)
    ).all()
    assert [act.facts for act in acts] == [{"days": days, "reason": "낭독 장애"} for days in (5, 3)]


def test_what_comes_back_is_worked_out_from_the_paid_days(sub_id, contract_sent, give, now):
    later = now + 10 * DAY
    before = quote_leaving(subscription_id=sub_id, terms=RefundTerms(), now=later)
    give(30, later)
    after = quote_leaving(subscription_id=sub_id, terms=RefundTerms(), now=later)
    assert before.refund_won == after.refund_won == 6270


def test_in_the_extra_days_nothing_is_left_to_give_back(sub_id, contract_sent, give):
    give(30)
    quote = quote_leaving(
        subscription_id=sub_id, terms=RefundTerms(), now=seoul_instant(END + 3 * DAY)
    )
    assert quote.refund_won == 0


def test_an_end_that_was_set_moves_too(sub_id, give, user, now):
    schedule_cancellation(subscription_id=sub_id, actor_id=user.id, now=now)
    give(4)
    one = sub(sub_id)
    assert one.ends_at == seoul_instant(END + 4 * DAY) and one.next_charge_on is None
    end_due(subscription_id=sub_id, now=seoul_instant(END + 3 * DAY))
    assert not sub(sub_id).is_ended
    end_due(subscription_id=sub_id, now=seoul_instant(END + 4 * DAY))
    assert sub(sub_id).is_ended


def test_a_decline_after_extra_days_has_its_whole_grace(sub_id, give, charge, gateway):
    give(20)
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    with pytest.raises(CardDeclined):
        charge(END + 20 * DAY)
    one = sub(sub_id)
    assert one.status is SubscriptionStatus.PAST_DUE
    assert one.grace_ends_on == END + 27 * DAY
    assert one.grants_access(seoul_instant(END + 26 * DAY), grace_days=7)
    assert charge(END + 21 * DAY).amount_won == 9900
    assert len(db.session.scalars(select(Payment)).all()) == 2


def test_a_run_that_was_down_begins_a_new_term_after_them(sub_id, give, charge):
    give(5)
    assert charge(END + 40 * DAY) is None
    one = sub(sub_id)
    assert one.is_paused and one.next_charge_on == END + 47 * DAY
    gaps = [row[2:4] for row in invoices() if row[4] is InvoiceStatus.SKIPPED]
    assert gaps == [("2026-12-20", "2026-12-25"), ("2026-12-25", "2027-02-05")]


def test_a_change_of_plan_afterwards_begins_when_they_end(sub_id, give, plan, yearly_plan, now):
    give(5)
    quote = quote_change(subscription_id=sub_id, plan=yearly_plan, terms=RefundTerms(), now=now)
    assert quote.begins_now
    assert sub(sub_id).next_period.start_on == END + 5 * DAY


@pytest.mark.parametrize("days", [0, -1, 61, 10**6])
def test_there_are_bounds(sub_id, give, days):
    with pytest.raises(NotExtendable):
        give(days)
    assert sub(sub_id).extra_days is None


def test_what_is_past_due_or_over_is_not_extended(sub_id, give, charge, gateway):
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    with pytest.raises(CardDeclined):
        charge(END)
    with pytest.raises(NotExtendable):
        give(3, datetime(2026, 12, 21, tzinfo=UTC))


def test_the_last_day_of_a_month_counts_anew_from_the_new_day(buyer, other_user, merchant, gateway):
    begun = gateway.now = datetime(2027, 1, 31, 3, tzinfo=UTC)
    one = buyer.subscribe(other_user, now=begun)
    assert one.paid_until_on == date(2027, 2, 28)
    extend(subscription_id=one.id, days=2, actor_id=merchant.id, reason="x", now=begun)
    assert one.next_period == Period(date(2027, 3, 2), date(2027, 4, 2))
