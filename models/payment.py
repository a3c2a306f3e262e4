"""A payment: money that is known to have moved, as Toss recorded it."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Model, db

if TYPE_CHECKING:
    from models.invoice import Invoice


class Payment(Model):
    """A confirmed charge. The won of supply, VAT and tax-free part are Toss's, at approval."""

    __table_args__ = (
        CheckConstraint("amount_won > 0", name="amount_positive"),
        CheckConstraint(
            "refunded_won >= 0 AND refunded_won <= amount_won", name="refunded_within_amount"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), unique=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("payment_attempt.id"), unique=True)
    payment_key: Mapped[str] = mapped_column(String(200), unique=True)
    order_id: Mapped[str] = mapped_column(String(64), unique=True)
    amount_won: Mapped[int]
    supplied_won: Mapped[int]
    vat_won: Mapped[int]
    tax_free_won: Mapped[int]
    refunded_won: Mapped[int] = mapped_column(default=0)
    method: Mapped[str] = mapped_column(String(50))
    card_issuer: Mapped[str] = mapped_column(String(50))
    card_number: Mapped[str] = mapped_column(String(50))
    approve_no: Mapped[str | None] = mapped_column(String(50))
    receipt_url: Mapped[str | None] = mapped_column(Text)
    key_pair: Mapped[str] = mapped_column(String(10))
    m_id: Mapped[str] = mapped_column(String(50))
    secret_fingerprint: Mapped[str] = mapped_column(String(16))
    api_version: Mapped[str | None] = mapped_column(String(50))
    approved_at: Mapped[datetime]
    invoice: Mapped["Invoice"] = relationship(back_populates="payment")

    @classmethod
    def of_user(cls, user_id: int, *, limit: int | None = None) -> list["Payment"]:
        """Return a customer's payments, newest first."""
        query = select(cls).filter_by(user_id=user_id).order_by(cls.approved_at.desc())
        return list(db.session.scalars(query.limit(limit)))

    @property
    def balance_won(self) -> int:
        """Return what has not been given back."""
        return self.amount_won - self.refunded_won
