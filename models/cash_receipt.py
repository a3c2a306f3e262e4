"""A cash receipt (현금영수증): the tax office's word for a bank transfer, issued through Toss."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import InvalidTransition, Model, batch, db
from models.payment import Payment

if TYPE_CHECKING:
    from models.vault import Vault

MAX_TRIES = 12


class ReceiptKind(StrEnum):
    """What the customer uses it for: 소득공제 or 지출증빙."""

    INCOME = "income"
    EXPENSE = "expense"


class ReceiptStatus(StrEnum):
    """`due`: to be issued, or canceled in part after a refund; `settled`: as it should be."""

    DUE = "due"
    SETTLED = "settled"
    FAILED = "failed"


_DUE_SQL = text("status = 'due'")


class CashReceipt(Model):
    """The receipt of one payment; the customer's number is encrypted, and erased once issued."""

    __table_args__ = (
        Index(
            "ix_cash_receipt_due",
            "next_try_at",
            "id",
            sqlite_where=_DUE_SQL,
            postgresql_where=_DUE_SQL,
        ),
        CheckConstraint(
            "canceled_won >= 0 AND canceled_won <= amount_won", name="canceled_within_amount"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"), unique=True)
    kind: Mapped[ReceiptKind]
    identity_ciphertext: Mapped[str | None] = mapped_column(Text)
    amount_won: Mapped[int]
    canceled_won: Mapped[int] = mapped_column(default=0)
    status: Mapped[ReceiptStatus] = mapped_column(default=ReceiptStatus.DUE)
    receipt_key: Mapped[str | None] = mapped_column(String(200))
    receipt_url: Mapped[str | None] = mapped_column(Text)
    idempotency_key: Mapped[str] = mapped_column(String(36), default=lambda: str(uuid4()))
    asked_won: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    failure_code: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime]
    issued_at: Mapped[datetime | None]
    payment: Mapped[Payment] = relationship(back_populates="cash_receipt")

    @classmethod
    def ask_for(
        cls, payment: Payment, kind: ReceiptKind, identity_ciphertext: str, *, now: datetime
    ) -> "CashReceipt":
        """Owe the receipt of what is left of a payment."""
        receipt = cls(
            payment=payment,
            kind=kind,
            identity_ciphertext=identity_ciphertext,
            amount_won=payment.amount_won - (payment.refunded_won or 0),
            next_try_at=now,
            created_at=now,
        )
        db.session.add(receipt)
        return receipt

    @classmethod
    def due(cls, *, now: datetime, after: Any = None, limit: int) -> list[Any]:
        """Return (instant, id) of receipts to be issued or canceled now."""
        query = select(cls.next_try_at, cls.id).where(
            cls.status == ReceiptStatus.DUE, cls.next_try_at <= now
        )
        return batch(query, after=after, limit=limit)

    @classmethod
    def locked(cls, receipt_id: int) -> "CashReceipt":
        """Return a receipt as it is now, its row locked until the commit."""
        return db.session.get_one(cls, receipt_id, with_for_update=True, populate_existing=True)

    @property
    def is_due(self) -> bool:
        """Test whether Toss is still to be asked for something."""
        return self.status is ReceiptStatus.DUE

    @property
    def is_issued(self) -> bool:
        """Test whether the receipt stands, in whole or in part."""
        return self.receipt_key is not None

    @property
    def has_failed(self) -> bool:
        """Test whether it was refused for good."""
        return self.status is ReceiptStatus.FAILED

    @property
    def to_cancel_won(self) -> int:
        """Return what went back since and still stands on the receipt."""
        left = self.amount_won - self.canceled_won
        return max(0, min(left, left - self.payment.balance_won))

    def identity(self, vault: "Vault") -> str:
        """Return the customer's number, for one call to Toss."""
        if self.identity_ciphertext is None:
            raise InvalidTransition(f"cash receipt {self.id} is issued already")
        return vault.decrypt(self.identity_ciphertext)

    def follow_refund(self, *, now: datetime) -> None:
        """Cancel soon what went back, or issue less where none was issued yet."""
        if self.is_issued and self.status is ReceiptStatus.SETTLED:
            self.status = ReceiptStatus.DUE
            self.next_try_at = now
            self.tries = 0

    def prepare(self, won: int, *, until: datetime) -> None:
        """Note what Toss is about to be asked for; the same is asked until it is answered."""
        if not self.asked_won:
            self.asked_won = won
            self.idempotency_key = str(uuid4())
        self.tries += 1
        self.next_try_at = until

    def issued(self, receipt_key: str, receipt_url: str | None, *, now: datetime) -> None:
        """Note that it stands, and erase the customer's number."""
        self.receipt_key, self.receipt_url = receipt_key, receipt_url
        self.amount_won, self.asked_won = self.asked_won, 0
        self.identity_ciphertext = None
        self.issued_at = now
        self._settle(now)

    def canceled(self, *, now: datetime) -> None:
        """Note that what was asked for was canceled."""
        self.canceled_won += self.asked_won
        self.asked_won = 0
        self._settle(now)

    def drop(self) -> None:
        """Ask for nothing: all of the payment went back before a receipt was issued."""
        self.identity_ciphertext = None
        self.status = ReceiptStatus.SETTLED

    def fail(self, code: str) -> None:
        """Note that it was refused for good."""
        self.status = ReceiptStatus.FAILED
        self.failure_code = code[:100]
        self.identity_ciphertext = None

    def postpone(self, *, now: datetime) -> bool:
        """Try again later with the same request; False where this was the last try."""
        if self.tries >= MAX_TRIES:
            self.fail("unanswered")
            return False
        self.next_try_at = now + timedelta(seconds=min(2**self.tries * 15, 6 * 3600))
        return True

    def _settle(self, now: datetime) -> None:
        self.status = ReceiptStatus.DUE if self.to_cancel_won else ReceiptStatus.SETTLED
        self.next_try_at = now
        self.tries = 0
