from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from billing.collect import CollectionInProgress, NothingToCollect, collect, locked_attempt
from billing.reconcile import MAX_SENDINGS, RESEND_WITHIN, reconcile
from gateways.payment import CardDeclined, OutcomeUnknown
from models import Checkout, Invoice, Notice, Payment, PaymentAttempt, Subscription, db
from rules.collection_terms import CollectionTerms

TERMS = CollectionTerms()


def ids(rows):
    """Return the ids of due records."""
    return [row[-1] for row in rows]


@pytest.fixture
def invoice(buyer, user, gateway, now, monkeypatch):
    """Return the first invoice of a subscription whose charge has not begun."""
    checkout_id = buyer.come_back(user, now=now)
    monkeypatch.setattr("billing.subscribe.collect", lambda **_: None)
    checkout = buyer.finish(checkout_id, now=now)
    monkeypatch.undo()
    return checkout.invoice


@pytest.fixture
def charge(invoice, gateway, vault, now):
    """Collect the invoice."""
    invoice_id = invoice.id
    return lambda: collect(
        invoice_id=invoice_id, gateway=gateway, vault=vault, terms=TERMS, now=now
    )


@pytest.fixture
def lost(charge, gateway):
    """Return the attempt of a charge whose answer was lost after the money moved."""
    gateway.lose_next("charge")
    with pytest.raises(OutcomeUnknown):
        charge()
    return db.session.scalars(select(PaymentAttempt)).one()


@pytest.fixture
def unsent(charge, gateway):
    """Return the attempt of a charge that never reached Toss."""
    gateway.lose_before("charge")
    with pytest.raises(OutcomeUnknown):
        charge()
    return db.session.scalars(select(PaymentAttempt)).one()


def sendings(gateway):
    return [request for operation, request in gateway.calls if operation == "charge"]


def test_many_at_once_charge_once(charge, gateway, in_threads):
    outcomes = in_threads(16, charge)

    assert len(gateway.payments) == len(sendings(gateway)) == 1
    assert sum(isinstance(outcome, Payment) for outcome in outcomes) == 1
    refusals = [outcome for outcome in outcomes if not isinstance(outcome, Payment)]
    assert {type(refusal) for refusal in refusals} <= {CollectionInProgress, NothingToCollect}


def test_a_paid_invoice_is_not_collected_again(charge, gateway):
    charge()

    with pytest.raises(NothingToCollect):
        charge()
    assert len(sendings(gateway)) == 1


def test_while_an_answer_is_lost_nobody_charges_again(lost, charge, gateway):
    with pytest.raises(CollectionInProgress):
        charge()
    assert len(sendings(gateway)) == 1


def test_the_database_refuses_a_second_attempt_in_flight(lost, now):
    invoice = db.session.get_one(Invoice, lost.invoice_id)
    PaymentAttempt.begin(invoice, key_pair="billing", secret_fingerprint="x", now=now)

    with pytest.raises(IntegrityError):
        db.session.flush()


def test_the_database_refuses_a_second_payment_of_an_invoice(charge, now):
    first = charge()
    values = {
        column.name: getattr(first, column.name)
        for column in Payment.__table__.columns
        if column.name != "id"
    }
    values |= {"payment_key": "other", "order_id": "other"}
    db.session.add(Payment(**values))

    with pytest.raises(IntegrityError):
        db.session.flush()


def test_a_lost_answer_is_settled_by_a_look_up(lost, gateway, vault, now):
    payment = reconcile(attempt_id=lost.id, gateway=gateway, vault=vault, terms=TERMS, now=now)

    assert payment.order_id == lost.order_id
    assert len(sendings(gateway)) == len(gateway.payments) == 1
    assert db.session.scalars(select(Subscription)).one().is_running
    assert db.session.scalars(select(Checkout)).one().is_completed


def test_reconciling_at_once_books_once(lost, gateway, vault, now, in_threads):
    attempt_id = lost.id

    in_threads(
        4,
        lambda: reconcile(
            attempt_id=attempt_id, gateway=gateway, vault=vault, terms=TERMS, now=now
        ),
    )

    assert db.session.scalar(select(func.count()).select_from(Payment)) == 1


