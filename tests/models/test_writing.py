"""Rows written by one statement each are what a flush would have written, and nothing waits."""

from datetime import timedelta

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from models import Invoice, PaymentAttempt, Quote, db
from models.payment_attempt import AttemptStatus
from models.writing import write

DAY = timedelta(days=1)


def begun(subscription, now):
    """Return an invoice and an attempt at it that wait to be written."""
    invoice = Invoice.renewal(subscription, now=now)
    attempt = PaymentAttempt.begin(invoice, key_pair="billing", secret_fingerprint="x", now=now)
    attempt.note_sending(look_up_at=now, resend_after=now)
    return invoice, attempt


def test_new_and_changed_rows_are_one_statement_each_and_nothing_waits(
    subscription, statements, now
):
    invoice, attempt = begun(subscription, now)
    subscription.begin_collecting()

    write(invoice, attempt, subscription)
    db.session.commit()

    if statements[0] == "BEGIN IMMEDIATE":
        del statements[0]
    assert statements == ["INSERT invoice", "INSERT payment_attempt", "UPDATE subscription"]
    assert attempt.invoice is invoice and invoice.attempts == [attempt]
    assert db.session.get(PaymentAttempt, attempt.id) is attempt
    assert all(inspect(row).persistent for row in (invoice, attempt, subscription))


def test_they_are_in_the_database_as_they_are_in_the_session(subscription, card, now):
    invoice, attempt = begun(subscription, now)
    second = card("second")
    subscription.replace_billing_key(second, today=now.date())
    write(invoice, attempt, subscription)
    attempt.fail("NO", "no", now=now)
    write(attempt)
    ids = invoice.id, attempt.id
    db.session.commit()
    db.session.expunge_all()

    invoice, attempt = (
        db.session.get_one(Invoice, ids[0]),
        db.session.get_one(PaymentAttempt, ids[1]),
    )
    assert (attempt.invoice_id, attempt.billing_key.fingerprint) == (invoice.id, "first")
    assert (attempt.status, attempt.settled_at) == (AttemptStatus.FAILED, now)
    assert invoice.subscription.billing_key_id == second.id
    assert invoice.is_open and invoice.created_at == now


def test_a_relation_that_is_emptied_empties_its_column(subscription, user, plan, now):
    subscription.plan_next(
        Quote.change_later(user_id=user.id, plan=plan, anchor_on=now.date(), now=now)
    )
    db.session.commit()

    subscription.plan_next(None)
    write(subscription)
    db.session.commit()
    db.session.expire_all()

    assert (subscription.next_quote_id, subscription.next_plan_id) == (None, None)


def test_what_else_waits_is_flushed_with_it_in_its_own_order(subscription, plan, now):
    old = Invoice.renewal(subscription, now=now)
    db.session.commit()
    old.void()
    subscription.begin_new_term(now.date() + 7 * DAY)
    invoice, attempt = begun(subscription, now)

    write(invoice, attempt, subscription)

    assert not db.session.new and not db.session.dirty
    assert inspect(old).persistent and invoice.id != old.id


def test_what_a_row_leaves_to_the_table_is_read_from_there(card, subscription):
    second = card("second")

    write(second)

    assert (second.is_wallet, second.revocation_tries, second.revoked_at) == (False, 0, None)


def test_what_is_rolled_back_is_as_after_a_flush(subscription, now):
    invoice, attempt = begun(subscription, now)
    subscription.begin_collecting()
    write(invoice, attempt, subscription)

    db.session.rollback()

    assert inspect(invoice).transient and inspect(attempt).transient
    assert subscription.next_charge_on is not None
    assert not db.session.new and not db.session.dirty


def test_a_second_attempt_in_flight_is_refused_as_by_a_flush(subscription, now):
    invoice, attempt = begun(subscription, now)
    write(invoice, attempt)
    again = PaymentAttempt.begin(invoice, key_pair="billing", secret_fingerprint="x", now=now)

    with pytest.raises(IntegrityError):
        write(again)
    db.session.rollback()

    assert not db.session.new


def test_a_row_that_is_gone_is_not_written_in_silence(subscription, now):
    db.session.execute(text("UPDATE subscription SET id = -1"))
    subscription.begin_collecting()

    with pytest.raises(StaleDataError):
        write(subscription)
