"""1,000 webhooks, half of them forged or repeated, while renewals run: books and pages hold.

First the pages are visited while renewals run alone, which is the floor; then while the webhooks
come as well, spread over the same time. The slowest visit in a hundred is one of all rounds: among
a few hundred visits it would be chance. Among the true ones are cancels made in Toss's own back
office, which must be in the books at the end, to the won.
"""

import json
import random
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import create_engine, text

import config
from benchmarks.measure import p99, visit
from benchmarks.renewals import add_due
from bin.customer import Customer
from bin.shop import Shop

EVENTS = 1_000
CANCELS = 60
RENEWALS = 400
SECONDS = 25.0
PER_SECOND = 20
ROUNDS = 3
POSTMEN = 8
PAGES = {"home": "/", "plan": "/plans/premium-monthly"}
GOAL = 1.5
SETTLED_WITHIN = 300


def run() -> Iterator[dict[str, Any]]:
    """Measure, and give one result for each page, one for the answers and one for the books."""
    usual: dict[str, list[float]] = {name: [] for name in PAGES}
    busy: dict[str, list[float]] = {name: [] for name in PAGES}
    unanswered = wrong = 0
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        shop = Shop(Path(folder), {"BILLING_RATE": "20"})
        try:
            shop.start()
            Customer(shop).subscribe()
            for number in range(ROUNDS):
                _add_renewals(shop, folder)
                alone = _visit_alone(shop)
                _add_renewals(shop, folder)
                beside, refused = _visit_while_posted(shop, _events(shop, seed=number))
                unanswered += refused
                for name in PAGES:
                    usual[name] += alone[name]
                    busy[name] += beside[name]
            wrong = _books_differ(shop)
        finally:
            shop.close()
    yield from (_page_result(name, p99(usual[name]), p99(busy[name])) for name in PAGES)
    yield _count_result("webhooks answered as promised", ROUNDS * EVENTS, unanswered)
    yield _count_result("cancels in the books after webhooks", ROUNDS * CANCELS, wrong)


def _add_renewals(shop: Shop, folder: str) -> None:
    settings = {name: shop.env[name] for name in config.DEFAULTS if name in shop.env}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        ledger = str(Path(folder) / "sandbox.sqlite")
        process.submit(add_due, settings, ledger, RENEWALS).result()
    _sql(shop, "UPDATE subscription SET next_charge_on = '2026-01-01' WHERE period_no = 1")


def _visit_alone(shop: Shop) -> dict[str, list[float]]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_visit, shop.url).result()


def _visit(origin: str) -> dict[str, list[float]]:
    return visit(origin, PAGES, cookie="", seconds=SECONDS, per_second=PER_SECOND)


def _visit_while_posted(
    shop: Shop, events: Sequence[tuple[str, bytes, str]]
) -> tuple[dict[str, list[float]], int]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        visited = processes.submit(_visit, shop.url)
        refused = processes.submit(_post_all, list(events), SECONDS)
        return visited.result(), refused.result()


def _post_all(events: Sequence[tuple[str, bytes, str]], seconds: float) -> int:
    """Post every event, spread over so many seconds; return how many were answered otherwise."""
    started = time.monotonic()
    with ThreadPoolExecutor(POSTMEN) as postmen:
        jobs = [
            postmen.submit(_post, *event, started + seconds * number / len(events))
            for number, event in enumerate(events)
        ]
        return sum(not job.result() for job in jobs)


def _post(address: str, body: bytes, transmission_id: str, due: float) -> bool:
    time.sleep(max(0.0, due - time.monotonic()))
    headers = {
        "Content-Type": "application/json",
        "tosspayments-webhook-transmission-id": transmission_id,
    }
    answer = requests.post(address, data=body, headers=headers, timeout=30)
    is_true = address.endswith(config.SANDBOX_WEBHOOK_SECRET)
    return answer.status_code == (200 if is_true else 404)


def _events(shop: Shop, *, seed: int) -> list[tuple[str, bytes, str]]:
    """Return address, body and transmission id of each: half true, a half forged or repeated."""
    dice = random.Random(seed)
    shop.control.register_webhook("")
    payments = [row for row in shop.control.ledger()["payments"] if row["balance_amount"] > 1000]
    for payment in dice.sample(payments, CANCELS):
        shop.control.cancel(payment["payment_key"], 1000)
    canceled = [row for row in shop.control.ledger()["payments"] if _was_canceled(row)]
    address = f"{shop.url}/webhooks/toss/{config.SANDBOX_WEBHOOK_SECRET}"
    true = [
        (address, _body(dice.choice(payments)), f"whtrans_{secrets.token_hex(8)}")
        for _ in range(EVENTS // 2 - len(canceled))
    ]
    true += [(address, _body(row), f"whtrans_{secrets.token_hex(8)}") for row in canceled]
    forged = [
        (f"{shop.url}/webhooks/toss/{secrets.token_urlsafe(32)}", _body(row), "whtrans_x")
        for row in dice.choices(payments, k=EVENTS // 4)
    ]
    unknown = [
        (address, _body({"payment_key": secrets.token_hex(8), "order_id": "x"}), f"whtrans_{n}")
        for n in range(EVENTS // 8)
    ]
    repeated = dice.choices(true, k=EVENTS - len(true) - len(forged) - len(unknown))
    events = [*true, *forged, *unknown, *repeated]
    dice.shuffle(events)
    return events


def _was_canceled(row: dict[str, Any]) -> bool:
    return bool(row["balance_amount"] < row["total_amount"])


def _body(row: dict[str, Any]) -> bytes:
    data = {"paymentKey": row["payment_key"], "orderId": row["order_id"], "status": "CANCELED"}
    return json.dumps({"eventType": "PAYMENT_STATUS_CHANGED", "data": data}).encode()


def _books_differ(shop: Shop) -> int:
    """Wait until nothing is pending, then return how many payments the two sides see otherwise."""
    end = time.monotonic() + SETTLED_WITHIN
    pending = "SELECT count(*) FROM webhook_event WHERE status = 'pending'"
    while _sql(shop, pending) and time.monotonic() < end:
        time.sleep(0.5)
    engine = create_engine(shop.database_url)
    with engine.connect() as connection:
        ours: dict[str, int] = dict(
            connection.execute(text("SELECT order_id, amount_won - refunded_won FROM payment"))
            .tuples()
            .all()
        )
    engine.dispose()
    theirs = {row["order_id"]: row["balance_amount"] for row in shop.control.ledger()["payments"]}
    return sum(ours.get(order_id) != won for order_id, won in theirs.items() if won % 9900)


def _sql(shop: Shop, statement: str) -> int:
    engine = create_engine(shop.database_url)
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        found = int(result.scalar() or 0) if result.returns_rows else 0
    engine.dispose()
    return found


def _page_result(name: str, usual: float, busy: float) -> dict[str, Any]:
    return {
        "bench": f"p99 of {name} while {EVENTS} webhooks come",
        "value": round(busy * 1000, 1),
        "unit": "ms",
        "floor": round(usual * 1000, 1),
        "ratio": round(busy / usual, 2),
        "goal": GOAL,
        "ok": busy / usual <= GOAL,
    }


def _count_result(name: str, whole: int, wrong: int) -> dict[str, Any]:
    return {
        "bench": name,
        "value": whole - wrong,
        "unit": "events",
        "floor": whole,
        "ratio": round((whole - wrong) / whole, 4),
        "goal": 1.0,
        "ok": not wrong,
    }
