"""A row read again under a lock: nothing is loaded where all is as before, nothing old is kept."""

import pytest
from sqlalchemy import select, update

from models import BillingKey, Invoice, Subscription, User, db
from models.reading import reread

_TABLES = (Subscription.__table__, BillingKey.__table__)


@pytest.fixture
def row(subscription):
    """Return a function that reads the rows of the subscription and its card."""
    subscriptions, keys = _TABLES
    query = select(*subscriptions.c, *keys.c).where(
        subscriptions.c.id == subscription.id, keys.c.id == subscriptions.c.billing_key_id
    )
    return lambda: db.session.connection().execute(query).one()


@pytest.fixture
def change(app):
    """Return a function that changes a row as another process would."""

    def change(model, **values):
        db.session.commit()
        with app.app_context():
            db.session.execute(update(model).values(values))
            db.session.commit()

    return change


def test_records_that_are_as_before_are_not_loaded_again(subscription, row, statements):
    card = subscription.billing_key
    read = row()
    del statements[:]

    reread(read, Subscription, BillingKey)

    assert db.session.get(Subscription, subscription.id) is subscription
    assert (subscription.status, subscription.billing_key, card.method) == ("active", card, "카드")
    assert statements == []


@pytest.mark.parametrize(
    ("model", "column", "value"),
    [(Subscription, "term_no", 7), (BillingKey, "card_issuer", "다른")],
)
def test_what_another_process_changed_is_seen(subscription, row, change, model, column, value):
    record = subscription if model is Subscription else subscription.billing_key
    assert getattr(record, column) != value
    change(model, **{column: value})

    reread(row(), Subscription, BillingKey)

    assert getattr(record, column) == value


def test_what_became_empty_is_seen(subscription, row, change):
    assert subscription.next_charge_on is not None
    change(Subscription, next_charge_on=None)

    reread(row(), Subscription, BillingKey)

    assert subscription.next_charge_on is None


def test_with_one_difference_nothing_that_was_read_before_is_kept(user, row, change):
    assert user.name == "김하나"
    change(User, name="김두나")
    change(Subscription, term_no=7)

    reread(row(), Subscription, BillingKey)

    assert user.name == "김두나"


def test_what_was_not_loaded_is_loaded_after_the_lock(subscription, row, change):
    db.session.expire(subscription, ["term_no"])
    change(Subscription, term_no=7)

    reread(row(), Subscription, BillingKey)

    assert subscription.term_no == 7


def test_a_record_that_nobody_read_yet_is_loaded(subscription, row):
    subscription_id = subscription.id
    read = row()
    db.session.expunge_all()

    reread(read, Subscription, BillingKey)

    assert db.session.get_one(Subscription, subscription_id).term_no == 1


def test_what_refers_to_a_record_is_read_anew(subscription, row, app, now):
    assert subscription.invoices == []
    db.session.commit()
    with app.app_context():
        Invoice.renewal(db.session.get_one(Subscription, subscription.id), now=now)
        db.session.commit()

    reread(row(), Subscription, BillingKey)

    assert [invoice.period_no for invoice in subscription.invoices] == [2]
