"""What the database itself refuses, whatever the code does."""

from datetime import date, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from models import (
    BillingKey,
    Checkout,
    Invoice,
    Notice,
    PassOrder,
    Payment,
    PaymentAttempt,
    PaymentRequest,
    Plan,
    PriceChange,
    PriceOffer,
    Quote,
    Refund,
    Subscription,
    db,
)
from models.base import InvalidTransition
from models.invoice import InvoiceStatus
from models.notice import NoticeKind
from models.pass_order import PassFailure, PassStatus
from models.payment_attempt import AttemptStatus
from models.payment_request import RequestKind
from models.plan import PlanKind, TaxKind
from models.price_change import PriceChangeStatus
from models.refund import RefundCause, RefundStatus
from models.subscription import EndReason, SubscriptionStatus
from rules.periods import Interval
from rules.wording import Language


@pytest.fixture
def quote(user, plan, now):
    quote = Quote.first_charge(user=user, plan=plan, now=now)
    db.session.commit()
    return quote


@pytest.fixture
def billing_key(user, now):
    key = BillingKey(
        user_id=user.id,
        ciphertext="x",
        fingerprint="f" * 64,
        method="카드",
        card_issuer="신한카드",
        card_number="43301234****123*",
        key_pair="billing",
        m_id="shop",
        secret_fingerprint="0" * 16,
        issued_at=now,
    )
    db.session.add(key)
    db.session.commit()
    return key


@pytest.fixture
def subscription(user, quote, billing_key, now):
    subscription = Subscription.begin(user=user, quote=quote, billing_key=billing_key, now=now)
    db.session.commit()
    return subscription


@pytest.fixture
def invoice(subscription, quote, now):
    invoice = Invoice.first(subscription=subscription, quote=quote, now=now)
    db.session.commit()
    return invoice


@pytest.fixture
def attempt(invoice, now):
    attempt = PaymentAttempt.begin(
        invoice, key_pair="billing", secret_fingerprint="0" * 16, now=now
    )
    db.session.commit()
    return attempt


@pytest.fixture
def payment(attempt, user, now):
    payment = Payment(
        user_id=user.id,
        invoice_id=attempt.invoice_id,
        attempt_id=attempt.id,
        payment_key="p",
        order_id=attempt.order_id,
        amount_won=9900,
        supplied_won=9000,
        vat_won=900,
        tax_free_won=0,
        method="카드",
        card_issuer="신한카드",
        card_number="1",
        key_pair="billing",
        m_id="shop",
        secret_fingerprint="0" * 16,
        approved_at=now,
    )
    db.session.add(payment)
    db.session.commit()
    return payment


def refused(*rows):
    db.session.add_all(rows)
    with pytest.raises(IntegrityError):
        db.session.flush()
    db.session.rollback()


def refused_change(row, **changes):
    for name, value in changes.items():
        setattr(row, name, value)
    with pytest.raises(IntegrityError):
        db.session.flush()
    db.session.rollback()


def test_one_live_subscription_per_customer_and_product(
    subscription, user, quote, billing_key, now
):
    refused(Subscription.begin(user=user, quote=quote, billing_key=billing_key, now=now))


def test_an_ended_subscription_makes_room(subscription, user, quote, billing_key, now):
    subscription.end("canceled", now=now)
    Subscription.begin(user=user, quote=quote, billing_key=billing_key, now=now)
    db.session.commit()


def test_a_subscription_runs_only_with_paid_days(subscription):
    refused_change(subscription, status=SubscriptionStatus.ACTIVE)


def test_one_invoice_per_period(invoice, subscription, quote, now):
    refused(Invoice.first(subscription=subscription, quote=quote, now=now))


def test_an_invoice_is_paid_with_a_time(invoice):
    refused_change(invoice, status=InvoiceStatus.PAID)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_won": 0},
        {"tax_free_won": 9901},
        {"tax_free_won": -1},
        {"period_end_on": date(2026, 11, 20)},
    ],
)
def test_an_invoice_has_sound_amounts_and_days(invoice, changes):
    refused_change(invoice, **changes)


def test_one_attempt_in_flight_per_invoice(attempt, now):
    refused(
        PaymentAttempt.begin(
            attempt.invoice, key_pair="billing", secret_fingerprint="0" * 16, now=now
        )
    )


def test_an_attempt_set_aside_is_in_flight_too(attempt, now):
    attempt.set_aside("answer_differs", "", now=now)
    db.session.commit()
    refused(
        PaymentAttempt.begin(
            attempt.invoice, key_pair="billing", secret_fingerprint="0" * 16, now=now
        )
    )


def test_a_failed_attempt_makes_room(attempt, now):
    attempt.fail("REJECT_CARD_PAYMENT", "", now=now)
    db.session.commit()
    PaymentAttempt.begin(attempt.invoice, key_pair="billing", secret_fingerprint="0" * 16, now=now)
    db.session.commit()


