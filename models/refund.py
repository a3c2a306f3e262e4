"""A refund: money that goes back, committed before Toss is asked to send it."""

from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Model
from models.payment import Payment


class RefundStatus(StrEnum):
    """`pending` until the money is known to have gone back or not."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_PENDING_SQL = text("status = 'pending'")


class Refund(Model):
    """One cancel of a payment, whole or in part; one in flight per payment."""

    __table_args__ = (
        Index(
            "uq_refund_in_flight",
            "payment_id",
            unique=True,
            sqlite_where=_PENDING_SQL,
            postgresql_where=_PENDING_SQL,
        ),
        CheckConstraint("amount_won > 0", name="amount_positive"),
        CheckConstraint("amount_won <= balance_before_won", name="amount_within_balance"),
        CheckConstraint(
            "tax_free_won >= 0 AND tax_free_won <= amount_won", name="tax_free_within_amount"
        ),
        CheckConstraint("(status = 'pending') = (settled_at IS NULL)", name="settled_with_time"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"))
    quote_id: Mapped[int | None] = mapped_column(ForeignKey("quote.id"))
    amount_won: Mapped[int]
    tax_free_won: Mapped[int] = mapped_column(default=0)
    balance_before_won: Mapped[int]
    reason: Mapped[str] = mapped_column(String(150))
    status: Mapped[RefundStatus] = mapped_column(default=RefundStatus.PENDING)
    idempotency_key: Mapped[str] = mapped_column(String(36), default=lambda: str(uuid4()))
    transaction_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    failure_code: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    payment: Mapped[Payment] = relationship()
