from datetime import date

import pytest
from sqlalchemy import delete, select, update

import billing.audit
from billing.audit import Finding, audit
from gateways.payment import CancelRequest, OutcomeUnknown
from models import Payment, db

TODAY = date(2026, 11, 20)


@pytest.fixture
def paid(subscription, gateway, now):
    return db.session.scalars(select(Payment)).one()


@pytest.fixture(autouse=True)
def _same_time(gateway, now):
    gateway.now = now


def differences(gateway, day=TODAY):
    return audit(gateway=gateway, start_on=day, end_on=day)


def test_books_that_agree_have_no_difference(paid, gateway):
    assert differences(gateway) == []


def test_a_payment_that_only_toss_knows_is_named(paid, gateway):
    order_id = paid.order_id
    db.session.execute(delete(Payment))
    assert differences(gateway) == [Finding("paid", order_id, 9900, 0)]


def test_a_payment_that_only_the_shop_knows_is_named(paid, gateway):
    gateway._payments.clear()
    assert differences(gateway) == [Finding("paid", paid.order_id, 0, 9900)]


def test_an_amount_that_differs_is_named(paid, gateway):
    db.session.execute(update(Payment).values(amount_won=9901, supplied_won=9001))
    assert differences(gateway) == [Finding("paid", paid.order_id, 9900, 9901)]


def test_money_that_went_back_without_the_shop_is_named(paid, gateway):
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
    assert differences(gateway) == [Finding("given back", paid.order_id, 1000, 0)]


def test_other_days_are_not_looked_at(paid, gateway):
    db.session.execute(delete(Payment))
    assert differences(gateway, date(2026, 11, 19)) == []
    assert differences(gateway, date(2026, 11, 21)) == []


def test_a_long_list_is_read_page_by_page(buyer, user, other_user, gateway, now, monkeypatch):
    monkeypatch.setattr(billing.audit, "PAGE", 1)
    for person in (user, other_user):
        buyer.subscribe(person, now=now)
    gateway.calls.clear()
    db.session.execute(delete(Payment))
    assert len(differences(gateway)) == 2


def test_nothing_is_concluded_from_half_a_list(paid, gateway, monkeypatch):
    def broken_off(*_, **__):
        raise OutcomeUnknown("timeout")

    monkeypatch.setattr(gateway, "transactions", broken_off)
    with pytest.raises(OutcomeUnknown):
        differences(gateway)
