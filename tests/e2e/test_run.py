"""`flask billing run` as a process: stopped in the middle, and two of them at once."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from bin.customer import Customer
from bin.service import ROOT
from bin.shop import Shop
from tests.e2e.steps import wait_until

pytestmark = pytest.mark.e2e

CUSTOMERS = 6


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """A shop without a worker, a month after its customers subscribed."""
    shop = new_shop(TOSS_TIMEOUT="20")
    for _ in range(CUSTOMERS):
        Customer(shop).subscribe()
    shop.worker.stop()
    _sql(shop, f"INSERT INTO shop_clock (id, ahead_seconds) VALUES (1, {32 * 86_400})")
    return shop


def _sql(shop: Shop, statement: str) -> Any:
    engine = create_engine(shop.database_url)
    with engine.begin() as connection:
        done = connection.execute(text(statement))
        rows = done.all() if done.returns_rows else None
    engine.dispose()
    return rows


def _start(shop: Shop, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "flask", "billing", "run", "--json", *options]
    return subprocess.Popen(command, cwd=ROOT, env=shop.env, stdout=subprocess.PIPE, text=True)


def _answer(run: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = run.communicate(timeout=60)
    found: dict[str, Any] = json.loads(output)
    return found


def _charges(shop: Shop) -> int:
    return len(shop.control.ledger()["payments"])


def test_a_stopped_run_finishes_what_is_in_flight_and_begins_nothing(shop: Shop) -> None:
    shop.control.plant([{"operation": "charge", "kind": "hang", "seconds": 3, "times": None}])
    run = _start(shop, "--workers", "2")
    sent = "SELECT 1 FROM payment_request WHERE kind = 'charge' AND code IS NULL"
    wait_until(lambda: len(_sql(shop, sent)) == 2)

    run.send_signal(signal.SIGTERM)

    assert _answer(run)["settled"]["renewals"] == 2
    assert run.returncode == 0
    assert _charges(shop) == CUSTOMERS + 2
    assert _sql(shop, "SELECT 1 FROM payment_attempt WHERE status = 'pending'") == []
    shop.control.plant([])
    assert _answer(_start(shop))["settled"]["renewals"] == CUSTOMERS - 2
    assert _charges(shop) == 2 * CUSTOMERS


def test_two_runs_at_once_share_the_work(shop: Shop) -> None:
    shop.control.plant([{"operation": "charge", "kind": "hang", "seconds": 0.5, "times": None}])
    answers = [_answer(run) for run in [_start(shop, "--workers", "2") for _ in range(2)]]
    assert _charges(shop) == 2 * CUSTOMERS
    assert all(not answer["failed"] and not answer["open"] for answer in answers)
