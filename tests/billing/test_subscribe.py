from datetime import date, timedelta

import pytest
from sqlalchemy import QueuePool, func, select

from billing.collect import CollectionInProgress
from billing.subscribe import (
    GIVE_UP_ISSUING_AFTER,
    AlreadySubscribed,
    CheckoutExpired,
    QuoteExpired,
    authorize_checkout,
    finish_checkout,
)
from gateways.payment import (
    BillingKeyRejected,
    CardDeclined,
    OutcomeUnknown,
    RequestRejected,
)
from models import BillingKey, Checkout, Invoice, Notice, Payment, PaymentRequest, Subscription, db
from models.checkout import CheckoutStatus, FailureKind
from models.notice import NoticeKind
from models.subscription import EndReason
from rules.collection_terms import CollectionTerms

TERMS = CollectionTerms()


def ids(rows):
    """Return the ids of due records."""
    return [row[-1] for row in rows]


def connections() -> int:
    pool = db.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


def count(model):
    return db.session.scalar(select(func.count()).select_from(model))


def test_a_returned_checkout_becomes_a_paid_subscription(buyer, user, gateway, vault, now):
    checkout = buyer.finish(buyer.come_back(user, now=now), now=now)

    subscription = checkout.invoice.subscription
    assert checkout.is_completed
    assert checkout.auth_key_ciphertext is None
    assert subscription.is_running
    assert (subscription.paid_from_on, subscription.paid_until_on) == (
        date(2026, 11, 20),
        date(2026, 12, 20),
    )
    assert [payment.total_won for payment in gateway.payments] == [9900]
    assert checkout.invoice.payment.amount_won == 9900
    assert checkout.invoice.payment.vat_won == 900
    assert subscription.billing_key.plain(vault) == gateway.billing_keys[0].billing_key


def test_the_contract_notice_is_owed_in_the_same_breath(buyer, user, now):
    buyer.subscribe(user, now=now)

    notice = db.session.scalars(select(Notice)).one()
    assert (notice.kind, notice.user_id) == (NoticeKind.CONTRACT, user.id)


def test_what_is_charged_carries_what_the_pages_said(buyer, user, gateway, now):
    buyer.subscribe(user, now=now)

    charge = next(request for operation, request in gateway.calls if operation == "charge")
    assert charge.order_name == "프리미엄 월간"
    assert (charge.amount_won, charge.tax_free_won) == (9900, 0)
    assert (charge.customer_name, charge.customer_email) == (user.name, user.email)
    assert charge.customer_key == user.customer_key


def test_no_connection_is_held_while_toss_answers(buyer, user, gateway, now):
    held = []
    gateway.on_call = lambda operation, _: held.append((operation, connections()))

    buyer.subscribe(user, now=now)

    assert held == [("issue_billing_key", 0), ("charge", 0)]


def test_every_sending_is_committed_before_it_leaves(app, buyer, user, gateway, now):
    seen = []

    def look(operation, request):
        with app.app_context():
            keys = db.session.scalars(select(PaymentRequest.idempotency_key)).all()
            seen.append((operation, request.idempotency_key in keys))

    gateway.on_call = look

    buyer.subscribe(user, now=now)

    assert seen == [("issue_billing_key", True), ("charge", True)]


def test_finishing_twice_changes_nothing(buyer, user, gateway, now):
    checkout_id = buyer.come_back(user, now=now)
    buyer.finish(checkout_id, now=now)

    buyer.finish(checkout_id, now=now)

    assert len(gateway.billing_keys) == len(gateway.payments) == 1
    assert [operation for operation, _ in gateway.calls] == ["issue_billing_key", "charge"]


def test_five_at_once_make_one_key_and_one_charge(buyer, user, gateway, vault, now, in_threads):
    checkout_id = buyer.come_back(user, now=now)

    in_threads(
        5,
        lambda: finish_checkout(
            checkout_id=checkout_id, gateway=gateway, vault=vault, terms=TERMS, now=now
        ),
    )

    db.session.expire_all()
    assert len(gateway.billing_keys) == len(gateway.payments) == 1
    assert count(BillingKey) == count(Payment) == 1
    assert db.session.get_one(Checkout, checkout_id).is_completed


def test_two_checkouts_at_once_make_one_charge(buyer, user, gateway, vault, now, in_threads):
    checkout_ids = [buyer.come_back(user, now=now) for _ in range(2)]
    waiting = list(checkout_ids)

    in_threads(
        2,
        lambda: finish_checkout(
            checkout_id=waiting.pop(), gateway=gateway, vault=vault, terms=TERMS, now=now
        ),
    )

    db.session.expire_all()
    states = sorted(db.session.get_one(Checkout, one).status for one in checkout_ids)
    assert len(gateway.payments) == 1
    assert count(Subscription) == 1
    assert states in (
        [CheckoutStatus.COMPLETED, CheckoutStatus.FAILED],
        [CheckoutStatus.AUTHORIZED, CheckoutStatus.COMPLETED],
    )


