"""What a page costs: requests a second of the shop against a bare Flask route with the same bytes.

Both are served by gunicorn with the same settings, in turns, from the same PostgreSQL.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.measure import requests_per_second
from bin.customer import Customer
from bin.service import Service, free_port
from bin.shop import Shop

ROUNDS = 5
SECONDS = 3.0
PUBLIC = {"home": "/", "plan": "/plans/premium-monthly"}
PUBLIC_GOAL, UNCHANGED_GOAL, SUBSCRIPTION_GOAL = 0.7, 0.9, 0.6


def run() -> Iterator[dict[str, Any]]:
    """Measure home, plan and my-subscription, and the home page that a browser has already."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        shop = Shop(Path(folder), {})
        try:
            shop.start()
            customer = Customer(shop)
            customer.subscribe()
            with _bare(shop, Path(folder), customer) as bare:
                yield from _results(shop.url, bare, customer)
        finally:
            shop.close()


def _results(shop: str, bare: str, customer: Customer) -> Iterator[dict[str, Any]]:
    for name, path in PUBLIC.items():
        yield _result(name, shop + path, f"{bare}/page/{name}", {}, PUBLIC_GOAL)
    known = {"If-None-Match": Customer.stranger(shop).headers["ETag"]}
    yield _result("home, unchanged (304)", shop, f"{bare}/page/home", known, UNCHANGED_GOAL)
    signed_in = {"Cookie": customer.cookie}
    own = "/subscription"
    yield _result("my subscription", shop + own, bare + own, signed_in, SUBSCRIPTION_GOAL)


def _result(
    name: str, shop: str, bare: str, headers: dict[str, str], goal: float
) -> dict[str, Any]:
    rounds, cookie = [], {name: headers[name] for name in headers if name == "Cookie"}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        process.submit(requests_per_second, shop, headers, 1.0).result()
        process.submit(requests_per_second, bare, cookie, 1.0).result()
        for _ in range(ROUNDS):
            value = process.submit(requests_per_second, shop, headers, SECONDS).result()
            floor = process.submit(requests_per_second, bare, cookie, SECONDS).result()
            rounds.append((value, floor))
    ratio = statistics.median(value / floor for value, floor in rounds)
    return {
        "bench": f"requests a second of {name}",
        "value": round(statistics.median(value for value, _ in rounds)),
        "unit": "requests/s",
        "floor": round(statistics.median(floor for _, floor in rounds)),
        "ratio": round(ratio, 2),
        "goal": goal,
        "ok": ratio >= goal,
    }


@contextmanager
def _bare(shop: Shop, folder: Path, customer: Customer) -> Iterator[str]:
    """Serve the shop's pages as static templates, with the shop's settings and database."""
    templates = folder / "templates"
    templates.mkdir()
    pages = {name: Customer.stranger(shop.url + path).text for name, path in PUBLIC.items()}
    pages["my-subscription"] = customer.get("/subscription").text
    for name, text in pages.items():
        (templates / f"{name}.html").write_text(text, encoding="utf-8")
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "benchmarks.bare:app"]
    environ = {**os.environ, **shop.env, "PORT": port, "BENCH_TEMPLATES": str(templates)}
    bare = Service("bare", command, ready=f"{address}/page/home", environ=environ)
    bare.start()
    try:
        bare.wait_until_ready()
        yield address
    finally:
        bare.stop()
