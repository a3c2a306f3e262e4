"""A daily figure: how the shop stood on one day in Seoul, counted by the worker."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, func, select
from sqlalchemy.orm import Mapped, aliased, mapped_column

from models.base import Model, db
from models.invoice import Invoice
from models.payment import Payment
from models.payment_attempt import AttemptStatus, PaymentAttempt
from models.plan import Plan
from models.subscription import Subscription, SubscriptionStatus
from rules.periods import seoul_date, seoul_instant

EVERY = timedelta(minutes=10)
LONGEST_GAP = 7
"""How many days that nobody counted are made up for; a longer gap stays one."""


class DailyFigure(Model):
    """One day's figures; today's are counted anew every ten minutes, a past day's once it is over.

    `active` and `mrr_won` are as of `counted_at`, the rest is what happened on the day. `mrr_won`
    is what the running subscriptions bring in a month. `failed` counts Toss's codes.
    """

    day: Mapped[date] = mapped_column(primary_key=True)
    active: Mapped[int]
    mrr_won: Mapped[int] = mapped_column(BigInteger)
    begun: Mapped[int]
    ended: Mapped[int]
    recovered: Mapped[int]
    failed: Mapped[dict[str, int]] = mapped_column(JSON)
    passes: Mapped[int] = mapped_column(default=0)
    counted_at: Mapped[datetime]

    @classmethod
    def to_count(cls, *, now: datetime) -> list[tuple[str]]:
        """Return the days, as 2026-11-20, whose figures are missing or old, the oldest first."""
        today = seoul_date(now)
        last = db.session.scalar(select(cls).order_by(cls.day.desc()).limit(1))
        if last is None:
            return [(today.isoformat(),)]
        is_fresh = last.day == today and now < last.counted_at + EVERY
        if is_fresh or last.day > today:
            return []
        was_closed = last.counted_at >= seoul_instant(last.day + timedelta(days=1))
        first = max(
            last.day + timedelta(days=1 if was_closed else 0), today - timedelta(days=LONGEST_GAP)
        )
        return [
            ((first + timedelta(days=number)).isoformat(),)
            for number in range((today - first).days + 1)
        ]

    @classmethod
    def count(cls, day: date, *, now: datetime) -> None:
        """Count a day and keep its figures, in place of any from before."""
        start, end = seoul_instant(day), seoul_instant(day + timedelta(days=1))
        active, mrr_won = _standing()
        figures = cls(
            day=day,
            active=active,
            mrr_won=mrr_won,
            begun=_begun(start, end),
            ended=_ended(start, end),
            recovered=_recovered(start, end),
            failed=_failed(start, end),
            passes=_passes(start, end),
            counted_at=now,
        )
        db.session.merge(figures)

    @classmethod
    def since(cls, day: date) -> Sequence["DailyFigure"]:
        """Return the figures from a day on, the oldest first."""
        return db.session.scalars(select(cls).where(cls.day >= day).order_by(cls.day)).all()


def _standing() -> tuple[int, int]:
    """Return how many subscriptions run, and what they bring in a month."""
    running = (SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)
    query = (
        select(Subscription.plan_id, func.count().label("number"))
        .where(Subscription.status.in_(running))
        .group_by(Subscription.plan_id)
    )
    counts = {row.plan_id: row.number for row in db.session.execute(query)}
    plans = db.session.scalars(select(Plan).where(Plan.id.in_(counts)))
    mrr_won = sum(counts[plan.id] * plan.price_won // plan.months for plan in plans)
    return sum(counts.values()), mrr_won


def _begun(start: datetime, end: datetime) -> int:
    """Return how many subscriptions were paid for the first time."""
    before, other = aliased(Payment), aliased(Invoice)
    earlier = (
        select(before.id)
        .join(other, other.id == before.invoice_id)
        .where(other.subscription_id == Invoice.subscription_id, before.id < Payment.id)
    )
    query = (
        select(func.count())
        .select_from(Payment)
        .join(Invoice, Invoice.id == Payment.invoice_id)
        .where(*_within(Payment.approved_at, start, end), Invoice.period_no == 1, ~earlier.exists())
    )
    return db.session.scalar(query) or 0


def _passes(start: datetime, end: datetime) -> int:
    """Return how many passes were paid for."""
    query = (
        select(func.count())
        .select_from(Payment)
        .where(*_within(Payment.approved_at, start, end), Payment.pass_order_id.is_not(None))
    )
    return db.session.scalar(query) or 0


def _ended(start: datetime, end: datetime) -> int:
    query = (
        select(func.count())
        .select_from(Subscription)
        .where(
            *_within(Subscription.ended_at, start, end),
            Subscription.status == SubscriptionStatus.ENDED,
            Subscription.paid_until_on.is_not(None),
        )
    )
    return db.session.scalar(query) or 0


def _recovered(start: datetime, end: datetime) -> int:
    """Return how many payments came after a try that was declined."""
    query = (
        select(func.count())
        .select_from(Payment)
        .join(PaymentAttempt, PaymentAttempt.id == Payment.attempt_id)
        .where(*_within(Payment.approved_at, start, end), PaymentAttempt.attempt_no > 1)
    )
    return db.session.scalar(query) or 0


def _failed(start: datetime, end: datetime) -> dict[str, int]:
    query = (
        select(PaymentAttempt.failure_code, func.count())
        .where(
            *_within(PaymentAttempt.settled_at, start, end),
            PaymentAttempt.status == AttemptStatus.FAILED,
        )
        .group_by(PaymentAttempt.failure_code)
    )
    return {str(code): number for code, number in db.session.execute(query)}


def _within(column: Any, start: datetime, end: datetime) -> tuple[Any, Any]:
    return column >= start, column < end
