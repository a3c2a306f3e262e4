"""A subscription: a customer's agreement to a plan, and who may read on the strength of it."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql.base import ExecutableOption

from models.base import InvalidTransition, Model, db
from models.billing_key import BillingKey
from models.plan import Plan
from models.product import Product
from models.quote import Quote
from models.user import User
from rules.periods import Period, seoul_instant

if TYPE_CHECKING:
    from models.invoice import Invoice


class SubscriptionStatus(StrEnum):
    """`incomplete` → `active` ⇄ `past_due` → `ended`; cancelling is `active` with an `ends_at`."""

    INCOMPLETE = "incomplete"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a subscription is over."""

    CANCELED = "canceled"
    MERCHANT_ERROR = "merchant_error"


_LIVE = (SubscriptionStatus.INCOMPLETE, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)
_LIVE_SQL = text("status IN ('incomplete', 'active', 'past_due')")


class Subscription(Model):
    """One agreement. Days are Seoul days: `paid_until_on` is the first day not paid for."""

    __table_args__ = (
        Index(
            "uq_subscription_live",
            "user_id",
            "product_id",
            unique=True,
            sqlite_where=_LIVE_SQL,
            postgresql_where=_LIVE_SQL,
        ),
        CheckConstraint("term_no >= 1 AND period_no >= 1", name="numbers_from_one"),
        CheckConstraint(
            "status NOT IN ('active', 'past_due') OR paid_until_on IS NOT NULL",
            name="paid_until_while_running",
        ),
        CheckConstraint("(status = 'ended') = (ended_at IS NOT NULL)", name="ended_with_time"),
        CheckConstraint("(ends_at IS NULL) = (canceled_at IS NULL)", name="cancellation_whole"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"))
    billing_key_id: Mapped[int] = mapped_column(ForeignKey("billing_key.id"))
    status: Mapped[SubscriptionStatus]
    term_no: Mapped[int]
    period_no: Mapped[int]
    anchor_on: Mapped[date]
    paid_from_on: Mapped[date | None]
    paid_until_on: Mapped[date | None]
    created_at: Mapped[datetime]
    canceled_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[EndReason | None]
    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    plan: Mapped[Plan] = relationship(lazy="joined", innerjoin=True)
    product: Mapped[Product] = relationship()
    billing_key: Mapped[BillingKey] = relationship(lazy="joined", innerjoin=True)
    invoices: Mapped[list["Invoice"]] = relationship(
        back_populates="subscription", order_by="Invoice.id"
    )

    @classmethod
    def begin(
        cls, *, user: User, quote: Quote, billing_key: BillingKey, now: datetime
    ) -> "Subscription":
        """Add an incomplete subscription: it holds the customer's one live place from now on."""
        subscription = cls(
            user=user,
            product_id=quote.plan.product_id,
            plan=quote.plan,
            billing_key=billing_key,
            status=SubscriptionStatus.INCOMPLETE,
            term_no=1,
            period_no=1,
            anchor_on=quote.anchor_on,
            created_at=now,
        )
        db.session.add(subscription)
        return subscription

    @classmethod
    def locked(cls, subscription_id: int) -> "Subscription":
        """Return a subscription as it is now, its row locked until the commit.

        Every use case that changes anything of a subscription takes this lock first; what the
        session had read before is read again.
        """
        query = select(cls.id).filter_by(id=subscription_id).with_for_update()
        db.session.scalars(query).one()
        db.session.expire_all()
        return db.session.get_one(cls, subscription_id)

    @classmethod
    def live_for(cls, user_id: int, product_id: int) -> "Subscription | None":
        """Return the customer's one live subscription to this product."""
        return db.session.scalar(
            select(cls).filter_by(user_id=user_id, product_id=product_id).where(_is_live(cls))
        )

    @classmethod
    def latest_for(cls, user_id: int, *options: ExecutableOption) -> "Subscription | None":
        """Return the subscription that a customer's page is about: a live one, else the last.

        `options` say what else the page will read, to be loaded at once.
        """
        return db.session.scalar(
            select(cls)
            .options(*options)
            .filter_by(user_id=user_id)
            .order_by((cls.status == SubscriptionStatus.ENDED).asc(), cls.id.desc())
            .limit(1)
        )

    @classmethod
    def due_to_end(cls, *, now: datetime, limit: int) -> list[int]:
        """Return ids of subscriptions whose scheduled end has come."""
        query = select(cls.id).where(_is_live(cls), cls.ends_at <= now)
        return list(db.session.scalars(query.order_by(cls.ends_at).limit(limit)))

    @property
    def is_incomplete(self) -> bool:
        """Test whether the first payment is still missing."""
        return self.status is SubscriptionStatus.INCOMPLETE

    @property
    def is_running(self) -> bool:
        """Test whether this subscription was paid once and has not ended."""
        return self.status in (SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)

    @property
    def is_past_due(self) -> bool:
        """Test whether the last renewal could not be collected yet."""
        return self.status is SubscriptionStatus.PAST_DUE

    @property
    def is_ended(self) -> bool:
        """Test whether this subscription is over."""
        return self.status is SubscriptionStatus.ENDED

    @property
    def is_canceling(self) -> bool:
        """Test whether this subscription runs, with its end scheduled."""
        return self.is_running and self.ends_at is not None

    @property
    def was_paid(self) -> bool:
        """Test whether anything was ever paid for it."""
        return self.paid_until_on is not None

    @property
    def paid_period(self) -> Period | None:
        """Return the days that the last payment paid for."""
        if self.paid_from_on is None or self.paid_until_on is None:
            return None
        return Period(self.paid_from_on, self.paid_until_on)

    @property
    def next_period(self) -> Period:
        """Return the days that the next renewal will pay for."""
        return self.plan.period(self.anchor_on, self.period_no + 1)

    @property
    def open_invoice(self) -> "Invoice | None":
        """Return what is owed and not yet paid or void."""
        return next((invoice for invoice in reversed(self.invoices) if invoice.is_open), None)

    @property
    def is_collecting(self) -> bool:
        """Test whether the open invoice is being charged, is about to be, or waits for a person."""
        invoice = self.open_invoice
        return invoice is not None and (not invoice.attempts or invoice.has_attempt_in_flight)

    def grants_access(self, now: datetime, *, grace_days: int) -> bool:
        """Test whether its customer may read now, whatever the worker has or has not done."""
        if not self.is_running or self.paid_until_on is None:
            return False
        if self.ends_at is not None:
            return now < self.ends_at
        return now < seoul_instant(self.paid_until_on + timedelta(days=grace_days))

    def begin_again(self, *, quote: Quote, billing_key: BillingKey) -> None:
        """Start a new term with another card or plan: the first payment never came about."""
        self._must_be(SubscriptionStatus.INCOMPLETE)
        self.term_no += 1
        self.plan = quote.plan
        self.billing_key = billing_key
        self.anchor_on = quote.anchor_on

    def activate(self, period: Period) -> None:
        """Open the doors for the period that was just paid."""
        self._must_be(SubscriptionStatus.INCOMPLETE)
        self.status = SubscriptionStatus.ACTIVE
        self.paid_from_on, self.paid_until_on = period.start_on, period.end_on

    def schedule_cancellation(self, *, now: datetime) -> None:
        """End when the paid period ends (일반해지); nothing is charged any more."""
        self._must_be(SubscriptionStatus.ACTIVE)
        if self.paid_until_on is None or self.is_canceling:
            raise InvalidTransition(f"subscription {self.id} has its end scheduled already")
        self.canceled_at = now
        self.ends_at = seoul_instant(self.paid_until_on)

    def resume(self, *, now: datetime) -> None:
        """Undo a scheduled cancellation before its end has come."""
        if not self.is_canceling or self.ends_at is None or now >= self.ends_at:
            raise InvalidTransition(f"subscription {self.id} has no end to undo")
        self.canceled_at = self.ends_at = None

    def end(self, reason: EndReason, *, now: datetime) -> None:
        """Close this subscription for good and free the customer's live place."""
        if self.status not in _LIVE:
            raise InvalidTransition(f"subscription {self.id} has ended already")
        self.status = SubscriptionStatus.ENDED
        self.ended_at = now
        self.end_reason = reason

    def _must_be(self, status: SubscriptionStatus) -> None:
        if self.status is not status:
            raise InvalidTransition(f"subscription {self.id} is {self.status}, not {status}")


def _is_live(cls: type[Subscription]) -> ColumnElement[bool]:
    return cls.status.in_(_LIVE)
