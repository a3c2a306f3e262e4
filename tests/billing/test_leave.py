"""Leaving at once: what comes back is what the page showed, once, and the card goes."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from billing.cancel import schedule_cancellation
from billing.collect import settle
from billing.leave import NothingToLeave, RefundQuoteExpired, leave_now, quote_leaving
from billing.note_use import note_use
from billing.renew import renew
from gateways.payment import CardDeclined, OutcomeUnknown
from models import Invoice, Notice, Payment, PaymentAttempt, Refund, Subscription, db
from models.billing_key import BillingKeyStatus
from models.invoice import InvoiceStatus
from models.refund import RefundCause
from models.subscription import EndReason
from rules.periods import seoul_instant
from rules.refunds import RefundTerms
from tests.billing.conftest import TERMS

FREE, PENALTY = RefundTerms(), RefundTerms(penalty_percent=10)


@pytest.fixture
def leave(user):
    """Quote and leave at an instant; return the refund, None where nothing comes back."""

    def act(subscription, at, terms=FREE):
        quote = quote_leaving(subscription_id=subscription.id, terms=terms, now=at)
        refund_id = leave_now(
            subscription_id=subscription.id,
            quote_id=quote.id,
            actor_id=user.id,
            terms=terms,
            now=at,
        )
        return refund_id and db.session.get_one(Refund, refund_id)

    return act


@pytest.fixture
def sent(subscription, now):
    """Send the contract mail at once, as the worker does."""
    notice = Notice.with_cause(f"contract:{subscription.id}:1")
    notice.tries = 1
    notice.mark_sent(now=now)
    db.session.commit()
    return subscription


@pytest.mark.parametrize(
    ("day", "is_used", "terms", "won", "cause"),
    [
        (date(2026, 11, 20), False, FREE, 9900, RefundCause.WITHDRAWAL),
        (date(2026, 11, 27), False, FREE, 9900, RefundCause.WITHDRAWAL),
        (date(2026, 11, 27), True, PENALTY, 7260, RefundCause.WITHDRAWAL),
        (date(2026, 11, 28), False, FREE, 6930, RefundCause.TERMINATION),
        (date(2026, 11, 29), True, FREE, 6600, RefundCause.TERMINATION),
        (date(2026, 11, 29), True, PENALTY, 5940, RefundCause.TERMINATION),
    ],
)
def test_what_comes_back_follows_the_table_of_the_law(
    sent, now, leave, day, is_used, terms, won, cause
):
    if is_used:
        note_use(sent, now=now)

    refund = leave(sent, seoul_instant(day, 3), terms)

    assert (refund.amount_won, refund.cause) == (won, cause)
    assert refund.quote.refund_won == won
    assert sum(line["won"] for line in refund.quote.lines) == won


def test_the_last_day_gives_nothing_back_and_ends_all_the_same(sent, now, leave):
    note_use(sent, now=now)

    assert leave(sent, datetime(2026, 12, 19, 2, tzinfo=UTC)) is None
    assert db.session.get_one(Subscription, sent.id).is_ended


@pytest.mark.parametrize(
    ("day", "is_used", "terms", "won"),
    [
        (date(2027, 2, 27), True, FREE, 71_877),
        (date(2027, 2, 27), True, PENALTY, 64_690),
        (date(2026, 11, 22), True, PENALTY, 98_187),
    ],
)
def test_a_year_is_counted_by_its_days(
    buyer, user, yearly_plan, now, leave, day, is_used, terms, won
):
    checkout = buyer.finish(buyer.come_back(user, now=now, plan=yearly_plan), now=now)
    subscription = checkout.invoice.subscription
    notice = Notice.with_cause(f"contract:{subscription.id}:1")
    notice.mark_sent(now=now)
    db.session.commit()
    note_use(subscription, now=now)

    assert leave(subscription, seoul_instant(day, 3), terms).amount_won == won


def test_as_long_as_the_contract_was_not_sent_it_can_be_withdrawn_from(subscription, leave, now):
    refund = leave(subscription, now + timedelta(days=12))

    assert (refund.amount_won, refund.cause) == (9900, RefundCause.WITHDRAWAL)


def test_each_renewal_can_be_withdrawn_from_by_itself(sent, gateway, vault, now, leave):
    note_use(sent, now=now)
    at = seoul_instant(date(2026, 12, 20), 9)
    gateway.now = at
    renew(subscription_id=sent.id, gateway=gateway, vault=vault, terms=TERMS, now=at)

    refund = leave(db.session.get_one(Subscription, sent.id), at + timedelta(days=3))

    assert (refund.amount_won, refund.cause) == (9900, RefundCause.WITHDRAWAL)


def test_leaving_ends_access_and_the_card_at_once(sent, leave, now):
    leave(sent, now)

    ended = db.session.get_one(Subscription, sent.id)
    assert ended.end_reason is EndReason.WITHDRAWN
    assert not ended.grants_access(now, grace_days=7)
    assert ended.billing_key.status is BillingKeyStatus.REVOKING
    assert Notice.with_cause(f"ended:{ended.id}").facts["refund_id"]


def test_one_who_canceled_for_later_can_still_leave_now(sent, user, leave, now):
    schedule_cancellation(subscription_id=sent.id, actor_id=user.id, now=now)

    assert leave(sent, now).amount_won == 9900


def test_reading_after_the_quote_makes_it_void(sent, user, now):
    quote = quote_leaving(subscription_id=sent.id, terms=FREE, now=now)
    note_use(sent, now=now)

    with pytest.raises(RefundQuoteExpired):
        leave_now(subscription_id=sent.id, quote_id=quote.id, actor_id=user.id, terms=FREE, now=now)
    assert db.session.get_one(Subscription, sent.id).is_active
    assert db.session.scalars(select(Refund)).all() == []


def test_a_quote_ends_at_midnight_in_seoul(sent, user):
    before = datetime(2026, 11, 24, 14, 50, tzinfo=UTC)
    quote = quote_leaving(subscription_id=sent.id, terms=FREE, now=before)

    assert quote.expires_at == datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    with pytest.raises(RefundQuoteExpired):
        leave_now(
            subscription_id=sent.id,
            quote_id=quote.id,
            actor_id=user.id,
            terms=FREE,
            now=quote.expires_at,
        )


def test_a_quote_ends_after_half_an_hour(sent, now):
    quote = quote_leaving(subscription_id=sent.id, terms=FREE, now=now)

    assert quote.expires_at == now + timedelta(minutes=30)


def test_anothers_quote_moves_nothing(sent, buyer, other_user, user, now):
    theirs = buyer.subscribe(other_user, now=now)
    quote = quote_leaving(subscription_id=theirs.id, terms=FREE, now=now)

    with pytest.raises(RefundQuoteExpired):
        leave_now(subscription_id=sent.id, quote_id=quote.id, actor_id=user.id, terms=FREE, now=now)


def test_twice_at_once_owes_one_refund(sent, user, now, in_threads):
    quote = quote_leaving(subscription_id=sent.id, terms=FREE, now=now)
    values = {"subscription_id": sent.id, "quote_id": quote.id, "actor_id": user.id}

    results = in_threads(8, lambda: leave_now(**values, terms=FREE, now=now))

    assert sum(isinstance(result, int) for result in results) == 1
    assert sum(isinstance(result, NothingToLeave) for result in results) == 7
    assert len(db.session.scalars(select(Refund)).all()) == 1


@pytest.fixture
def renewal_lost(sent, gateway, vault):
    at = seoul_instant(date(2026, 12, 20), 9)
    gateway.lose_next("charge")
    with pytest.raises(OutcomeUnknown):
        renew(subscription_id=sent.id, gateway=gateway, vault=vault, terms=TERMS, now=at)
    return at


def test_while_a_payment_is_not_settled_nobody_leaves_at_once(sent, renewal_lost):
    assert quote_leaving(subscription_id=sent.id, terms=FREE, now=renewal_lost) is None


def test_what_is_past_due_has_nothing_to_give_back(sent, gateway, vault):
    at = seoul_instant(date(2026, 12, 20), 9)
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    with pytest.raises(CardDeclined):
        renew(subscription_id=sent.id, gateway=gateway, vault=vault, terms=TERMS, now=at)

    assert quote_leaving(subscription_id=sent.id, terms=FREE, now=at) is None


def test_a_success_for_a_void_invoice_is_booked_and_given_back_whole(sent, renewal_lost, gateway):
    attempt = db.session.scalars(
        select(PaymentAttempt).order_by(PaymentAttempt.id.desc()).limit(1)
    ).one()
    subscription = db.session.get_one(Subscription, sent.id)
    attempt.invoice.void()
    subscription.end(EndReason.CANCELED, now=renewal_lost)
    db.session.commit()

    payment = settle(
        attempt_id=attempt.id,
        answer=gateway.find_order(attempt.order_id),
        gateway=gateway,
        terms=TERMS,
        now=renewal_lost,
    )

    [refund] = db.session.get_one(Payment, payment.id).refunds
    assert (refund.amount_won, refund.cause) == (9900, RefundCause.LATE_SUCCESS)
    assert db.session.get_one(Subscription, sent.id).is_ended
    assert db.session.get_one(Invoice, attempt.invoice_id).status is InvoiceStatus.VOID