def test_a_settled_attempt_has_a_time(attempt):
    refused_change(attempt, status=AttemptStatus.FAILED)


def test_no_more_is_given_back_than_was_paid(payment):
    refused_change(payment, refunded_won=9901)


def refund(payment, now, **changes):
    values = {
        "payment_id": payment.id,
        "amount_won": 100,
        "balance_before_won": 9900,
        "cause": RefundCause.WITHDRAWAL,
        "status": RefundStatus.PENDING,
        "created_at": now,
        "next_look_up_at": now,
    }
    return Refund(**{**values, **changes})


def test_one_refund_in_flight_per_payment(payment, now):
    db.session.add(refund(payment, now))
    db.session.commit()
    refused(refund(payment, now))


@pytest.mark.parametrize(
    "changes", [{"amount_won": 0}, {"amount_won": 9901}, {"tax_free_won": 101}]
)
def test_a_refund_stays_within_the_balance(payment, now, changes):
    refused(refund(payment, now, **changes))


def test_a_settled_refund_has_a_time(payment, now):
    refused(refund(payment, now, status=RefundStatus.SUCCEEDED, transaction_key="t1"))


def test_a_refund_that_went_back_names_tosss_transaction(payment, now):
    refused(refund(payment, now, status=RefundStatus.SUCCEEDED, settled_at=now))


@pytest.mark.parametrize(
    "changes",
    [
        {"price_won": 99},
        {"tax_free_won": 9900},
        {"tax_kind": TaxKind.TAX_FREE},
        {"interval_count": 13},
        {"interval": Interval.YEAR, "interval_count": 2},
    ],
)
def test_a_plan_is_sound(plan, changes):
    values = {
        column.name: getattr(plan, column.name)
        for column in Plan.__table__.columns
        if column.name != "id"
    }
    refused(Plan(**{**values, "slug": "other", **changes}))


@pytest.mark.parametrize(
    ("name", "value"), [("price_won", 12900), ("interval", Interval.YEAR), ("tax_free_won", 10)]
)
def test_a_plans_price_never_changes(plan, name, value):
    setattr(plan, name, value)
    with pytest.raises(InvalidTransition, match="new plan"):
        db.session.flush()


def test_a_plans_words_may_change(plan):
    plan.summary = "새 소개"
    db.session.commit()


def test_a_notice_is_owed_once_per_cause(user, now):
    for _ in range(2):
        Notice.owe(
            NoticeKind.CONTRACT,
            cause="contract:1",
            user_id=user.id,
            now=now,
            may_be_known=True,
        )
        db.session.commit()
    assert db.session.query(Notice).count() == 1


def test_a_revoked_key_keeps_no_ciphertext(billing_key):
    refused_change(billing_key, status="revoked")


def test_an_auth_key_is_kept_only_until_it_is_exchanged(user, plan, quote, now):
    checkout = Checkout(
        user_id=user.id,
        plan_id=plan.id,
        quote_id=quote.id,
        auth_key_ciphertext="x",
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )
    refused(checkout)


@pytest.fixture
def offer(plan, user, now):
    dearer = Plan(
        product_id=plan.product_id, slug="dearer", name="글", summary="글", description="글",
        features="글", price_won=12_900, interval=Interval.MONTH,
    )  # fmt: skip
    db.session.add(dearer)
    db.session.flush()
    offer = PriceOffer(
        from_plan_id=plan.id, to_plan_id=dearer.id, change_on=date(2026, 12, 20), reason="글",
        created_by_id=user.id, created_at=now,
    )  # fmt: skip
    db.session.add(offer)
    db.session.commit()
    return offer


def price_change(offer, subscription, now, **values):
    if values.get("status") in (None, PriceChangeStatus.AGREED):
        values = {"look_on": date(2026, 12, 20), **values}
    return PriceChange(offer_id=offer.id, subscription_id=subscription.id, created_at=now, **values)


def test_a_customer_is_asked_about_one_higher_price_at_a_time(offer, subscription, user, now):
    another = PriceOffer(
        from_plan_id=offer.to_plan_id, to_plan_id=offer.from_plan_id, reason="글",
        change_on=date(2026, 12, 20), created_by_id=user.id, created_at=now,
    )  # fmt: skip
    db.session.add_all([another, price_change(offer, subscription, now)])
    db.session.commit()
    refused(price_change(another, subscription, now))
    refused(price_change(offer, subscription, now, status=PriceChangeStatus.DROPPED))


@pytest.mark.parametrize("status", [PriceChangeStatus.AGREED, PriceChangeStatus.APPLIED])
def test_no_higher_price_stands_without_a_quote_and_a_consent(
    offer, subscription, quote, user, now, status
):
    former = quote.id if status is PriceChangeStatus.APPLIED else None
    refused(price_change(offer, subscription, now, status=status, former_quote_id=former))
    refused(
        price_change(
            offer, subscription, now, status=status, quote_id=quote.id, former_quote_id=former
        )
    )


