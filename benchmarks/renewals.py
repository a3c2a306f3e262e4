"""How fast a run charges, what a charge costs, how due work is found among many, and memory.

Each measurement has a process of its own. Toss is the sandbox, which answers after 300 ms.
"""

import resource
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import requests
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

import config
from app import create_app
from bin.shop import Shop
from models import AuditEntry, BillingKey, Plan, Quote, Subscription, User, db
from models.user import Role
from timetable import RENEWALS, Job, Run

SECONDS = 0.3
NOW = datetime(2027, 1, 4, 3, 0, tzinfo=UTC)
DUE_ON = date(2027, 1, 4)
ENOUGH = 30.0
"""How many seconds the charging of one measurement should take."""
TURNS = 36
"""How often charges and the bare loop take turns when their CPU is compared."""
RATE_GOAL, CPU_GOAL, FIND_GOAL, MEMORY_GOAL = 0.9, 2.0, 1.5, 1.2
WARM_UP = 64
"""How many charges come before the measured ones: the run of a whole day is what counts."""
FEW, MANY, DUE = 10_000, 1_000_000, 1_000


def run() -> Iterator[dict[str, Any]]:
    """Measure the rate and the cost of charging, then finding and memory on a large table."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        shop = Shop(Path(folder), {"BILLING_RATE": "10000"})
        try:
            shop.furnish()
            shop.open_audit_log()
            shop.sandbox.start()
            shop.sandbox.wait_until_ready()
            ledger = Path(folder) / "sandbox.sqlite"
            _answer_after_300_ms(shop, ledger)
            for workers in (4, 16, 32, 64):
                yield from _charging(shop, ledger, workers)
            yield _memory(shop)
            if shop.database_url.startswith("postgresql"):
                yield _finding(shop)
        finally:
            shop.close()


def _charging(shop: Shop, ledger: Path, workers: int) -> Iterator[dict[str, Any]]:
    count = int(min(workers, 16) / SECONDS * ENOUGH)
    settings = _settings(shop)
    _alone(add_due, settings, str(ledger), WARM_UP + count)
    rate, floor = count / _alone(charge_due, settings, workers, count), workers / SECONDS
    is_promised = workers <= 16
    yield {
        "bench": f"renewals charged a second by {workers} workers",
        "value": round(rate, 1),
        "unit": "charges/s",
        "floor": round(floor, 1),
        "ratio": round(rate / floor, 2),
        "goal": RATE_GOAL if is_promised else None,
        "ok": rate / floor >= RATE_GOAL or not is_promised,
    }
    turns = TURNS if is_promised else TURNS // 6
    _alone(add_due, settings, str(ledger), WARM_UP + turns * 2 * workers)
    each, bare_each = _alone(cpu_of_a_charge, settings, workers, turns, 2 * workers)
    yield {
        "bench": f"CPU of a charge, {workers} workers",
        "value": round(each * 1000, 2),
        "unit": "ms",
        "floor": round(bare_each * 1000, 2),
        "ratio": round(each / bare_each, 2),
        "goal": CPU_GOAL if is_promised else None,
        "ok": each / bare_each <= CPU_GOAL or not is_promised,
    }


def _answer_after_300_ms(shop: Shop, ledger: Path) -> None:
    """Let a charge take 300 ms, what the sandbox and the client take for themselves included."""
    with sqlite3.connect(ledger, timeout=30) as sandbox:
        _register(sandbox, "bare=", "bare")
    _hang(shop, SECONDS)
    post, taken = _bare_post(_settings(shop), connections=1), []
    for _ in range(20):
        started = time.monotonic()
        post()
        taken.append(time.monotonic() - started)
    _hang(shop, 2 * SECONDS - median(taken))


def _hang(shop: Shop, seconds: float) -> None:
    shop.control.plant([{"operation": "charge", "kind": "hang", "seconds": seconds}])


def _memory(shop: Shop) -> dict[str, Any]:
    settings = _settings(shop)
    _alone(add_many, settings, 1_000, 1_000)
    floor = _alone(peak_memory, settings)
    _alone(add_many, settings, 100_000, 100_000)
    value = _alone(peak_memory, settings)
    return {
        "bench": "peak memory of a run with 100,000 due, against 1,000",
        "value": round(value / 1024),
        "unit": "MiB",
        "floor": round(floor / 1024),
        "ratio": round(value / floor, 2),
        "goal": MEMORY_GOAL,
        "ok": value / floor <= MEMORY_GOAL,
    }


def _finding(shop: Shop) -> dict[str, Any]:
    settings = _settings(shop)
    _alone(add_many, settings, FEW, DUE)
    floor, _ = _alone(find_due, settings)
    _alone(add_many, settings, MANY, DUE)
    value, plan = _alone(find_due, settings)
    assert "Seq Scan" not in plan, plan
    return {
        "bench": f"finding {DUE} due among {MANY} subscriptions, against {FEW}",
        "value": round(value * 1000, 2),
        "unit": "ms",
        "floor": round(floor * 1000, 2),
        "ratio": round(value / floor, 2),
        "goal": FIND_GOAL,
        "ok": value / floor <= FIND_GOAL,
    }


def add_due(settings: dict[str, str], ledger: str, count: int) -> None:
    """Add subscriptions that are due, with keys that the sandbox knows."""
    app = _app(settings)
    with app.app_context(), sqlite3.connect(ledger, timeout=30) as sandbox:
        plan = db.session.scalars(select(Plan).filter_by(slug="premium-monthly")).one()
        vault = app.extensions["vault"]
        start = NOW - timedelta(days=31)
        for _ in range(count):
            plain = secrets.token_urlsafe(32) + "="
            user = _user(secrets.token_hex(8))
            db.session.add(user)
            db.session.flush()
            quote = Quote.first_charge(user=user, plan=plan, now=start)
            key = _billing_key(user.id, vault.encrypt(plain), vault.fingerprint(plain))
            db.session.add(_subscription(user, quote, key, start))
            _register(sandbox, plain, user.customer_key)
        db.session.commit()


def charge_due(settings: dict[str, str], workers: int, count: int) -> float:
    """Charge all that is due, which is `count` after a warm-up; return the seconds it took."""
    charge = _charger(settings, workers)
    charge(WARM_UP)
    started = time.monotonic()
    charge(count)
    return time.monotonic() - started


def cpu_of_a_charge(
    settings: dict[str, str], workers: int, turns: int, count: int
) -> tuple[float, float]:
    """Charge, and do what every charge does at the least, in as many turns of `count`.

    The turns are short because a machine is not equally fast for long.

    :returns: the seconds of CPU that a charge took, and a bare round.
    """
    charge, bare = _charger(settings, workers), _bare_loop(settings, workers)
    charge(WARM_UP)
    bare(8)
    charged = looped = 0.0
    for _ in range(turns):
        looped -= time.process_time()
        bare(count)
        looped += time.process_time()
        charged -= time.process_time()
        charge(count)
        charged += time.process_time()
    return charged / turns / count, looped / turns / count


def _charger(settings: dict[str, str], workers: int) -> Callable[[int], None]:
    """Return a function that charges some of what is due."""
    run = Run(_app(settings), time=lambda: NOW, workers=workers)

    def charge(count: int) -> None:
        left = count

        def some(now: datetime, after: Any, limit: int) -> Sequence[Any]:
            nonlocal left
            rows = RENEWALS.due(now, after, min(limit, left))
            left -= len(rows)
            return rows

        summary = run.do([Job("renewals", some, RENEWALS.act)])
        assert not (summary.open or summary.failed or summary.set_aside), summary
        assert summary.settled["renewals"] == count, summary

    return charge


def _bare_loop(settings: dict[str, str], workers: int) -> Callable[[int], None]:
    """Return a function that sends one POST and commits two ORM rows, so many times."""
    app, post = _app(settings), _bare_post(settings, connections=workers)

    def once(number: int) -> None:
        with app.app_context():
            _commit_row(number)
            post()
            _commit_row(number)

    def loop(count: int) -> None:
        with ThreadPoolExecutor(workers) as threads:
            for _ in threads.map(once, range(count)):
                pass

    return loop


def _bare_post(settings: dict[str, str], *, connections: int) -> Callable[[], None]:
    """Return a function that sends a charge and reads its answer, and cares for nothing else."""
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=connections))

    def post() -> None:
        answer = session.post(
            f"{settings['TOSS_API_BASE']}/v1/billing/bare%3D",
            json={
                "customerKey": "bare",
                "amount": 9900,
                "orderId": f"bare-{secrets.token_hex(8)}",
                "orderName": "월간",
                "taxFreeAmount": 0,
                "customerName": "김하나",
                "customerEmail": "bare@example.com",
            },
            headers={"Idempotency-Key": secrets.token_hex(16)},
            auth=(settings["TOSS_SECRET_KEY"] or config.SANDBOX_SECRET_KEY, ""),
            timeout=60,
        ).json()
        assert answer["status"] == "DONE", answer

    return post


def add_many(settings: dict[str, str], count: int, due: int) -> None:
    """Fill the table with running subscriptions, of which `due` are due; what was there goes."""
    app = _app(settings)
    with app.app_context():
        plan = db.session.scalars(select(Plan).filter_by(slug="premium-monthly")).one()
        plan_id, product_id = plan.id, plan.product_id
        for table in reversed(db.metadata.sorted_tables):
            if table.name not in ("plan", "product"):
                db.session.execute(table.delete())
        owner = _user("owner")
        db.session.add(owner)
        db.session.flush()
        quote = Quote.first_charge(user=owner, plan=plan, now=NOW)
        db.session.flush()
        key = _billing_key(owner.id, "x", "x")
        db.session.add(key)
        db.session.flush()
        values = {
            "count": count,
            "due": due,
            "plan": plan_id,
            "product": product_id,
            "quote": quote.id,
            "key": key.id,
            "now": NOW.replace(tzinfo=None),
            "due_on": DUE_ON,
        }
        for statement in _MANY_USERS, _MANY_SUBSCRIPTIONS:
            db.session.execute(text(statement), values)
        db.session.commit()
        try:
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE subscription"))
        except OperationalError:
            pass  # SQLite analyses all or nothing.


_NUMBERS = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
"""
_MANY_USERS = f"""
INSERT INTO user_account (email, name, password_hash, role, customer_key, language, created_at,
                          password_changed_at)
{_NUMBERS} SELECT 'many-' || n, 'x', 'x', 'customer', 'many-' || n, 'ko', :now, :now FROM numbers
"""
_MANY_SUBSCRIPTIONS = f"""
INSERT INTO subscription (user_id, product_id, plan_id, quote_id, billing_key_id, status, term_no,
                          period_no, anchor_on, paid_from_on, paid_until_on, next_charge_on,
                          created_at)
{_NUMBERS} SELECT user_account.id, :product, :plan, :quote, :key, 'active', 1, 1,
       CAST(:due_on AS DATE), CAST(:due_on AS DATE), CAST(:due_on AS DATE) + 1 + n % 30,
       CASE WHEN n <= :due THEN CAST(:due_on AS DATE) ELSE CAST(:due_on AS DATE) + 1 + n % 30 END,
       :now
  FROM numbers JOIN user_account ON user_account.email = 'many-' || n
"""


