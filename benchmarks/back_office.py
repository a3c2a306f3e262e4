"""What a million subscriptions do to the back office: each page against itself in a small shop.

PostgreSQL is filled twice, with five payments a subscription. The pages are asked for through
Flask's test client by a merchant who has shown the second factor; the audit log is written as ever.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, text

import clock
import config
from app import create_app
from bin.shop import Shop
from models import DailyFigure, Plan, Product, Quote, SignIn, User, db
from models.user import Role
from rules.periods import seoul_date

FEW, MANY = 1_000, 1_000_000
PERIODS = 5
ROUNDS = 15
GOAL = 10.0
MOST_QUERIES = 12
KEPT = {"plan", "product", "picture", "alembic_version"}


def run() -> Iterator[dict[str, Any]]:
    """Measure every page in a small shop and in a large one."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        shop = Shop(Path(folder), {})
        try:
            shop.furnish()
            shop.open_audit_log()
            settings = {name: shop.env[name] for name in config.DEFAULTS if name in shop.env}
            few = _alone(measure, settings, FEW)
            many = _alone(measure, settings, MANY)
        finally:
            shop.close()
    for name, (seconds, queries) in many.items():
        ratio = seconds / few[name][0]
        yield {
            "bench": f"back office at {MANY:,} subscriptions: {name}, {queries} queries",
            "value": round(seconds * 1000, 1),
            "unit": "ms",
            "floor": round(few[name][0] * 1000, 1),
            "ratio": round(ratio, 2),
            "goal": GOAL,
            "ok": ratio <= GOAL and queries <= MOST_QUERIES,
        }


def measure(settings: dict[str, str], count: int) -> dict[str, tuple[float, int]]:
    """Fill the shop; return the median seconds and the queries of each page."""
    app = create_app({**settings, "TESTING": True})
    with app.app_context():
        fill(count)
        DailyFigure.count(seoul_date(clock.now()), now=clock.now())
        db.session.commit()
        client = _merchant(app)
    middle = count // 2
    pages = {
        "overview": "/admin",
        "chart": "/admin/charts/changes",
        "work list": "/admin/work",
        "customers": "/admin/customers",
        "customers, an old page": f"/admin/customers?before={middle}",
        "search by e-mail": f"/admin/customers?q=reader-{middle}@",
        "search by name": f"/admin/customers?q=독자{middle}",
        "search by card digits": "/admin/customers?q=0042",
        "search by order number": f"/admin/customers?q=order-{middle}-3",
        "search by payment key": f"/admin/customers?q=key-{middle}-3",
        "a customer": f"/admin/customers/{middle}",
        "a subscription's story": f"/admin/subscriptions/{middle}",
        "log": "/admin/log",
        **{
            f"subscriptions, {state}": f"/admin/subscriptions?state={state}"
            for state in ("all", "active", "past-due", "leaving", "incomplete", "ended")
        },
        "subscriptions, an old page": f"/admin/subscriptions?state=active&after={middle}",
    }
    return {name: _visit(app, client, path) for name, path in pages.items()}


def _visit(app: Flask, client: FlaskClient, path: str) -> tuple[float, int]:
    taken = []
    with _queries(app) as seen:
        for _ in range(ROUNDS):
            seen.clear()
            started = time.perf_counter()
            answer = client.get(path)
            taken.append(time.perf_counter() - started)
            if answer.status_code not in (200, 303):
                raise RuntimeError(f"{path} answered {answer.status}")
        return statistics.median(taken), len(seen)


@contextmanager
def _queries(app: Flask) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _merchant(app: Flask) -> FlaskClient:
    """Return a browser in which the back office is open."""
    now = clock.now()
    user = _user("owner@example.com", Role.MERCHANT, now)
    db.session.add(user)
    db.session.flush()
    token = SignIn.begin(user, address="127.0.0.1", user_agent="bench", now=now)
    db.session.flush()
    db.session.scalars(select(SignIn)).one().open_back_office(now=now)
    db.session.commit()
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = token
        session["_fresh"] = True
    return client


def fill(count: int) -> None:
    """Put `count` subscriptions with their payments in place of whatever was there."""
    now = datetime(2026, 11, 20, 2, tzinfo=UTC)
    tables = [one.name for one in db.metadata.sorted_tables if one.name not in KEPT]
    db.session.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))
    plan = db.session.scalars(select(Plan).filter_by(slug="premium-monthly")).one()
    product = db.session.scalars(select(Product)).first()
    assert product is not None
    owner = _user("everybody@example.com", Role.CUSTOMER, now)
    db.session.add(owner)
    db.session.flush()
    quote = Quote.first_charge(user=owner, plan=plan, now=now)
    db.session.flush()
    values = {
        "count": count,
        "periods": PERIODS,
        "plan": plan.id,
        "product": product.id,
        "quote": quote.id,
        "now": now.replace(tzinfo=None),
    }
    db.session.execute(text("SET LOCAL session_replication_role = replica"))
    for statement in _FILL:
        db.session.execute(text(statement), values)
    db.session.commit()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _user(email: str, role: Role, now: datetime) -> User:
    return User(
        email=email,
        name="문서연",
        role=role,
        password_hash="x",
        created_at=now,
        password_changed_at=now,
    )


