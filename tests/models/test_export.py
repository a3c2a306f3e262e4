"""What an export reads: every row once, in order, a query a batch, each along its index."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select, text, update

import models.export
from benchmarks.many_payments import FIRST_ID, add_payments
from models import Payment, Refund, db
from models.export import (
    count_payments,
    count_refunds,
    payments,
    payments_named,
    payments_to_settle,
    refunds,
    refunds_named,
    refunds_to_settle,
)
from models.refund import RefundCause, RefundStatus
from tests.conftest import held_connections

SINCE = datetime(2026, 11, 19, 15, 0, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)
LATER = SINCE + timedelta(days=1)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(models.export, "BATCH", 3)


@pytest.fixture
def many(plan):
    add_payments(plan, 8, since=SINCE)


@pytest.fixture
def given_back(many):
    """A refund of each payment, some of them not done."""
    for number, payment in enumerate(db.session.scalars(select(Payment).order_by(Payment.id))):
        at = SINCE + number * A_SECOND
        refund = Refund.begin(
            payment, amount_won=100, tax_free_won=0, cause=RefundCause.TERMINATION, now=at
        )
        if number % 2:
            refund.succeed(f"txrd_{number}", now=at)
    db.session.commit()


@pytest.fixture
def queries(context):
    """Return the list of what is asked from now on."""
    seen = []

    def note(_connection, _cursor, statement, parameters, *_):
        seen.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)


def ids(batches):
    return [[row.id - FIRST_ID for row in batch] for batch in batches]


def test_every_payment_is_read_once_in_order_of_its_time(many):
    db.session.execute(
        update(Payment).where(Payment.id == FIRST_ID), {"approved_at": SINCE + 9 * A_SECOND}
    )
    db.session.commit()
    assert ids(payments(SINCE, LATER)) == [[1, 2, 3], [4, 5, 6], [7, 0]]


def test_payments_of_one_instant_are_all_read(many):
    db.session.execute(update(Payment), {"approved_at": SINCE})
    db.session.commit()
    assert ids(payments(SINCE, LATER)) == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_the_first_instant_belongs_to_it_and_the_last_does_not(many):
    found = ids(payments(SINCE + 2 * A_SECOND, SINCE + 4 * A_SECOND))
    assert found == [[2, 3]]
    assert count_payments(SINCE + 2 * A_SECOND, SINCE + 4 * A_SECOND) == 2
    assert ids(payments(LATER, LATER)) == [] and count_payments(LATER, LATER) == 0


def test_a_payment_is_read_with_its_customer_plan_and_period(many, plan):
    [[first, *_], *_] = payments(SINCE, LATER)
    assert (first.at, first.order_id) == (SINCE, "many-0")
    assert (first.email, first.name) == ("reader-0@many.example", "김독자0")
    assert (first.product, first.plan) == (plan.product.name, plan.name)
    assert (first.amount_won, first.supplied_won, first.vat_won) == (9900, 9000, 900)
    assert (first.period_end_on - first.period_start_on).days == 30
    assert first.subscription_id == FIRST_ID


def test_a_batch_is_one_query_and_holds_nothing(many, queries):
    db.session.close()
    for number, batch in enumerate(payments(SINCE, LATER), 1):
        assert [len(row) for row in batch] == [22] * len(batch)
        assert len(queries) == number
        assert held_connections() == 0
        assert len(db.session.identity_map) == 0
    assert len(queries) == 3


@pytest.mark.parametrize(
    ("read", "index"),
    [
        (payments, "ix_payment_approved"),
        (refunds, "ix_refund_asked"),
        (lambda *days: payments_to_settle(*days, key_pair="billing"), "ix_payment_approved"),
        (lambda *days: refunds_to_settle(*days, key_pair="billing"), "ix_refund_asked"),
    ],
)
def test_each_batch_is_found_in_its_index(given_back, queries, backend, read, index):
    list(read(SINCE, LATER))
    assert len(queries) == 3
    words = "EXPLAIN " if backend == "postgresql" else "EXPLAIN QUERY PLAN "
    for statement, parameters in list(queries):
        with db.engine.connect() as connection:
            if backend == "postgresql":
                connection.execute(text("SET LOCAL enable_seqscan = off"))
            rows = connection.exec_driver_sql(words + statement, parameters)
            assert index in "\n".join(map(str, rows))


def test_refunds_are_read_by_when_they_were_asked_for(given_back):
    [[first, second, _], *_] = refunds(SINCE, LATER)
    assert (first.order_id, first.amount_won) == ("many-0", 100)
    assert (first.status, first.settled_at) == (RefundStatus.PENDING, None)
    assert (second.status, second.transaction_key) == (RefundStatus.SUCCEEDED, "txrd_1")
    assert second.cause is RefundCause.TERMINATION
    assert count_refunds(SINCE, SINCE + 3 * A_SECOND) == 3
    assert sum(len(batch) for batch in refunds(SINCE, SINCE + 3 * A_SECOND)) == 3


def test_only_what_toss_moved_for_this_pair_is_to_be_settled(given_back):
    db.session.execute(
        update(Payment).where(Payment.order_id.in_(["many-1", "many-2"])), {"key_pair": "pass"}
    )
    db.session.commit()

    def meant(batches):
        return [row.order_id for batch in batches for row in batch if row.is_meant]

    paid = payments_to_settle(SINCE, LATER, key_pair="billing")
    back = refunds_to_settle(SINCE, LATER, key_pair="billing")
    assert meant(paid) == [f"many-{number}" for number in (0, 3, 4, 5, 6, 7)]
    assert meant(back) == ["many-3", "many-5", "many-7"]


def test_rows_are_found_by_the_names_that_toss_uses(given_back):
    [payment] = payments_named({"bill_202601010000005", "unknown"})
    [refund] = refunds_named({"txrd_5", "unknown"})
    assert (payment.id - FIRST_ID, payment.amount_won) == (5, 9900)
    assert (refund.transaction_key, refund.amount_won) == ("txrd_5", 100)
    assert payments_named(set()) == refunds_named(set()) == []


def test_a_reader_keeps_no_writer_out(many, plan):
    batches = payments(SINCE, LATER)
    next(batches)
    db.session.execute(update(Payment), {"refunded_won": 1})
    db.session.commit()
    assert next(batches)[0].refunded_won == 1
