"""A payment: money that is known to have moved, as Toss recorded it."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, select, update
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from models.base import Model, db

if TYPE_CHECKING:
    from models.cash_receipt import CashReceipt
    from models.invoice import Invoice
    from models.pass_order import PassOrder
    from models.plan import Plan
    from models.quote import Quote
    from models.refund import Refund
    from models.subscription import Subscription
    from rules.periods import Period


class Payment(Model):
    """Money for an invoice or for a pass. The won of supply, VAT and tax-free part are Toss's.

    They are those at approval. `used_at` is the first visit to the library that it paid for.
    """

    __table_args__ = (
        Index("ix_payment_approved", "approved_at", "id"),
        CheckConstraint("amount_won > 0", name="amount_positive"),
        CheckConstraint(
            "refunded_won >= 0 AND refunded_won <= amount_won", name="refunded_within_amount"
        ),
        CheckConstraint(
            "(invoice_id IS NULL) = (attempt_id IS NULL)"
            " AND (invoice_id IS NULL) <> (pass_order_id IS NULL)",
            name="one_purpose",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoice.id"), unique=True)
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("payment_attempt.id"), unique=True)
    pass_order_id: Mapped[str | None] = mapped_column(ForeignKey("pass_order.id"), unique=True)
    payment_key: Mapped[str] = mapped_column(String(200), unique=True)
    order_id: Mapped[str] = mapped_column(String(64), unique=True)
    amount_won: Mapped[int]
    supplied_won: Mapped[int]
    vat_won: Mapped[int]
    tax_free_won: Mapped[int]
    refunded_won: Mapped[int] = mapped_column(default=0)
    is_partial_cancelable: Mapped[bool] = mapped_column(default=True)
    used_at: Mapped[datetime | None]
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
    invoice: Mapped["Invoice | None"] = relationship(back_populates="payment")
    pass_order: Mapped["PassOrder | None"] = relationship(back_populates="payment")
    cash_receipt: Mapped["CashReceipt | None"] = relationship(back_populates="payment")
    refunds: Mapped[list["Refund"]] = relationship(back_populates="payment", order_by="Refund.id")

    @classmethod
    def with_key(cls, payment_key: str) -> "Payment | None":
        """Return the payment of this payment key."""
        return db.session.scalar(select(cls).filter_by(payment_key=payment_key))

    @classmethod
    def last_of_user(cls, user_id: int, *, limit: int) -> list["Payment"]:
        """Return a customer's last payments with what they are for, newest first."""
        query = select(cls).filter_by(user_id=user_id)
        query = query.options(joinedload(cls.invoice), joinedload(cls.pass_order))
        return list(db.session.scalars(query.order_by(cls.id.desc()).limit(limit)))

    @classmethod
    def of_user(cls, user_id: int, *, limit: int | None = None) -> list["Payment"]:
        """Return a customer's payments, newest first."""
        query = select(cls).filter_by(user_id=user_id).order_by(cls.approved_at.desc())
        return list(db.session.scalars(query.limit(limit)))

    @property
    def subscription(self) -> "Subscription | None":
        """Return the subscription that it pays for; none where it is for a pass."""
        return self.invoice.subscription if self.invoice is not None else None

    @property
    def period(self) -> "Period":
        """Return the days that it pays for."""
        return self._subject.period

    @property
    def quote(self) -> "Quote":
        """Return what was shown and agreed to before it."""
        return self._subject.quote

    @property
    def plan(self) -> "Plan":
        """Return what it pays for."""
        return self.quote.plan

    @property
    def order_name(self) -> str:
        """Return what the card statement calls it."""
        return self._subject.order_name

    @property
    def balance_won(self) -> int:
        """Return what has not been given back."""
        return self.amount_won - self.refunded_won

    @property
    def is_transfer(self) -> bool:
        """Test whether it came from a bank account: a cash receipt may be asked for."""
        return self.method == "계좌이체"

    @property
    def is_refunded_whole(self) -> bool:
        """Test whether all of it was given back (Toss contract, rule 15)."""
        return not self.balance_won

    @property
    def refund_in_flight(self) -> "Refund | None":
        """Return the refund that Toss has not settled yet."""
        return next((refund for refund in self.refunds if refund.is_pending), None)

    @property
    def refundable_won(self) -> int:
        """Return what may still be promised: neither given back nor on its way."""
        owed = sum(one.amount_won for one in self.refunds if one.is_pending or one.is_by_hand)
        return self.balance_won - owed

    def note_refund(self, amount_won: int, *, now: datetime) -> None:
        """Count what went back; a cash receipt follows."""
        self.refunded_won += amount_won
        if self.cash_receipt is not None:
            self.cash_receipt.follow_refund(now=now)

    def note_use(self, *, now: datetime) -> None:
        """Remember the first time that something it paid for was used; once."""
        db.session.execute(
            update(Payment).where(Payment.id == self.id, Payment.used_at.is_(None)),
            {"used_at": now},
        )

    @property
    def _subject(self) -> "Invoice | PassOrder":
        subject = self.invoice or self.pass_order
        assert subject is not None
        return subject