def test_not_found_means_nothing_while_the_request_may_be_on_its_way(unsent, gateway, vault, now):
    soon = now + timedelta(seconds=2 * gateway.timeout_seconds - 1)

    assert (
        reconcile(attempt_id=unsent.id, gateway=gateway, vault=vault, terms=TERMS, now=soon) is None
    )
    assert len(sendings(gateway)) == 1
    assert db.session.get_one(PaymentAttempt, unsent.id).is_pending


def test_after_two_timeouts_the_very_same_request_is_sent_again(unsent, gateway, vault, now):
    later = now + timedelta(seconds=2 * gateway.timeout_seconds + 1)

    payment = reconcile(attempt_id=unsent.id, gateway=gateway, vault=vault, terms=TERMS, now=later)

    first, second = sendings(gateway)
    assert first == second
    assert payment.amount_won == 9900


def test_a_passing_refusal_is_sent_again_with_a_new_key_and_the_same_order(
    charge, gateway, vault, now
):
    gateway.fail_next("charge", OutcomeUnknown("PROVIDER_ERROR", http_status=400, transient=True))
    with pytest.raises(OutcomeUnknown):
        charge()
    attempt = db.session.scalars(select(PaymentAttempt)).one()
    later = now + timedelta(seconds=2 * gateway.timeout_seconds + 1)

    reconcile(attempt_id=attempt.id, gateway=gateway, vault=vault, terms=TERMS, now=later)

    first, second = sendings(gateway)
    assert first.order_id == second.order_id
    assert first.idempotency_key != second.idempotency_key
    assert len(gateway.payments) == 1


@pytest.mark.parametrize("wait", [RESEND_WITHIN, RESEND_WITHIN + timedelta(days=1)])
def test_after_fourteen_days_a_person_decides(unsent, gateway, vault, now, wait):
    reconcile(attempt_id=unsent.id, gateway=gateway, vault=vault, terms=TERMS, now=now + wait)

    assert len(sendings(gateway)) == 1
    assert db.session.get_one(PaymentAttempt, unsent.id).is_set_aside
    assert db.session.scalars(select(Notice)).one().facts["event"] == "charge_unanswered"


def test_after_a_change_of_keys_nothing_is_sent_again(unsent, gateway, vault, now):
    gateway.secret_fingerprint = "another"
    later = now + timedelta(hours=1)

    reconcile(attempt_id=unsent.id, gateway=gateway, vault=vault, terms=TERMS, now=later)

    assert len(sendings(gateway)) == 1
    assert db.session.get_one(PaymentAttempt, unsent.id).is_set_aside


def test_a_request_that_never_arrives_is_set_aside_after_some_sendings(unsent, gateway, vault, now):
    later = now
    for _ in range(MAX_SENDINGS - 1):
        later += timedelta(hours=1)
        gateway.lose_before("charge")
        with pytest.raises(OutcomeUnknown):
            reconcile(attempt_id=unsent.id, gateway=gateway, vault=vault, terms=TERMS, now=later)

    later += timedelta(hours=1)
    assert (
        reconcile(attempt_id=unsent.id, gateway=gateway, vault=vault, terms=TERMS, now=later)
        is None
    )
    assert len(sendings(gateway)) == MAX_SENDINGS
    assert db.session.get_one(PaymentAttempt, unsent.id).is_set_aside


@pytest.mark.parametrize(
    "changes",
    [
        {"total_won": 9901},
        {"order_id": "another-order"},
        {"currency": "USD"},
        {"type": "NORMAL"},
        {"card": None},
        {"method": "계좌이체"},
        {"status": "CANCELED"},
        {"tax_free_won": 100},
    ],
)
def test_an_answer_that_differs_is_set_aside(charge, gateway, vault, now, changes):
    gateway.answer_next("charge", **changes)

    with pytest.raises(OutcomeUnknown):
        charge()

    attempt = db.session.scalars(select(PaymentAttempt)).one()
    assert attempt.is_set_aside
    assert db.session.scalar(select(func.count()).select_from(Payment)) == 0
    assert db.session.scalars(select(Notice)).one().facts["event"] == "charge_set_aside"
    with pytest.raises(CollectionInProgress):
        charge()
    assert len(sendings(gateway)) == 1


