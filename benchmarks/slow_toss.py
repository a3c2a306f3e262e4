"""A Toss that hangs: 100 customers come back at once, and nobody else notices.

Every call to Toss hangs for 60 seconds. 100 customers arrive at `/success` in the same moment and
then wait as their pages do. Meanwhile the home page, a plan and a subscriber's own page must stay
within twice the time that 99 of 100 visits usually take. In that state gunicorn is killed and
started again; once Toss answers, every customer has one billing key and one charge.
"""

import http.client
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.measure import p99, visit
from bin.customer import Customer
from bin.shop import Shop

CUSTOMERS = 100
HANGS_SECONDS = 60
ROUNDS = 3
USUAL_SECONDS = 30
PER_SECOND = 10
SETTLED_WITHIN = 600
PAGES = {"home": "/", "plan": "/plans/premium-monthly", "my subscription": "/subscription"}
GOAL = 2.0


def run() -> Iterator[dict[str, Any]]:
    """Measure, and give one result for each page and one for what was lost."""
    ratios: dict[str, list[tuple[float, float]]] = {name: [] for name in PAGES}
    everybody: list[Customer] = []
    with _shop() as shop:
        reader = Customer(shop)
        reader.subscribe()
        for _ in range(ROUNDS):
            crowd = [Customer(shop) for _ in range(CUSTOMERS)]
            everybody += crowd
            usual, slow = _round(shop, reader, crowd)
            for name in PAGES:
                ratios[name].append((p99(usual[name]), p99(slow[name])))
        yield from (_page_result(name, rounds) for name, rounds in ratios.items())
        yield _loss_result(shop, everybody)


def _round(shop: Shop, reader: Customer, crowd: Sequence[Customer]) -> tuple[Any, Any]:
    with ThreadPoolExecutor(8) as threads:
        addresses = list(threads.map(_order, crowd))
    cookies, cookie = [customer.cookie for customer in crowd], reader.cookie
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        usual = processes.submit(_visit_pages, shop.url, cookie, USUAL_SECONDS).result()
        hanging = {"operation": "any", "kind": "hang", "seconds": HANGS_SECONDS, "times": None}
        shop.control.plant([hanging])
        slow = processes.submit(_visit_pages, shop.url, cookie, HANGS_SECONDS)
        arrived = processes.submit(_come_back_together, shop.url, addresses, cookies, HANGS_SECONDS)
        measured = slow.result()
        unexpected = Counter(arrived.result())
    if set(unexpected) != {"waiting"}:
        raise RuntimeError(f"at /success: {dict(unexpected)}")
    shop.restart_web(crash=True)
    shop.control.plant([])
    _wait_until_settled(crowd)
    return usual, measured


def _visit_pages(origin: str, cookie: str, seconds: float) -> dict[str, list[float]]:
    return visit(origin, PAGES, cookie=cookie, seconds=seconds, per_second=PER_SECOND)


def _come_back_together(
    origin: str, addresses: Sequence[str], cookies: Sequence[str], seconds: float
) -> list[str]:
    """Open every address at the same moment, then wait as the waiting page does; say what came."""
    started = time.monotonic() + 1
    with ThreadPoolExecutor(len(addresses)) as crowd:
        jobs = [
            crowd.submit(_come_back, origin, address, cookie, started, started + seconds)
            for address, cookie in zip(addresses, cookies, strict=True)
        ]
        return [job.result() for job in jobs]


def _come_back(origin: str, address: str, cookie: str, start: float, end: float) -> str:
    time.sleep(max(0.0, start - time.monotonic()))
    status, location = _get(origin, address, cookie)
    if status != 303:
        return f"{status} at /success"
    status, _ = _get(origin, location, cookie)
    pause = 1.5
    while time.monotonic() + pause < end:
        time.sleep(pause * random.uniform(0.7, 1.3))
        pause = min(pause * 1.4, 15.0)
        status, _ = _get(origin, f"{location}/state", cookie)
        if status != 200:
            return f"{status} at the waiting page"
    return "waiting"


def _get(origin: str, address: str, cookie: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(origin).netloc, timeout=90)
    try:
        path = address.removeprefix(origin)
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("Location", "")
    finally:
        connection.close()


@contextmanager
def _shop() -> Iterator[Shop]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        shop = Shop(Path(folder), {"TRUSTED_PROXIES": "1"})
        try:
            shop.start()
            yield shop
        finally:
            shop.close()


def _order(customer: Customer) -> str:
    customer.sign_up()
    return customer.return_address()


def _wait_until_settled(customers: Sequence[Customer]) -> None:
    deadline = time.monotonic() + SETTLED_WITHIN
    for customer in customers:
        customer.wait_until_subscribed(max(1.0, deadline - time.monotonic()))


def _page_result(name: str, rounds: Sequence[tuple[float, float]]) -> dict[str, Any]:
    usual, slow = sorted(rounds, key=lambda pair: pair[1] / pair[0])[len(rounds) // 2]
    ratio = statistics.median(slow / usual for usual, slow in rounds)
    return {
        "bench": f"slow Toss, 100 customers waiting: p99 of {name}",
        "value": round(slow * 1000, 1),
        "unit": "ms",
        "floor": round(usual * 1000, 1),
        "ratio": round(ratio, 2),
        "goal": GOAL,
        "ok": ratio <= GOAL,
    }


def _loss_result(shop: Shop, customers: Sequence[Customer]) -> dict[str, Any]:
    ledger = shop.control.ledger()
    charges = Counter(payment["customer_email"] for payment in ledger["payments"])
    keys = Counter(key["customer_email"] for key in ledger["billing_keys"])
    whole = sum(charges[each.email] == keys[each.email] == 1 for each in customers)
    return {
        "bench": "slow Toss, gunicorn killed: customers with one key and one charge",
        "value": whole,
        "unit": "customers",
        "floor": len(customers),
        "ratio": round(whole / len(customers), 4),
        "goal": 1.0,
        "ok": whole == len(customers),
    }