_EACH = "generate_series(2, :count) AS n"
_EACH_PERIOD = "generate_series(2, :count) AS n, generate_series(1, :periods) AS p"
_FILL = (
    f"""
    INSERT INTO user_account (id, email, name, password_hash, role, customer_key, language,
                              created_at, password_changed_at)
    SELECT n, 'reader-' || n || '@example.com', '독자' || n, 'x', 'customer', 'customer-' || n,
           'ko', :now, :now FROM {_EACH}
    """,
    "SELECT setval('user_account_id_seq', :count + 1)",
    f"""
    INSERT INTO billing_key (id, user_id, status, ciphertext, fingerprint, method, card_issuer,
                             card_number, card_tail, is_wallet, key_pair, m_id, secret_fingerprint,
                             issued_at, revocation_tries)
    SELECT n, n, 'active', 'x', 'fingerprint-' || n, '카드', '하나',
           '94100012****' || lpad((n % 10000)::text, 4, '0'), lpad((n % 10000)::text, 4, '0'),
           false, 'billing', 'bench', 'x', :now, 0 FROM {_EACH}
    """,
    f"""
    INSERT INTO subscription (id, user_id, product_id, plan_id, quote_id, billing_key_id, status,
                              term_no, period_no, anchor_on, paid_from_on, paid_until_on,
                              next_charge_on, created_at, past_due_since, grace_ends_on,
                              canceled_at, ends_at, ended_at, end_reason)
    SELECT n, n, :product, :plan, :quote, n,
           CASE WHEN n % 20 = 0 THEN 'past_due' WHEN n % 20 IN (1, 2) THEN 'ended'
                WHEN n % 200 = 7 THEN 'incomplete' ELSE 'active' END,
           1, :periods, '2026-06-20', '2026-10-20', '2026-11-20', NULL,
           CAST(:now AS timestamp) - n * interval '1 second',
           CASE WHEN n % 20 = 0 THEN CAST(:now AS timestamp) END,
           CASE WHEN n % 20 = 0 THEN CAST('2026-11-27' AS date) END,
           CASE WHEN n % 20 = 3 THEN CAST(:now AS timestamp) END,
           CASE WHEN n % 20 = 3 THEN CAST(:now AS timestamp) END,
           CASE WHEN n % 20 IN (1, 2)
                THEN CAST(:now AS timestamp) - n * interval '1 second' END,
           CASE WHEN n % 20 IN (1, 2) THEN 'canceled' END
      FROM {_EACH}
    """,
    f"""
    INSERT INTO invoice (id, subscription_id, quote_id, term_no, period_no, period_start_on,
                         period_end_on, order_name, amount_won, tax_free_won, status, created_at,
                         paid_at)
    SELECT n * 10 + p, n, :quote, 1, p, CAST('2026-06-20' AS date) + 30 * (p - 1),
           CAST('2026-06-20' AS date) + 30 * p, '프리미엄 월간', 9900, 0, 'paid',
           CAST(:now AS timestamp) - (:periods - p) * interval '30 days',
           CAST(:now AS timestamp) - (:periods - p) * interval '30 days'
      FROM {_EACH_PERIOD}
    """,
    f"""
    INSERT INTO payment_attempt (id, invoice_id, billing_key_id, attempt_no, order_id,
                                 idempotency_key, order_name, customer_name, customer_email,
                                 amount_won, tax_free_won, status, key_pair, secret_fingerprint,
                                 created_at, settled_at)
    SELECT n * 10 + p, n * 10 + p, n, 1, 'order-' || n || '-' || p, 'x', '프리미엄 월간', '독자',
           'reader@example.com', 9900, 0, 'succeeded', 'billing', 'x',
           CAST(:now AS timestamp) - (:periods - p) * interval '30 days',
           CAST(:now AS timestamp) - (:periods - p) * interval '30 days'
      FROM {_EACH_PERIOD}
    """,
    f"""
    INSERT INTO payment (id, user_id, invoice_id, attempt_id, payment_key, order_id, amount_won,
                         supplied_won, vat_won, tax_free_won, refunded_won, is_partial_cancelable,
                         method, card_issuer, card_number, key_pair, m_id, secret_fingerprint,
                         approved_at)
    SELECT n * 10 + p, n, n * 10 + p, n * 10 + p, 'key-' || n || '-' || p,
           'order-' || n || '-' || p, 9900, 9000, 900, 0, 0, true, '카드', '하나',
           '94100012****1234', 'billing', 'bench', 'x',
           CAST(:now AS timestamp) - (:periods - p) * interval '30 days'
      FROM {_EACH_PERIOD}
    """,
    f"""
    INSERT INTO notice (id, kind, cause, user_id, facts, status, tries, created_at, due_at, sent_at)
    SELECT n * 10 + p, 'renewal_paid', 'paid-' || n || '-' || p, n,
           CAST('{{"invoice_id": ' || n * 10 + p || '}}' AS json), 'sent', 1,
           CAST(:now AS timestamp), CAST(:now AS timestamp), CAST(:now AS timestamp)
      FROM {_EACH_PERIOD}
    """,
    f"""
    INSERT INTO audit_entry (at, action, subject_type, subject_id, facts)
    SELECT CAST(:now AS timestamp), 'subscription.resumed', 'subscription', n::text, '{{}}'
      FROM {_EACH}
    """,
)


def _alone(function: Any, *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()
