"""The Celery worker on a real broker: messages may be lost, doubled or cut off; the books hold."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, text

from bin.customer import Customer
from bin.service import ROOT, Service
from bin.shop import Shop
from tests.e2e.steps import wait_until

pytestmark = pytest.mark.e2e

CELERY = [sys.executable, "-m", "celery", "-A", "worker"]


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    return new_shop(TOSS_TIMEOUT="2", CELERY_BROKER_URL=os.environ["TEST_REDIS_URL"])


@pytest.fixture
def worker(shop: Shop) -> Iterator[Service]:
    shop.worker.stop()
    command = [*CELERY, "worker", "--concurrency", "2", "--loglevel", "INFO"]
    celery = Service("celery", command, ready="ready.", environ=shop.env)
    celery.start()
    celery.wait_until_ready()
    yield celery
    celery.kill()


@pytest.fixture
def send_due(shop: Shop) -> Callable[[], None]:
    """Do what beat does every minute."""

    def call() -> None:
        command = [*CELERY, "call", "shop.send_due"]
        subprocess.run(command, cwd=ROOT, env=shop.env, check=True, capture_output=True)

    return call


def month_later(shop: Shop) -> None:
    """Move the shop's clock past the renewal, without a run."""
    _sql(shop, "DELETE FROM shop_clock")
    seconds = int(timedelta(days=32).total_seconds())
    _sql(shop, f"INSERT INTO shop_clock (id, ahead_seconds) VALUES (1, {seconds})")


def let_timers_run_out(shop: Shop) -> None:
    _sql(
        shop,
        "UPDATE payment_attempt SET next_look_up_at = created_at, resend_after = created_at"
        " WHERE status = 'pending'",
    )


def charges(shop: Shop) -> list[Any]:
    return list(shop.control.ledger()["payments"])


def charge_requests(shop: Shop) -> list[Any]:
    return [one for one in shop.control.ledger()["requests"] if one["operation"] == "charge"]


def _sql(shop: Shop, statement: str) -> Any:
    engine = create_engine(shop.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        found = connection.execute(text(statement))
        return found.scalar() if found.returns_rows else None


def test_a_renewal_sent_twice_is_charged_once(
    shop: Shop, worker: Service, send_due: Callable[[], None]
) -> None:
    customer = Customer(shop)
    customer.subscribe()
    month_later(shop)

    send_due()
    send_due()
    wait_until(lambda: len(charges(shop)) == 2)
    send_due()
    wait_until(lambda: sum("shop.send_due" in line for line in worker.lines if "succ" in line) >= 3)

    assert len(charges(shop)) == 2


def test_a_worker_killed_in_the_middle_of_a_charge_loses_and_doubles_nothing(
    shop: Shop, worker: Service, send_due: Callable[[], None]
) -> None:
    customer = Customer(shop)
    customer.subscribe()
    month_later(shop)
    shop.control.plant([{"operation": "charge", "kind": "hang", "seconds": 30, "times": 1}])

    def is_sent() -> bool:
        send_due()
        return _sql(shop, "SELECT count(*) FROM payment_request WHERE kind = 'charge'") == 2

    wait_until(is_sent)

    worker.kill()
    shop.control.plant([])
    worker.start()
    worker.wait_until_ready()
    let_timers_run_out(shop)
    send_due()

    wait_until(lambda: len(charges(shop)) == 2)
    keys = {request["idempotency_key"] for request in charge_requests(shop)}
    assert len(keys) == 2, "the first charge, and the renewal under one key"