def find_due(settings: dict[str, str]) -> tuple[float, str]:
    """Return the median time of reading all that is due, and the plan of the query."""
    app = _app(settings)
    taken = []
    with app.app_context():
        for _ in range(15):
            started = time.perf_counter()
            after, found = None, 0
            while rows := Subscription.to_charge(DUE_ON, after=after, limit=200):
                after, found = rows[-1], found + len(rows)
            db.session.rollback()
            taken.append(time.perf_counter() - started)
            assert found == DUE
        query = (
            "EXPLAIN SELECT next_charge_on, id FROM subscription WHERE next_charge_on <= :day"
            " AND (next_charge_on, id) > (:day, 1) ORDER BY next_charge_on, id LIMIT 200"
        )
        plan = "\n".join(db.session.scalars(text(query), {"day": DUE_ON}))
    return median(taken), plan


def peak_memory(settings: dict[str, str]) -> int:
    """Return the KiB that this process held at most after dispatching all that is due."""
    app = _app(settings)
    look = Job("look", RENEWALS.due, lambda record, now: None)
    Run(app, time=lambda: NOW, workers=8).do([look])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _register(sandbox: sqlite3.Connection, billing_key: str, customer_key: str) -> None:
    """Let the sandbox know a billing key, of a card that can be charged."""
    sandbox.execute(
        "INSERT INTO billing_keys (billing_key, merchant_id, customer_key, card, issued_at)"
        " VALUES (?, 'bill_dalbit', ?, 'works', '2026-12-04T11:00:00+09:00')",
        (billing_key, customer_key),
    )


