"""What an export reads: a batch and one query at a time, by key, along an index.

No transaction and no connection is held between two batches, however slowly they are taken: each is
read on a connection of its own, beside the session, and forgotten. Batches may be taken when the
app context in which they were asked for is gone.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Select, bindparam, func, literal, select, tuple_
from sqlalchemy.orm import aliased

from models.base import UtcDateTime, db
from models.invoice import Invoice
from models.pass_order import PassOrder
from models.payment import Payment
from models.plan import Plan
from models.product import Product
from models.quote import Quote
from models.refund import Refund, RefundStatus
from models.user import User

BATCH = 500
_A_DAY = timedelta(days=1)
_INSTANTS = ("opens", "closes", "last_at")

Rows = Sequence[Any]


def payments(start: datetime, end: datetime) -> Iterator[Rows]:
    """Return what was approved from `start` to before `end`, the oldest first."""
    return _batches(Payment, "approved_at", start, end, _whole_payments)


def refunds(start: datetime, end: datetime) -> Iterator[Rows]:
    """Return what was asked to go back from `start` to before `end`, the oldest first."""
    return _batches(Refund, "created_at", start, end, _whole_refunds)


def payments_to_settle(start: datetime, end: datetime, *, key_pair: str) -> Iterator[Rows]:
    """Return what this pair of keys was paid, as far as a settlement names it."""

    def of_pair(page: Any) -> Select[Any]:
        return select(
            page.id,
            page.approved_at.label("at"),
            page.order_id,
            page.payment_key,
            page.amount_won,
            page.m_id,
            literal(None).label("transaction_key"),
            (page.key_pair == key_pair).label("is_meant"),
        )

    return _batches(Payment, "approved_at", start, end, of_pair)


def refunds_to_settle(start: datetime, end: datetime, *, key_pair: str) -> Iterator[Rows]:
    """Return what Toss gave back for this pair of keys, as far as a settlement names it."""

    def of_pair(page: Any) -> Select[Any]:
        is_meant = (Payment.key_pair == key_pair) & (page.status == RefundStatus.SUCCEEDED)
        return select(
            page.id,
            page.created_at.label("at"),
            Payment.order_id,
            Payment.payment_key,
            page.amount_won,
            Payment.m_id,
            page.transaction_key,
            is_meant.label("is_meant"),
        ).join(Payment, Payment.id == page.payment_id)

    return _batches(Refund, "created_at", start, end, of_pair)


def payments_named(payment_keys: Collection[str]) -> Rows:
    """Return id, payment key and won of these payments."""
    query = select(Payment.id, Payment.payment_key, Payment.amount_won)
    return _read(db.engine, query.where(Payment.payment_key.in_(payment_keys)))


def refunds_named(transaction_keys: Collection[str]) -> Rows:
    """Return id, transaction key and won of these refunds."""
    query = select(Refund.id, Refund.transaction_key, Refund.amount_won)
    return _read(db.engine, query.where(Refund.transaction_key.in_(transaction_keys)))


def count_payments(start: datetime, end: datetime) -> int:
    """Return how many rows `payments` has."""
    return _count(Payment.approved_at, start, end)


def count_refunds(start: datetime, end: datetime) -> int:
    """Return how many rows `refunds` has."""
    return _count(Refund.created_at, start, end)


def _whole_payments(page: Any) -> Select[Any]:
    return (
        select(
            page.id,
            page.approved_at.label("at"),
            page.order_id,
            page.payment_key,
            User.email,
            User.name,
            Product.name.label("product"),
            func.coalesce(Invoice.order_name, PassOrder.order_name).label("plan"),
            func.coalesce(Invoice.period_start_on, PassOrder.starts_on).label("period_start_on"),
            func.coalesce(Invoice.period_end_on, PassOrder.ends_on).label("period_end_on"),
            page.amount_won,
            page.supplied_won,
            page.vat_won,
            page.tax_free_won,
            page.refunded_won,
            page.method,
            page.card_issuer,
            page.card_number,
            page.approve_no,
            Invoice.subscription_id,
            page.key_pair,
            page.m_id,
        )
        .join(User, User.id == page.user_id)
        .outerjoin(Invoice, Invoice.id == page.invoice_id)
        .outerjoin(PassOrder, PassOrder.id == page.pass_order_id)
        .join(Quote, Quote.id == func.coalesce(Invoice.quote_id, PassOrder.quote_id))
        .join(Plan, Plan.id == Quote.plan_id)
        .join(Product, Product.id == Plan.product_id)
    )


def _whole_refunds(page: Any) -> Select[Any]:
    return select(
        page.id,
        page.created_at.label("at"),
        Payment.order_id,
        Payment.payment_key,
        page.cause,
        page.amount_won,
        page.tax_free_won,
        page.settled_at,
        page.status,
        page.transaction_key,
    ).join(Payment, Payment.id == page.payment_id)


def _batches(
    model: Any,
    instant: str,
    start: datetime,
    end: datetime,
    with_more: Callable[[Any], Select[Any]],
) -> Iterator[Rows]:
    """Return batches in the order of an instant and the id.

    Each question is about a day at most, and its rows are found before they are joined to others:
    whatever the database believes about its tables, no plan of it reads more than a day's rows.
    """
    at, engine = getattr(model, instant), db.engine
    opens, closes, last_at = (bindparam(name, type_=UtcDateTime()) for name in _INSTANTS)
    found = select(model).where(at >= opens, at < closes).order_by(at, model.id).limit(BATCH)
    after_last = found.where(tuple_(at, model.id) > tuple_(last_at, bindparam("last_id")))

    def joined(batch: Select[Any]) -> Select[Any]:
        page = aliased(model, batch.subquery())
        return with_more(page).order_by(getattr(page, instant), page.id)

    first, later = joined(found), joined(after_last)

    def batches() -> Iterator[Rows]:
        for day in _days(start, end):
            rows = _read(engine, first, **day)
            while rows:
                yield rows
                if len(rows) < BATCH:
                    break
                rows = _read(engine, later, **day, last_at=rows[-1].at, last_id=rows[-1].id)

    return batches()


def _days(start: datetime, end: datetime) -> Iterator[dict[str, datetime]]:
    while start < end:
        closes = min(start + _A_DAY, end)
        yield {"opens": start, "closes": closes}
        start = closes


def _count(at: Any, start: datetime, end: datetime) -> int:
    [row] = _read(db.engine, select(func.count()).where(at >= start, at < end))
    return int(row[0])


def _read(engine: Engine, query: Any, **values: Any) -> Rows:
    with engine.connect().execution_options(only_reads=True) as connection:
        return connection.execute(query, values).all()
