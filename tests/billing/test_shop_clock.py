"""The test clock moves while workers settle: whoever was first is seen by the other."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from billing.collect import locked_attempt
from gateways.payment import OutcomeUnknown
from models import Checkout, PassOrder, PaymentAttempt, ShopClock, db

DAY = timedelta(days=1)
PATIENCE = 10.0


def test_a_jump_waits_for_an_order_that_is_being_settled(
    app, pass_buyer, pass_gateway, user, now, until_somebody_waits
):
    order_id = pass_buyer.come_back(user, now=now)
    pass_gateway.lose_before("confirm")
    with pytest.raises(OutcomeUnknown):
        pass_buyer.finish(order_id, now=now)
    PassOrder.locked(order_id).set_aside("answer_differs", now=now)
    db.session.flush()

    def jump():
        with app.app_context():
            ShopClock.set_ahead(30 * DAY)
            db.session.commit()

    with ThreadPoolExecutor(1) as threads:
        jumped = threads.submit(jump)
        until_somebody_waits()
        db.session.commit()
        jumped.result(PATIENCE)

    assert PassOrder.locked(order_id).is_set_aside
    assert PassOrder.locked(order_id).next_look_up_at is None


def test_a_jump_does_not_stand_in_the_way_of_who_settles_a_checkout(
    app, buyer, user, other_user, gateway, now, until_somebody_waits
):
    gateway.lose_before("charge")
    with pytest.raises(OutcomeUnknown):
        buyer.subscribe(user, now=now)
    gateway.lose_before("issue_billing_key")
    leased_id = buyer.come_back(other_user, now=now)
    with pytest.raises(OutcomeUnknown):
        buyer.finish(leased_id, now=now)
    attempt = db.session.scalars(select(PaymentAttempt)).one()

    def jump():
        with app.app_context():
            ShopClock.set_ahead(30 * DAY)
            db.session.commit()

    with ThreadPoolExecutor(1) as threads:
        locked_attempt(attempt.id)
        jumped = threads.submit(jump)
        until_somebody_waits()
        checkout = (
            select(Checkout).filter_by(id=leased_id).with_for_update(nowait=True, of=Checkout)
        )
        waits_until = db.session.scalars(checkout).one().next_issue_at
        assert waits_until is not None
        db.session.commit()
        jumped.result(PATIENCE)

    assert Checkout.locked(leased_id).next_issue_at == waits_until + 30 * DAY


def test_a_jump_writes_each_row_once(app, buyer, user, gateway, now):
    """A row that one transaction writes twice has its references checked, and locked, again."""
    gateway.lose_before("charge")
    with pytest.raises(OutcomeUnknown):
        buyer.subscribe(user, now=now)
    db.session.commit()
    written = []

    def note(_connection, _cursor, statement, *_):
        written.append(" ".join(statement.split()[:2]))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        ShopClock.set_ahead(30 * DAY)
        db.session.commit()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)

    assert written.count("UPDATE payment_attempt") == 1
