"""What a file of 220,000 payments takes: memory against 20,000, and time against a bare loop.

The bare loop reads the same rows and columns through one cursor of the database and hands them to
Python's CSV writer as they come.
"""

import csv
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TextIO

from flask import Flask
from sqlalchemy import select, text

import config
from app import create_app
from benchmarks.many_payments import add_payments
from bin.shop import Shop
from models import Plan, db, export
from views import csv_files

FEW, MANY = 20_000, 220_000
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
APART = timedelta(seconds=6)
"""As in a shop that is paid five million times a year."""
MEMORY_GOAL, RATE_GOAL = 1.2, 0.25
ROUNDS = 3


def run() -> Iterator[dict[str, Any]]:
    """Measure, each round in processes of their own; the rate is the middle one of three rounds."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        shop = Shop(Path(folder), {})
        try:
            shop.furnish()
            settings = {name: shop.env[name] for name in config.DEFAULTS if name in shop.env}
            file = str(Path(folder) / "file.csv")
            _alone(fill, settings)
            yield _memory(settings, file)
            yield _rate(settings, file)
        finally:
            shop.close()


def _memory(settings: dict[str, str], file: str) -> dict[str, Any]:
    floor, value = (_alone(write, settings, file, count)[1] for count in (FEW, MANY))
    return {
        "bench": f"peak memory of a file of {MANY} payments, against {FEW}",
        "value": round(value / 1024),
        "unit": "MiB",
        "floor": round(floor / 1024),
        "ratio": round(value / floor, 2),
        "goal": MEMORY_GOAL,
        "ok": value / floor <= MEMORY_GOAL,
    }


def _rate(settings: dict[str, str], file: str) -> dict[str, Any]:
    rounds = []
    for _ in range(ROUNDS):
        bare, _ = _alone(write_bare, settings, file, MANY)
        taken, _ = _alone(write, settings, file, MANY)
        rounds.append((MANY / taken, MANY / bare))
    value, floor = sorted(rounds, key=lambda pair: pair[0] / pair[1])[ROUNDS // 2]
    return {
        "bench": f"rows written a second of {MANY} payments, against a bare loop",
        "value": round(value),
        "unit": "rows/s",
        "floor": round(floor),
        "ratio": round(value / floor, 2),
        "goal": RATE_GOAL,
        "ok": value / floor >= RATE_GOAL,
    }


def fill(settings: dict[str, str]) -> None:
    """Add the payments."""
    with _app(settings).app_context():
        plan = db.session.scalars(select(Plan).filter_by(slug="premium-monthly")).one()
        add_payments(plan, MANY, since=SINCE, apart=APART)
        db.session.execute(text("ANALYZE"))
        db.session.commit()


def write(settings: dict[str, str], file: str, count: int) -> tuple[float, int]:
    """Write the first payments as the shop does; return the seconds and the KiB held at most."""

    def write_to(output: TextIO) -> None:
        output.writelines(csv_files.payments(export.payments(SINCE, SINCE + count * APART)))

    return _measured(settings, file, count, write_to)


def write_bare(settings: dict[str, str], file: str, count: int) -> tuple[float, int]:
    """Write them with one query and one CSV writer; return the same."""
    bounds = {"start": SINCE, "end": SINCE + count * APART}
    naive = {name: instant.replace(tzinfo=None) for name, instant in bounds.items()}

    def write_to(output: TextIO) -> None:
        with db.engine.connect().execution_options(yield_per=export.BATCH) as connection:
            csv.writer(output).writerows(connection.execute(text(_ALL), naive))

    return _measured(settings, file, count, write_to)


def _measured(
    settings: dict[str, str], file: str, count: int, write_to: Callable[[TextIO], None]
) -> tuple[float, int]:
    with _app(settings).app_context(), open(file, "w", encoding="utf-8", newline="") as output:
        started = time.perf_counter()
        write_to(output)
        taken = time.perf_counter() - started
    with open(file, encoding="utf-8") as written:
        lines = sum(1 for _ in written)
    assert lines - count in (0, 1), f"{lines} lines of {count} payments"
    return taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


_ALL = """
SELECT payment.order_id, payment_key, approved_at, email, user_account.name, product.name,
       order_name, invoice.period_start_on, invoice.period_end_on, payment.amount_won,
       supplied_won, vat_won, payment.tax_free_won, refunded_won, method, card_issuer, card_number,
       approve_no, subscription_id, key_pair, m_id
  FROM payment JOIN user_account ON user_account.id = payment.user_id
  JOIN invoice ON invoice.id = invoice_id JOIN quote ON quote.id = quote_id
  JOIN plan ON plan.id = quote.plan_id JOIN product ON product.id = product_id
 WHERE approved_at >= :start AND approved_at < :end ORDER BY approved_at, payment.id
"""


def _alone(function: Any, *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def _app(settings: dict[str, str]) -> Flask:
    return create_app({**settings, "TESTING": True})
