"""The test clock moves while workers settle: whoever was first is seen by the other."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from gateways.payment import OutcomeUnknown
from models import PassOrder, ShopClock, db

DAY = timedelta(days=1)
PATIENCE = 10.0


@pytest.fixture
def until_somebody_waits(backend):
    """Return once another connection waits for a row; SQLite lets nobody in until the commit."""

    def wait():
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        give_up_at = time.monotonic() + PATIENCE
        while backend == "postgresql" and not db.session.scalar(waiting):
            assert time.monotonic() < give_up_at
            db.session.execute(text("SELECT pg_stat_clear_snapshot()"))

    return wait


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
