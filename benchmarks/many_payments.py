"""Payments by the thousand, with all that hangs on them, straight into the tables."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from models import BillingKey, Invoice, Payment, PaymentAttempt, Plan, Quote, Subscription, User, db

FIRST_ID = 1_000_000
A_SECOND = timedelta(seconds=1)
_A_YEAR = 12
_AT_ONCE = 5_000


def add_payments(plan: Plan, count: int, *, since: datetime, apart: timedelta = A_SECOND) -> None:
    """Add payments so far apart, twelve of each customer; none may be there yet."""
    owner = next(_users(1, since))
    owner |= {"id": FIRST_ID - 1, "email": "owner@many.example", "customer_key": "owner"}
    _insert(User, iter([owner]))
    quote = Quote.first_charge(user=db.session.get_one(User, FIRST_ID - 1), plan=plan, now=since)
    key = _billing_key(since)
    db.session.add(key)
    db.session.flush()
    ids = {"plan_id": plan.id, "product_id": plan.product_id, "quote_id": quote.id}
    customers = -(-count // _A_YEAR)
    _insert(User, _users(customers, since))
    _insert(Subscription, _subscriptions(customers, key.id, ids, since))
    _insert(Invoice, _invoices(count, plan, quote.id, since))
    _insert(PaymentAttempt, _attempts(count, plan, key.id, since))
    _insert(Payment, _payments(count, plan, since, apart))
    db.session.commit()


def _insert(model: Any, rows: Iterator[dict[str, Any]]) -> None:
    while some := list(islice(rows, _AT_ONCE)):
        db.session.execute(model.__table__.insert(), some)


def _users(count: int, since: datetime) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "id": FIRST_ID + number,
            "email": f"reader-{number}@many.example",
            "name": f"김독자{number}",
            "password_hash": "x",
            "role": "customer",
            "customer_key": f"many-{number}",
            "created_at": since,
            "password_changed_at": since,
        }


def _subscriptions(
    count: int, key_id: int, ids: dict[str, int], since: datetime
) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            **ids,
            "id": FIRST_ID + number,
            "user_id": FIRST_ID + number,
            "billing_key_id": key_id,
            "status": "active",
            "term_no": 1,
            "period_no": _A_YEAR,
            "anchor_on": since.date(),
            "paid_from_on": since.date(),
            "paid_until_on": date(since.year + 1, 1, 1),
            "created_at": since,
        }


def _invoices(count: int, plan: Plan, quote_id: int, since: datetime) -> Iterator[dict[str, Any]]:
    for number in range(count):
        customer, period = divmod(number, _A_YEAR)
        yield {
            "id": FIRST_ID + number,
            "subscription_id": FIRST_ID + customer,
            "quote_id": quote_id,
            "term_no": 1,
            "period_no": period + 1,
            "period_start_on": since.date(),
            "period_end_on": since.date() + timedelta(days=30),
            "order_name": plan.name,
            "amount_won": plan.price_won,
            "tax_free_won": 0,
            "status": "paid",
            "created_at": since,
            "paid_at": since,
        }


def _attempts(count: int, plan: Plan, key_id: int, since: datetime) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "id": FIRST_ID + number,
            "invoice_id": FIRST_ID + number,
            "billing_key_id": key_id,
            "attempt_no": 1,
            "order_id": f"many-{number}",
            "idempotency_key": f"many-{number}",
            "order_name": plan.name,
            "customer_name": "김독자",
            "customer_email": "reader@many.example",
            "amount_won": plan.price_won,
            "tax_free_won": 0,
            "status": "succeeded",
            "key_pair": "billing",
            "secret_fingerprint": "x",
            "created_at": since,
            "settled_at": since,
        }


def _payments(
    count: int, plan: Plan, since: datetime, apart: timedelta
) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "id": FIRST_ID + number,
            "user_id": FIRST_ID + number // _A_YEAR,
            "invoice_id": FIRST_ID + number,
            "attempt_id": FIRST_ID + number,
            "payment_key": f"bill_20260101000000{number}",
            "order_id": f"many-{number}",
            "amount_won": plan.price_won,
            "supplied_won": plan.price_won - plan.vat_won,
            "vat_won": plan.vat_won,
            "tax_free_won": 0,
            "refunded_won": 0,
            "is_partial_cancelable": True,
            "method": "카드",
            "card_issuer": "하나",
            "card_number": "94100012****789*",
            "approve_no": f"{number:08}",
            "key_pair": "billing",
            "m_id": "bill_dalbit",
            "secret_fingerprint": "x",
            "approved_at": since + number * apart,
        }


def _billing_key(since: datetime) -> BillingKey:
    return BillingKey(
        user_id=FIRST_ID - 1,
        ciphertext="x",
        fingerprint="many",
        method="카드",
        card_issuer="하나",
        card_number="94100012****789*",
        key_pair="billing",
        m_id="bill_dalbit",
        secret_fingerprint="x",
        issued_at=since,
    )
