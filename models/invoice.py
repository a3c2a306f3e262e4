"""An invoice: what is owed for one period of one term, once."""

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    bindparam,
    select,
    text,
)
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship, selectinload

from models.base import InvalidTransition, Model, db
from models.quote import Quote
from models.subscription import Subscription
from rules.periods import Period

if TYPE_CHECKING:
    from models.payment import Payment
    from models.payment_attempt import PaymentAttempt


class InvoiceStatus(StrEnum):
    """How a claim stands.

    `set_aside`: Toss answered something else than was asked; only the merchant decides.
    `skipped`: days for which nothing was served and nothing is owed.
    """

    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    SET_ASIDE = "set_aside"
    SKIPPED = "skipped"


_OPEN_SQL = text("status = 'open'")
_SET_ASIDE_SQL = text("status = 'set_aside'")


class Invoice(Model):
    """An amount for a period. One per subscription, term and period; one payment per invoice."""

    __table_args__ = (
        UniqueConstraint("subscription_id", "term_no", "period_no"),
        Index(
            "uq_invoice_open",
            "subscription_id",
            unique=True,
            sqlite_where=_OPEN_SQL,
            postgresql_where=_OPEN_SQL,
        ),
        Index(
            "ix_invoice_set_aside",
            "id",
            sqlite_where=_SET_ASIDE_SQL,
            postgresql_where=_SET_ASIDE_SQL,
        ),
        CheckConstraint(
            "amount_won > 0 OR (status = 'skipped' AND amount_won = 0)", name="amount_positive"
        ),
        CheckConstraint(
            "tax_free_won >= 0 AND tax_free_won <= amount_won", name="tax_free_within_amount"
        ),
        CheckConstraint("period_start_on < period_end_on", name="period_forward"),
        CheckConstraint("(status = 'paid') = (paid_at IS NOT NULL)", name="paid_with_time"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"))
    quote_id: Mapped[int] = mapped_column(ForeignKey("quote.id"))
    term_no: Mapped[int]
    period_no: Mapped[int]
    period_start_on: Mapped[date]
    period_end_on: Mapped[date]
    order_name: Mapped[str] = mapped_column(String(100))
    amount_won: Mapped[int]
    tax_free_won: Mapped[int]
    status: Mapped[InvoiceStatus]
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    subscription: Mapped[Subscription] = relationship(back_populates="invoices")
    quote: Mapped[Quote] = relationship()
    attempts: Mapped[list["PaymentAttempt"]] = relationship(
        back_populates="invoice", order_by="PaymentAttempt.attempt_no"
    )
    payment: Mapped["Payment | None"] = relationship(back_populates="invoice")

    @classmethod
    def first(cls, *, subscription: Subscription, quote: Quote, now: datetime) -> "Invoice":
        """Add the invoice of a term's first period, for the amount that was quoted."""
        return cls._quoted(subscription, quote, subscription.term_no, now=now)

    @classmethod
    def plan_change(cls, subscription: Subscription, quote: Quote, *, now: datetime) -> "Invoice":
        """Add the invoice of the first period of another plan that begins today."""
        return cls._quoted(subscription, quote, subscription.next_term_no, now=now)

    @classmethod
    def renewal(cls, subscription: Subscription, *, now: datetime) -> "Invoice":
        """Add the invoice of the next period, for the amount that the customer agreed to."""
        return cls._of(subscription, subscription.next_period, InvoiceStatus.OPEN, now=now)

    @classmethod
    def gap(cls, subscription: Subscription, period: Period, *, now: datetime) -> "Invoice":
        """Add the account of days that nobody pays for: period 0 of the term after them."""
        return cls._of(subscription, period, InvoiceStatus.SKIPPED, now=now)

    @classmethod
    def open_for(cls, subscription_id: int) -> "Invoice | None":
        """Return what a subscription owes and has not paid yet."""
        return db.session.scalar(_OPEN, {"subscription_id": subscription_id})

    @classmethod
    def set_aside_ones(cls, limit: int) -> list["Invoice"]:
        """Return what only the merchant can go on with, the oldest first."""
        query = (
            select(cls)
            .filter_by(status=InvoiceStatus.SET_ASIDE)
            .options(joinedload(cls.subscription), selectinload(cls.attempts))
        )
        return list(db.session.scalars(query.order_by(cls.id).limit(limit)))

    @property
    def is_open(self) -> bool:
        """Test whether this invoice is still to be paid."""
        return self.status is InvoiceStatus.OPEN

    @property
    def is_paid(self) -> bool:
        """Test whether this invoice is paid."""
        return self.status is InvoiceStatus.PAID

    @property
    def is_plan_change(self) -> bool:
        """Test whether paying it begins another plan: a term that has not begun yet."""
        return self.term_no > self.subscription.term_no

    @property
    def is_set_aside(self) -> bool:
        """Test whether only the merchant can go on with this invoice."""
        return self.status is InvoiceStatus.SET_ASIDE

    @property
    def has_attempt_in_flight(self) -> bool:
        """Test whether an attempt is pending or set aside: nothing more may be charged."""
        return any(attempt.is_pending or attempt.is_set_aside for attempt in self.attempts)

    @property
    def period(self) -> Period:
        """Return the days that this invoice is for."""
        return Period(self.period_start_on, self.period_end_on)

    def pay(self, *, now: datetime) -> None:
        """Note that a payment of the whole amount is booked."""
        self._leave_open(InvoiceStatus.PAID)
        self.paid_at = now

    def reopen(self) -> None:
        """Collect after all what was set aside: the merchant says that no money moved."""
        if self.status is not InvoiceStatus.SET_ASIDE:
            raise InvalidTransition(f"invoice {self.id} is {self.status}, not set aside")
        self.status = InvoiceStatus.OPEN

    def waive(self) -> None:
        """Give up for good what was set aside; the customer keeps the days."""
        self.reopen()
        self.void()

    def void(self) -> None:
        """Give up the claim: nothing will be collected for it."""
        self._leave_open(InvoiceStatus.VOID)

    def set_aside(self) -> None:
        """Charge nothing more until the merchant looked at it."""
        self._leave_open(InvoiceStatus.SET_ASIDE)

    @classmethod
    def _quoted(
        cls, subscription: Subscription, quote: Quote, term_no: int, *, now: datetime
    ) -> "Invoice":
        invoice = cls(
            subscription=subscription,
            quote=quote,
            term_no=term_no,
            period_no=1,
            period_start_on=quote.period_start_on,
            period_end_on=quote.period_end_on,
            order_name=quote.plan.name,
            amount_won=quote.amount_won,
            tax_free_won=quote.tax_free_won,
            status=InvoiceStatus.OPEN,
            created_at=now,
        )
        db.session.add(invoice)
        return invoice

    @classmethod
    def _of(
        cls, subscription: Subscription, period: Period, status: InvoiceStatus, *, now: datetime
    ) -> "Invoice":
        is_owed = status is InvoiceStatus.OPEN
        invoice = cls(
            subscription=subscription,
            quote_id=subscription.quote_id,
            term_no=subscription.term_no,
            period_no=subscription.period_no + 1 if is_owed else 0,
            period_start_on=period.start_on,
            period_end_on=period.end_on,
            order_name=subscription.plan.name,
            amount_won=subscription.plan.price_won if is_owed else 0,
            tax_free_won=subscription.plan.tax_free_won if is_owed else 0,
            status=status,
            created_at=now,
        )
        db.session.add(invoice)
        return invoice

    def _leave_open(self, status: InvoiceStatus) -> None:
        if not self.is_open:
            raise InvalidTransition(f"invoice {self.id} is {self.status}, not open")
        self.status = status


_OPEN = select(Invoice).where(
    Invoice.subscription_id == bindparam("subscription_id"), Invoice.status == InvoiceStatus.OPEN
)