def test_an_order_that_toss_says_failed_is_a_decline(lost, gateway, vault, now):
    gateway.answer_next(
        "find_order", status="ABORTED", failure_code="REJECT_CARD_PAYMENT", failure_message="한도"
    )

    with pytest.raises(CardDeclined):
        reconcile(attempt_id=lost.id, gateway=gateway, vault=vault, terms=TERMS, now=now)

    attempt = db.session.get_one(PaymentAttempt, lost.id)
    assert (attempt.status, attempt.failure_code) == ("failed", "REJECT_CARD_PAYMENT")


def test_an_order_that_toss_has_not_decided_stays_pending(lost, gateway, vault, now):
    gateway.answer_next("find_order", status="IN_PROGRESS")

    with pytest.raises(OutcomeUnknown):
        reconcile(attempt_id=lost.id, gateway=gateway, vault=vault, terms=TERMS, now=now)

    assert db.session.get_one(PaymentAttempt, lost.id).is_pending


def test_a_process_that_died_after_the_charge_is_settled_later(
    charge, gateway, vault, now, monkeypatch
):
    class Killed(BaseException):
        pass

    def die(**_):
        raise Killed

    monkeypatch.setattr("billing.collect.settle", die)
    with pytest.raises(Killed):
        charge()
    monkeypatch.undo()
    db.session.rollback()
    later = now + timedelta(minutes=2)
    (attempt_id,) = ids(PaymentAttempt.pending(looked_up_before=later, limit=9))

    payment = reconcile(attempt_id=attempt_id, gateway=gateway, vault=vault, terms=TERMS, now=later)

    assert payment.amount_won == 9900
    assert len(gateway.payments) == len(sendings(gateway)) == 1


def test_each_sending_keeps_toss_status_code_and_trace(charge, gateway):
    gateway.fail_next(
        "charge",
        CardDeclined("REJECT_CARD_PAYMENT", "한도초과", http_status=403, trace_id="trace-1"),
    )
    with pytest.raises(CardDeclined):
        charge()

    (sending,) = db.session.scalars(select(PaymentAttempt)).one().requests
    assert (sending.http_status, sending.code, sending.trace_id) == (
        403,
        "REJECT_CARD_PAYMENT",
        "trace-1",
    )


def test_who_waits_to_settle_holds_nothing_and_then_sees_what_became_of_it(
    app, lost, now, until_somebody_waits
):
    attempt_id, subscription_id = lost.id, lost.invoice.subscription_id
    db.session.commit()
    Subscription.locked(subscription_id)

    def stand_in_line():
        with app.app_context():
            attempt = locked_attempt(attempt_id)
            return attempt.is_set_aside, attempt.invoice.is_set_aside

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(stand_in_line)
        until_somebody_waits()
        for table in (Invoice, PaymentAttempt):
            db.session.execute(select(table.id).with_for_update(nowait=True)).all()
        attempt = db.session.get_one(PaymentAttempt, attempt_id)
        attempt.set_aside("answer_differs", "", now=now)
        attempt.invoice.set_aside()
        db.session.commit()

        assert waiting.result(10) == (True, True)


def test_who_only_refers_to_an_invoice_that_is_being_settled_does_not_wait(app, lost, backend):
    """Else who writes an attempt anew and who settles it could wait for each other."""
    attempt_id, invoice_id = lost.id, lost.invoice_id
    db.session.commit()
    refer = select(Invoice.id).filter_by(id=invoice_id)

    def in_other_connection():
        with app.app_context():
            locks = refer.with_for_update(read=True, key_share=True, nowait=True)
            return db.session.scalar(locks)

    if backend == "postgresql":  # SQLite lets no other writer in at all.
        locked_attempt(attempt_id)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(in_other_connection).result(10) == invoice_id


def test_an_attempt_that_was_read_before_is_read_anew_with_all_its_columns(app, lost):
    attempt, invoice = lost, lost.invoice
    subscription, key = invoice.subscription, lost.idempotency_key
    anchor_on = subscription.anchor_on
    db.session.commit()
    with app.app_context():
        other = db.session.get_one(PaymentAttempt, attempt.id)
        other.renew_idempotency_key()
        other.invoice.order_name = other.customer_name = "다른 이름"
        other.invoice.subscription.anchor_on += timedelta(days=1)
        db.session.commit()
    assert attempt.idempotency_key == key

    locked_attempt(attempt.id)

    assert attempt.idempotency_key != key
    assert (attempt.customer_name, invoice.order_name) == ("다른 이름", "다른 이름")
    assert subscription.anchor_on == anchor_on + timedelta(days=1)