def _alone(function: Any, *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def _settings(shop: Shop) -> dict[str, str]:
    return {name: shop.env[name] for name in config.DEFAULTS if name in shop.env}


def _app(settings: dict[str, str]) -> Flask:
    return create_app({**settings, "TESTING": True})


def _commit_row(number: int) -> None:
    AuditEntry.write("bench", subject_type="bench", subject_id=number, now=NOW)
    db.session.commit()


def _user(name: str) -> User:
    return User(
        email=f"{name}@example.com",
        name="김하나",
        role=Role.CUSTOMER,
        password_hash="x",
        created_at=NOW,
        password_changed_at=NOW,
    )


def _billing_key(user_id: int, ciphertext: str, fingerprint: str) -> BillingKey:
    return BillingKey(
        user_id=user_id,
        ciphertext=ciphertext,
        fingerprint=fingerprint,
        method="카드",
        card_issuer="하나",
        card_number="94100012****789*",
        key_pair="billing",
        m_id="bill_dalbit",
        secret_fingerprint="x",
        issued_at=NOW,
    )


def _subscription(user: User, quote: Quote, key: BillingKey, start: datetime) -> Subscription:
    subscription = Subscription.begin(user=user, quote=quote, billing_key=key, now=start)
    subscription.activate(quote.period)
    return subscription