def test_a_second_auth_key_of_one_checkout_is_ignored(buyer, user, gateway, vault, now):
    checkout_id = buyer.come_back(user, now=now)
    other = gateway.register(user.customer_key)

    authorize_checkout(checkout_id=checkout_id, auth_key=other, vault=vault, now=now)
    buyer.finish(checkout_id, now=now)

    issue = next(request for operation, request in gateway.calls)
    assert issue.auth_key != other


def test_an_expired_quote_is_refused(buyer, user, now):
    quote_age = timedelta(minutes=61)
    from billing.subscribe import start_checkout
    from models import Quote

    quote = Quote.open_for(user, buyer.plan, now=now)
    db.session.flush()

    with pytest.raises(QuoteExpired):
        start_checkout(
            user=user, quote=quote, agreements=(), address="127.0.0.1", now=now + quote_age
        )
    assert count(Checkout) == 0


def test_a_quote_for_something_else_is_refused(buyer, user, pass_plan, now):
    from billing.subscribe import start_checkout
    from models import Quote

    quote = Quote.open_pass_for(user, pass_plan, begins_on=date(2026, 11, 20), now=now)
    db.session.flush()

    with pytest.raises(QuoteExpired):
        start_checkout(user=user, quote=quote, agreements=(), address="127.0.0.1", now=now)
    assert count(Checkout) == 0


def test_coming_back_too_late_keeps_nothing(buyer, user, vault, now):
    checkout_id = buyer.start(user, now=now)

    with pytest.raises(CheckoutExpired):
        authorize_checkout(
            checkout_id=checkout_id,
            auth_key="late",
            vault=vault,
            now=now + timedelta(minutes=60),
        )
    assert db.session.get_one(Checkout, checkout_id).auth_key_ciphertext is None


def test_a_subscriber_cannot_start_another_checkout(buyer, user, subscription, now):
    with pytest.raises(AlreadySubscribed):
        buyer.start(user, now=now)


def test_a_checkout_of_someone_who_subscribed_meanwhile_issues_nothing(buyer, user, gateway, now):
    slow = buyer.come_back(user, now=now)
    buyer.subscribe(user, now=now)
    calls = len(gateway.calls)

    with pytest.raises(AlreadySubscribed):
        buyer.finish(slow, now=now)

    checkout = db.session.get_one(Checkout, slow)
    assert len(gateway.calls) == calls
    assert checkout.failure_kind is FailureKind.DUPLICATE
    assert checkout.auth_key_ciphertext is None


def test_a_refused_registration_charges_nothing(buyer, user, gateway, now):
    checkout_id = buyer.come_back(user, now=now)
    gateway.fail_next("issue_billing_key", BillingKeyRejected("INVALID_CARD_EXPIRATION"))

    with pytest.raises(BillingKeyRejected):
        buyer.finish(checkout_id, now=now)

    checkout = db.session.get_one(Checkout, checkout_id)
    assert checkout.failure_kind is FailureKind.REGISTRATION
    assert checkout.auth_key_ciphertext is None
    assert count(Subscription) == 0
    assert gateway.payments == []


def test_a_contract_error_on_registration_alerts_the_merchant(buyer, user, gateway, now):
    checkout_id = buyer.come_back(user, now=now)
    gateway.fail_next("issue_billing_key", RequestRejected("NOT_SUPPORTED_METHOD", key_pair=True))

    with pytest.raises(RequestRejected):
        buyer.finish(checkout_id, now=now)

    assert db.session.get_one(Checkout, checkout_id).failure_kind is FailureKind.MERCHANT
    assert db.session.scalars(select(Notice)).one().kind is NoticeKind.MERCHANT_ALERT


def test_a_lost_answer_to_issue_is_asked_for_again_with_the_same_key(buyer, user, gateway, now):
    checkout_id = buyer.come_back(user, now=now)
    gateway.lose_next("issue_billing_key")
    with pytest.raises(OutcomeUnknown):
        buyer.finish(checkout_id, now=now)
    assert db.session.get_one(Checkout, checkout_id).is_unfinished

    buyer.finish(checkout_id, now=now + timedelta(seconds=30))

    keys = {request.idempotency_key for operation, request in gateway.calls if "issue" in operation}
    assert len(keys) == 1
    assert len(gateway.billing_keys) == len(gateway.payments) == 1
    assert db.session.get_one(Checkout, checkout_id).is_completed


def test_an_unanswered_registration_is_given_up_in_the_end(buyer, user, gateway, now):
    checkout_id = buyer.come_back(user, now=now)
    gateway.lose_before("issue_billing_key")

    with pytest.raises(OutcomeUnknown):
        buyer.finish(checkout_id, now=now + GIVE_UP_ISSUING_AFTER + timedelta(minutes=1))

    checkout = db.session.get_one(Checkout, checkout_id)
    assert checkout.failure_kind is FailureKind.UNANSWERED
    assert checkout.auth_key_ciphertext is None


