"""Another plan: today at its full price with what is left coming back, or after the paid period."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from billing.cancel import schedule_cancellation
from billing.change_plan import (
    ChangeQuoteExpired,
    NotChangeable,
    change_plan,
    quote_change,
    undo_change,
)
from billing.collect import CollectionInProgress
from billing.leave import leave_now, quote_leaving
from billing.note_use import note_use
from billing.reconcile import reconcile
from billing.refund import give_back
from billing.renew import renew
from billing.resolve import Decision, resolve
from billing.subscribe import finish_checkout
from gateways.payment import CardDeclined, OutcomeUnknown, PaymentGatewayError, RequestRejected
from models import (
    Breaker,
    Checkout,
    Invoice,
    Notice,
    Payment,
    PaymentAttempt,
    Plan,
    Refund,
    Subscription,
    db,
)
from models.checkout import FailureKind
from models.invoice import InvoiceStatus
from models.refund import RefundCause
from rules.periods import Interval, seoul_instant
from rules.refunds import RefundTerms
from tests.billing.conftest import TERMS

FREE = RefundTerms()


@pytest.fixture
def basic_plan(plan):
    basic = Plan(
        product_id=plan.product_id,
        slug="basic-monthly",
        name="베이직 월간",
        summary="글",
        description="글",
        features="글",
        price_won=4_900,
        interval=Interval.MONTH,
    )
    db.session.add(basic)
    db.session.commit()
    return basic


@pytest.fixture
def begin(subscription):
    """Quote and agree to another plan; return the checkout."""

    def act(plan, at, terms=FREE):
        quote = quote_change(subscription_id=subscription.id, plan=plan, terms=terms, now=at)
        return change_plan(
            subscription_id=subscription.id,
            quote_id=quote.id,
            agreements=(),
            address="127.0.0.1",
            terms=terms,
            now=at,
        )

    return act


@pytest.fixture
def finish(gateway, vault):
    """Charge what was agreed to; a refusal is swallowed."""

    def act(checkout, at):
        try:
            finish_checkout(
                checkout_id=checkout.id, gateway=gateway, vault=vault, terms=TERMS, now=at
            )
        except PaymentGatewayError as error:
            return error
        return None

    return act


@pytest.fixture
def current(subscription):
    """Return the subscription as it is now."""

    def read():
        db.session.expire_all()
        return db.session.get_one(Subscription, subscription.id)

    return read


def renew_at(subscription, gateway, vault, day):
    at = seoul_instant(day, 9)
    gateway.now = at
    return renew(subscription_id=subscription.id, gateway=gateway, vault=vault, terms=TERMS, now=at)


def test_a_longer_plan_begins_today_and_gives_the_rest_back(
    begin, finish, current, subscription, yearly_plan, gateway, now
):
    note_use(subscription, now=now)
    later = now + timedelta(days=9)
    gateway.now = later

    finish(begin(yearly_plan, later), later)

    changed = current()
    assert changed.plan.slug == "premium-yearly"
    assert (changed.term_no, changed.period_no) == (2, 1)
    assert changed.paid_period.start_on == date(2026, 11, 29)
    assert changed.paid_until_on == date(2027, 11, 29)
    assert changed.next_charge_on == date(2027, 11, 29)
    assert [paid.total_won for paid in gateway.payments] == [9900, 99_000]
    refund = db.session.scalars(select(Refund)).one()
    assert (refund.amount_won, refund.cause) == (6600, RefundCause.PLAN_CHANGE)
    assert refund.payment.amount_won == 9900
    assert refund.quote.refund_won == 6600
    give_back(refund_id=refund.id, gateway=gateway, now=later)
    assert [cancel.amount_won for cancel in gateway.cancels] == [6600]


def test_a_dearer_plan_of_the_same_length_begins_today(
    buyer, user, basic_plan, plan, gateway, vault, now
):
    checkout = buyer.finish(buyer.come_back(user, now=now, plan=basic_plan), now=now)
    subscription = checkout.invoice.subscription

    quote = quote_change(subscription_id=subscription.id, plan=plan, terms=FREE, now=now)

    assert quote.begins_now
    assert (quote.amount_won, quote.refund_won) == (9900, 4900)


def test_nobody_pays_a_penalty_for_staying(begin, finish, subscription, yearly_plan, now):
    note_use(subscription, now=now)
    later = now + timedelta(days=9)

    finish(begin(yearly_plan, later, RefundTerms(penalty_percent=10)), later)

    assert db.session.scalars(select(Refund)).one().amount_won == 6600


def test_an_unused_payment_in_its_first_week_comes_back_whole(begin, finish, yearly_plan, now):
    finish(begin(yearly_plan, now), now)

    assert db.session.scalars(select(Refund)).one().amount_won == 9900


def test_any_other_plan_waits_for_the_end_of_the_period(
    begin, current, basic_plan, gateway, vault, now, subscription
):
    begin(basic_plan, now)

    waiting = current()
    assert waiting.plan.slug == "premium-monthly"
    assert waiting.next_plan.slug == "basic-monthly"
    assert waiting.next_won == 4900
    assert len(gateway.payments) == 1
    renew_at(subscription, gateway, vault, date(2026, 12, 20))
    changed = current()
    assert changed.plan.slug == "basic-monthly"
    assert changed.next_plan is None
    assert [paid.total_won for paid in gateway.payments] == [9900, 4900]
    assert changed.paid_period.start_on == date(2026, 12, 20)
    assert changed.current_payment.invoice.quote.amount_won == 4900, "what was agreed to"
    renew_at(subscription, gateway, vault, date(2027, 1, 20))
    assert [paid.total_won for paid in gateway.payments] == [9900, 4900, 4900]
    assert db.session.scalars(select(Refund)).all() == []


def test_a_waiting_plan_can_be_undone(
    begin, current, basic_plan, gateway, vault, now, subscription
):
    begin(basic_plan, now)
    undo_change(subscription_id=subscription.id, now=now)

    assert current().next_plan is None
    renew_at(subscription, gateway, vault, date(2026, 12, 20))
    assert [paid.total_won for paid in gateway.payments] == [9900, 9900]
    with pytest.raises(NotChangeable):
        undo_change(subscription_id=subscription.id, now=now)


def test_a_waiting_plan_that_is_declined_is_dunned_as_a_renewal(
    begin, current, basic_plan, gateway, vault, now, subscription
):
    begin(basic_plan, now)
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    with pytest.raises(CardDeclined):
        renew_at(subscription, gateway, vault, date(2026, 12, 20))

    assert current().is_past_due
    renew_at(subscription, gateway, vault, date(2026, 12, 21))
    recovered = current()
    assert recovered.is_active
    assert recovered.plan.slug == "basic-monthly"
    assert recovered.paid_period.start_on == date(2026, 12, 20)


def test_canceling_drops_a_waiting_plan(begin, current, basic_plan, user, now, subscription):
    begin(basic_plan, now)
    schedule_cancellation(subscription_id=subscription.id, actor_id=user.id, now=now)

    assert current().next_plan is None


def test_a_declined_change_leaves_everything_as_it_was(
    begin, finish, current, yearly_plan, gateway, now
):
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    checkout = begin(yearly_plan, now)

    assert isinstance(finish(checkout, now), CardDeclined)

    kept = current()
    assert kept.is_active
    assert kept.plan.slug == "premium-monthly"
    assert kept.next_charge_on == date(2026, 12, 20)
    assert kept.open_invoice is None
    assert db.session.get_one(Checkout, checkout.id).failure_kind is FailureKind.CARD
    assert db.session.scalars(select(Refund)).all() == []


def test_after_a_declined_change_another_can_be_tried(
    begin, finish, current, yearly_plan, gateway, now
):
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    finish(begin(yearly_plan, now), now)

    finish(begin(yearly_plan, now), now)

    assert current().plan.slug == "premium-yearly"
    assert current().term_no == 3


def test_refused_keys_open_the_breaker_and_change_nothing(
    begin, finish, current, yearly_plan, gateway, now
):
    refused = RequestRejected("UNAUTHORIZED_KEY", http_status=401, key_pair=True)
    gateway.fail_next("charge", refused)
    checkout = begin(yearly_plan, now)
    finish(checkout, now)

    assert current().plan.slug == "premium-monthly"
    assert Breaker.is_open("billing")
    assert db.session.get_one(Checkout, checkout.id).failure_kind is FailureKind.MERCHANT


def test_a_lost_answer_is_settled_by_looking_it_up(
    begin, finish, current, yearly_plan, gateway, vault, now
):
    gateway.lose_next("charge")
    checkout = begin(yearly_plan, now)
    assert isinstance(finish(checkout, now), OutcomeUnknown)
    waiting = current()
    assert waiting.is_collecting
    assert waiting.next_charge_on is None
    [(_, attempt_id)] = PaymentAttempt.pending(looked_up_before=None, limit=9)

    later = now + timedelta(minutes=5)
    reconcile(attempt_id=attempt_id, gateway=gateway, vault=vault, terms=TERMS, now=later)

    assert current().plan.slug == "premium-yearly"
    assert [paid.total_won for paid in gateway.payments] == [9900, 99_000]
    assert db.session.get_one(Checkout, checkout.id).is_completed


def test_while_it_is_not_settled_nothing_else_begins(
    begin, finish, subscription, yearly_plan, basic_plan, gateway, vault, now
):
    gateway.lose_next("charge")
    finish(begin(yearly_plan, now), now)

    with pytest.raises(NotChangeable):
        begin(basic_plan, now)
    assert quote_leaving(subscription_id=subscription.id, terms=FREE, now=now) is None
    assert renew_at(subscription, gateway, vault, date(2026, 12, 20)) is None


def test_one_who_cancels_while_it_is_charged_ends_with_the_new_period(
    begin, finish, current, yearly_plan, gateway, vault, user, now
):
    gateway.lose_next("charge")
    finish(begin(yearly_plan, now), now)
    schedule_cancellation(subscription_id=current().id, actor_id=user.id, now=now)
    [(_, attempt_id)] = PaymentAttempt.pending(looked_up_before=None, limit=9)
    later = now + timedelta(minutes=5)
    reconcile(attempt_id=attempt_id, gateway=gateway, vault=vault, terms=TERMS, now=later)

    changed = current()
    assert changed.plan.slug == "premium-yearly"
    assert changed.is_canceling
    assert changed.ends_at == seoul_instant(date(2027, 11, 20))


def test_a_change_that_nobody_charged_in_its_hour_is_dropped(
    begin, finish, current, yearly_plan, gateway, now
):
    checkout = begin(yearly_plan, now)
    finish(checkout, now + timedelta(hours=3))

    assert len(gateway.payments) == 1
    assert current().next_charge_on == date(2026, 12, 20)
    assert db.session.get_one(Checkout, checkout.id).failure_kind is FailureKind.ABANDONED


def test_another_amount_is_set_aside_and_the_merchant_can_waive_the_change(
    begin, finish, current, yearly_plan, gateway, now
):
    gateway.answer_next("charge", total_won=1)
    finish(begin(yearly_plan, now), now)
    held = current()
    assert held.is_held
    [attempt] = held.invoices[-1].attempts
    gateway._payments.pop(gateway.payments[-1].payment_key)

    resolve(
        order_id=attempt.order_id,
        decision=Decision.WAIVE,
        gateway=gateway,
        terms=TERMS,
        now=now,
    )

    kept = current()
    assert not kept.is_held
    assert kept.plan.slug == "premium-monthly"
    assert kept.next_charge_on == date(2026, 12, 20)


def test_a_quote_that_is_not_true_any_more_moves_nothing(subscription, yearly_plan, gateway, now):
    quote = quote_change(subscription_id=subscription.id, plan=yearly_plan, terms=FREE, now=now)
    note_use(subscription, now=now)

    with pytest.raises(ChangeQuoteExpired):
        change_plan(
            subscription_id=subscription.id,
            quote_id=quote.id,
            agreements=(),
            address="127.0.0.1",
            terms=FREE,
            now=now,
        )
    assert len(gateway.payments) == 1
    assert db.session.scalars(select(Invoice).filter_by(status=InvoiceStatus.OPEN)).all() == []


def test_a_quote_over_midnight_moves_nothing(begin, subscription, yearly_plan, now):
    quote = quote_change(subscription_id=subscription.id, plan=yearly_plan, terms=FREE, now=now)

    with pytest.raises(ChangeQuoteExpired):
        change_plan(
            subscription_id=subscription.id,
            quote_id=quote.id,
            agreements=(),
            address="127.0.0.1",
            terms=FREE,
            now=quote.expires_at,
        )


def test_the_same_plan_or_anothers_product_is_no_change(subscription, plan, now):
    with pytest.raises(NotChangeable):
        quote_change(subscription_id=subscription.id, plan=plan, terms=FREE, now=now)


def test_twice_at_once_is_one_change(subscription, yearly_plan, gateway, vault, now, in_threads):
    quote = quote_change(subscription_id=subscription.id, plan=yearly_plan, terms=FREE, now=now)
    quote_id, subscription_id = quote.id, subscription.id

    def both():
        checkout = change_plan(
            subscription_id=subscription_id,
            quote_id=quote_id,
            agreements=(),
            address="127.0.0.1",
            terms=FREE,
            now=now,
        )
        finish_checkout(checkout_id=checkout.id, gateway=gateway, vault=vault, terms=TERMS, now=now)

    results = in_threads(8, both)

    assert results.count(None) == 1
    refused = (NotChangeable, ChangeQuoteExpired, CollectionInProgress)
    assert all(result is None or isinstance(result, refused) for result in results), results
    assert [paid.total_won for paid in gateway.payments] == [9900, 99_000]
    assert len(db.session.scalars(select(Refund)).all()) == 1


def test_after_a_change_leaving_gives_back_the_new_payment(
    begin, finish, current, yearly_plan, gateway, now, user
):
    finish(begin(yearly_plan, now), now)
    notice = Notice.with_cause(f"plan_changed:{current().current_payment.invoice_id}")
    assert notice is not None
    changed = current()
    quote = quote_leaving(subscription_id=changed.id, terms=FREE, now=now)
    leave_now(subscription_id=changed.id, quote_id=quote.id, actor_id=user.id, terms=FREE, now=now)

    refunds = db.session.scalars(select(Refund).order_by(Refund.id)).all()
    assert [refund.amount_won for refund in refunds] == [9900, 99_000]
    payments = db.session.scalars(select(Payment).order_by(Payment.id)).all()
    assert [refund.payment_id for refund in refunds] == [payment.id for payment in payments]