def test_what_is_open_is_followed_and_nothing_else_is(offer, subscription, now):
    over = {"status": PriceChangeStatus.LAPSED, "look_on": date(2026, 12, 20)}
    refused(price_change(offer, subscription, now, **over))
    refused(price_change(offer, subscription, now, look_on=None))


def test_an_offer_leads_to_another_plan(offer):
    refused_change(offer, to_plan_id=offer.from_plan_id)


def test_a_naive_instant_is_refused(quote, now):
    quote.created_at = now.replace(tzinfo=None)
    with pytest.raises(Exception, match="time zone"):
        db.session.flush()


def test_an_instant_comes_back_as_it_went(quote, now):
    db.session.expire_all()
    assert quote.created_at == now


@pytest.fixture
def new_order(user, pass_plan, now):
    """Add an order for a pass in any state."""

    def add(**values):
        quote = Quote.open_pass_for(user, pass_plan, begins_on=date(2026, 11, 20), now=now)
        db.session.flush()
        order = PassOrder.begin(
            quote,
            is_domestic=False,
            told_of_subscription=False,
            key_pair="pass",
            secret_fingerprint="0" * 16,
            language=Language.KOREAN,
            now=now,
        )
        for name, value in values.items():
            setattr(order, name, value)
        return order

    return add


def back(now, **more):
    """Return what an order has whose customer came back."""
    return {
        "status": PassStatus.CONFIRMING,
        "payment_key": "fake",
        "came_back_at": now,
        "next_look_up_at": now,
        **more,
    }


def settled(now, status, **more):
    return back(now, status=status, next_look_up_at=None, settled_at=now, **more)


def test_one_order_a_customer_is_confirmed_at_a_time(new_order, now):
    new_order(**back(now))
    db.session.flush()
    new_order(**settled(now, PassStatus.PAID))
    new_order()
    db.session.flush()
    for status in (back(now), settled(now, PassStatus.SET_ASIDE)):
        with pytest.raises(IntegrityError), db.session.begin_nested():
            new_order(**status)
            db.session.flush()


@pytest.mark.parametrize(
    "values",
    [
        lambda now: back(now, payment_key=None, came_back_at=None),
        lambda now: back(now, came_back_at=None),
        lambda now: back(now, next_look_up_at=None),
        lambda now: back(now, settled_at=now),
        lambda now: {"settled_at": now},
        lambda now: settled(now, PassStatus.FAILED),
        lambda now: settled(now, PassStatus.PAID, failure_kind=PassFailure.CARD),
        lambda now: settled(now, PassStatus.PAID, ended_at=now),
        lambda now: {"end_reason": EndReason.WITHDRAWN, "ended_at": now},
        lambda now: {"announce_end_on": date(2026, 12, 17)},
        lambda now: {"amount_won": 0},
        lambda now: {"tax_free_won": 99_999},
        lambda now: {"ends_on": date(2026, 11, 20)},
    ],
)
def test_an_order_for_a_pass_holds_together(new_order, now, values):
    order = new_order()
    db.session.commit()
    refused_change(order, **values(now))


def test_a_payment_is_for_an_invoice_or_for_a_pass(payment, new_order, now):
    order = new_order(**settled(now, PassStatus.PAID))
    db.session.commit()
    order_id = order.id
    refused_change(payment, pass_order_id=order_id)
    refused_change(payment, invoice_id=None)
    refused_change(payment, attempt_id=None)
    refused_change(payment, invoice_id=None, attempt_id=None)
    payment.invoice_id = payment.attempt_id = None
    payment.pass_order_id = order_id
    db.session.flush()


def test_a_confirmation_speaks_of_an_order_and_nothing_else_does(new_order, attempt, now):
    order = new_order()
    db.session.commit()
    values = {"idempotency_key": "x", "secret_fingerprint": "0" * 16, "sent_at": now}
    refused(PaymentRequest(kind=RequestKind.CONFIRM, **values))
    refused(PaymentRequest(kind=RequestKind.CHARGE, pass_order_id=order.id, **values))
    refused(
        PaymentRequest(
            kind=RequestKind.CONFIRM, pass_order_id=order.id, attempt_id=attempt.id, **values
        )
    )


def test_a_pass_is_sold_by_the_month_and_never_becomes_a_subscription(pass_plan):
    with pytest.raises(InvalidTransition):
        pass_plan.kind = PlanKind.SUBSCRIPTION
        db.session.flush()
    db.session.rollback()
    values = {"summary": "x", "description": "x", "features": "", "price_won": 1000}
    for interval, count in ((Interval.YEAR, 1), (Interval.MONTH, 13)):
        refused(
            Plan(
                kind=PlanKind.PASS,
                product_id=pass_plan.product_id,
                slug="x",
                name="x",
                interval=interval,
                interval_count=count,
                **values,
            )
        )