def test_a_process_that_died_while_issuing_is_taken_over_after_its_lease(buyer, user, gateway, now):
    class Killed(BaseException):
        pass

    def die(operation, request):
        raise Killed

    checkout_id = buyer.come_back(user, now=now)
    gateway.on_call = die
    with pytest.raises(Killed):
        buyer.finish(checkout_id, now=now)
    gateway.on_call = None
    db.session.rollback()

    soon, later = now + timedelta(seconds=60), now + timedelta(seconds=90)
    assert ids(Checkout.unfinished(now=soon, limit=9)) == []
    assert ids(Checkout.unfinished(now=later, limit=9)) == [checkout_id]
    assert buyer.finish(checkout_id, now=later).is_completed


def test_a_process_that_died_before_charging_is_taken_over(buyer, user, gateway, now, monkeypatch):
    checkout_id = buyer.come_back(user, now=now)
    monkeypatch.setattr("billing.subscribe.collect", lambda **_: None)
    buyer.finish(checkout_id, now=now)
    monkeypatch.undo()

    assert ids(Checkout.unfinished(now=now, limit=9)) == [checkout_id]
    assert buyer.finish(checkout_id, now=now).is_completed
    assert len(gateway.payments) == 1


def test_a_declined_first_charge_keeps_the_place_and_gives_the_key_up(buyer, user, gateway, now):
    checkout_id = buyer.come_back(user, now=now)
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))

    with pytest.raises(CardDeclined):
        buyer.finish(checkout_id, now=now)

    checkout = db.session.get_one(Checkout, checkout_id)
    subscription = checkout.invoice.subscription
    assert (checkout.failure_kind, checkout.failure_code) == (
        FailureKind.CARD,
        "REJECT_CARD_PAYMENT",
    )
    assert subscription.is_incomplete
    assert ids(BillingKey.to_revoke(now=now, limit=9)) == [subscription.billing_key_id]


def test_another_card_after_a_decline_resumes_the_same_subscription(buyer, user, gateway, now):
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    with pytest.raises(CardDeclined):
        buyer.finish(buyer.come_back(user, now=now), now=now)
    tomorrow = now + timedelta(days=1)

    checkout = buyer.finish(buyer.come_back(user, now=tomorrow), now=tomorrow)

    assert checkout.is_completed
    assert count(Subscription) == 1
    assert checkout.invoice.subscription.paid_from_on == date(2026, 11, 21)
    statuses = [invoice.status for invoice in db.session.scalars(select(Invoice).order_by("id"))]
    assert statuses == ["void", "paid"]
    assert len(gateway.payments) == 1


def test_a_checkout_waits_while_an_earlier_payment_is_unknown(buyer, user, gateway, now):
    gateway.lose_next("charge")
    with pytest.raises(OutcomeUnknown):
        buyer.finish(buyer.come_back(user, now=now), now=now)

    with pytest.raises(CollectionInProgress):
        buyer.start(user, now=now)


@pytest.mark.parametrize(
    "error",
    [
        RequestRejected("UNAUTHORIZED_KEY", key_pair=True),
        RequestRejected("NOT_MATCHES_CUSTOMER_KEY"),
        BillingKeyRejected("NOT_SUPPORTED_CARD_TYPE"),
    ],
)
def test_a_contract_error_on_the_first_charge_frees_the_place(buyer, user, gateway, now, error):
    checkout_id = buyer.come_back(user, now=now)
    gateway.fail_next("charge", error)

    with pytest.raises(type(error)):
        buyer.finish(checkout_id, now=now)

    checkout = db.session.get_one(Checkout, checkout_id)
    subscription = checkout.invoice.subscription
    assert checkout.failure_kind is FailureKind.MERCHANT
    assert (subscription.is_ended, subscription.end_reason) == (True, EndReason.MERCHANT_ERROR)
    assert not subscription.billing_key.is_active
    assert db.session.scalars(select(Notice)).one().kind is NoticeKind.MERCHANT_ALERT
    assert buyer.subscribe(user, now=now).is_running


def test_an_unsupported_card_is_the_customers_matter_once_a_charge_went_through(
    buyer, user, other_user, gateway, now
):
    buyer.subscribe(other_user, now=now)
    checkout_id = buyer.come_back(user, now=now)
    gateway.fail_next("charge", BillingKeyRejected("NOT_SUPPORTED_CARD_TYPE"))

    with pytest.raises(BillingKeyRejected):
        buyer.finish(checkout_id, now=now)

    checkout = db.session.get_one(Checkout, checkout_id)
    assert checkout.failure_kind is FailureKind.CARD
    assert checkout.invoice.subscription.is_incomplete


def test_a_billing_key_of_another_customer_is_not_used(buyer, user, gateway, now):
    checkout_id = buyer.come_back(user, now=now)
    gateway.answer_next("issue_billing_key", customer_key="somebody-else")

    with pytest.raises(OutcomeUnknown):
        buyer.finish(checkout_id, now=now)

    assert db.session.get_one(Checkout, checkout_id).failure_kind is FailureKind.MERCHANT
    assert count(Subscription) == 0
    assert gateway.payments == []
