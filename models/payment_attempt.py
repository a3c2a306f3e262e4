"""A payment attempt: one try at collecting an invoice, under one order id."""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import InvalidTransition, Model, batch, db

if TYPE_CHECKING:
    from models.billing_key import BillingKey
    from models.invoice import Invoice
    from models.payment_request import PaymentRequest


class AttemptStatus(StrEnum):
    """`pending` until the money is known to have moved or not; `set_aside` waits for a person."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SET_ASIDE = "set_aside"


_PENDING_SQL = text("status = 'pending'")
_FAILED_SQL = text("status = 'failed'")
_IN_FLIGHT_SQL = text("status IN ('pending', 'set_aside')")


class PaymentAttempt(Model):
    """One order at Toss. Its body and order id never change; each sending is a payment request.

    `next_look_up_at` and `resend_after` are timers of the wire, not of the calendar.
    """

    __table_args__ = (
        UniqueConstraint("invoice_id", "attempt_no"),
        Index(
            "uq_payment_attempt_in_flight",
            "invoice_id",
            unique=True,
            sqlite_where=_IN_FLIGHT_SQL,
            postgresql_where=_IN_FLIGHT_SQL,
        ),
        Index(
            "ix_payment_attempt_pending",
            "next_look_up_at",
            "id",
            sqlite_where=_PENDING_SQL,
            postgresql_where=_PENDING_SQL,
        ),
        Index(
            "ix_payment_attempt_failed",
            "settled_at",
            sqlite_where=_FAILED_SQL,
            postgresql_where=_FAILED_SQL,
        ),
        CheckConstraint("amount_won > 0", name="amount_positive"),
        CheckConstraint("(status = 'pending') = (settled_at IS NULL)", name="settled_with_time"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"))
    billing_key_id: Mapped[int] = mapped_column(ForeignKey("billing_key.id"), index=True)
    attempt_no: Mapped[int]
    order_id: Mapped[str] = mapped_column(String(64), unique=True)
    idempotency_key: Mapped[str] = mapped_column(String(36))
    order_name: Mapped[str] = mapped_column(String(100))
    customer_name: Mapped[str] = mapped_column(String(100))
    customer_email: Mapped[str] = mapped_column(String(100))
    amount_won: Mapped[int]
    tax_free_won: Mapped[int]
    status: Mapped[AttemptStatus]
    key_pair: Mapped[str] = mapped_column(String(10))
    secret_fingerprint: Mapped[str] = mapped_column(String(16))
    failure_code: Mapped[str | None] = mapped_column(String(100))
    failure_message: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    next_look_up_at: Mapped[datetime | None]
    resend_after: Mapped[datetime | None]
    invoice: Mapped["Invoice"] = relationship(back_populates="attempts")
    billing_key: Mapped["BillingKey"] = relationship()
    requests: Mapped[list["PaymentRequest"]] = relationship(
        order_by="PaymentRequest.id", viewonly=True
    )

    @classmethod
    def begin(
        cls, invoice: "Invoice", *, key_pair: str, secret_fingerprint: str, now: datetime
    ) -> "PaymentAttempt":
        """Add a pending attempt at the whole of an open invoice, with the subscription's card."""
        if not invoice.is_open:
            raise InvalidTransition(f"invoice {invoice.id} is {invoice.status}, not open")
        subscription = invoice.subscription
        attempt_no = len(invoice.attempts) + 1
        attempt = cls(
            invoice=invoice,
            billing_key=subscription.billing_key,
            attempt_no=attempt_no,
            order_id=f"sub{subscription.id}-t{invoice.term_no}-p{invoice.period_no}"
            f"-a{attempt_no}-{secrets.token_hex(6)}",
            order_name=invoice.order_name,
            customer_name=subscription.user.name,
            customer_email=subscription.user.email,
            amount_won=invoice.amount_won,
            tax_free_won=invoice.tax_free_won,
            status=AttemptStatus.PENDING,
            idempotency_key=str(uuid4()),
            key_pair=key_pair,
            secret_fingerprint=secret_fingerprint,
            created_at=now,
        )
        db.session.add(attempt)
        return attempt

    @classmethod
    def with_order(cls, order_id: str) -> "PaymentAttempt | None":
        """Return the attempt of this order number."""
        return db.session.scalar(select(cls).filter_by(order_id=order_id))

    @classmethod
    def pending(
        cls, *, looked_up_before: datetime | None, after: Any = None, limit: int
    ) -> list[Any]:
        """Return (instant, id) of pending attempts; with an instant, those due for a look-up."""
        query = select(cls.next_look_up_at, cls.id).where(cls.status == AttemptStatus.PENDING)
        if looked_up_before is not None:
            query = query.where(cls.next_look_up_at <= looked_up_before)
        return batch(query, after=after, limit=limit)

    @classmethod
    def any_succeeded(cls, secret_fingerprint: str) -> bool:
        """Test whether a charge with this key pair ever went through."""
        query = select(cls.id).filter_by(
            secret_fingerprint=secret_fingerprint, status=AttemptStatus.SUCCEEDED
        )
        return db.session.scalar(query.limit(1)) is not None

    @classmethod
    def last_declined_for(cls, subscription_id: int) -> "PaymentAttempt | None":
        """Return the newest attempt at this subscription's invoices that failed."""
        query = (
            select(cls)
            .where(cls.status == AttemptStatus.FAILED)
            .where(cls.invoice.has(subscription_id=subscription_id))
        )
        return db.session.scalar(query.order_by(cls.id.desc()).limit(1))

    @property
    def is_pending(self) -> bool:
        """Test whether nobody knows yet whether the money moved."""
        return self.status is AttemptStatus.PENDING

    @property
    def is_set_aside(self) -> bool:
        """Test whether this attempt waits for the merchant."""
        return self.status is AttemptStatus.SET_ASIDE

    def note_sending(self, *, look_up_at: datetime, resend_after: datetime) -> None:
        """Remember when to ask about a request that is about to leave, and when to repeat it."""
        self._must_be_pending()
        self.next_look_up_at = look_up_at
        self.resend_after = resend_after

    def look_up_again(self, *, at: datetime) -> None:
        """Remember when to ask Toss about this order."""
        self._must_be_pending()
        self.next_look_up_at = at

    def renew_idempotency_key(self) -> None:
        """Take a new key under the same order id: the old one would replay a passing refusal."""
        self._must_be_pending()
        self.idempotency_key = str(uuid4())

    def succeed(self, *, now: datetime) -> None:
        """Note that the money moved."""
        self._settle(AttemptStatus.SUCCEEDED, now)

    def fail(self, code: str, message: str, *, now: datetime) -> None:
        """Note that the money did not move, and why."""
        self._settle(AttemptStatus.FAILED, now)
        self.failure_code = code[:100]
        self.failure_message = message[:500]

    def set_aside(self, code: str, message: str, *, now: datetime) -> None:
        """Leave this attempt to the merchant: it blocks every further charge of its invoice."""
        self._settle(AttemptStatus.SET_ASIDE, now)
        self.failure_code = code[:100]
        self.failure_message = message[:500]

    def take_up_again(self, *, now: datetime) -> None:
        """Settle anew what was set aside: Toss has its money."""
        if not self.is_set_aside:
            raise InvalidTransition(f"attempt {self.id} is {self.status}, not set aside")
        self.status = AttemptStatus.PENDING
        self.settled_at = None
        self.next_look_up_at = now

    def give_up(self, *, now: datetime) -> None:
        """Note that the merchant found no money moved, or gave it back."""
        if not self.is_set_aside:
            raise InvalidTransition(f"attempt {self.id} is {self.status}, not set aside")
        self.status = AttemptStatus.FAILED
        self.settled_at = now

    def age(self, now: datetime) -> timedelta:
        """Return how long ago this attempt was begun."""
        return now - self.created_at

    def _settle(self, status: AttemptStatus, now: datetime) -> None:
        self._must_be_pending()
        self.status = status
        self.settled_at = now
        self.next_look_up_at = None

    def _must_be_pending(self) -> None:
        if not self.is_pending:
            raise InvalidTransition(f"attempt {self.id} is {self.status}, not pending")
