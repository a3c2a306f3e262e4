"""A refund: money that goes back, committed before Toss is asked to send it."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from models.base import InvalidTransition, Model, batch, db
from models.payment import Payment
from rules.wording import N_

if TYPE_CHECKING:
    from models.payment_request import PaymentRequest
    from models.quote import Quote


class RefundCause(StrEnum):
    """Why money goes back; `elsewhere`: somebody gave it back in Toss's own back office."""

    WITHDRAWAL = "withdrawal"
    TERMINATION = "termination"
    PLAN_CHANGE = "plan_change"
    MERCHANT = "merchant"
    LATE_SUCCESS = "late_success"
    ELSEWHERE = "elsewhere"


class RefundStatus(StrEnum):
    """How far a refund is.

    `pending` until the money is known to have gone back or not. `by_hand`: Toss cannot send it,
    the merchant owes it in another way; `paid_by_hand` once that was done. `void`: nothing was
    left to give back.
    """

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    BY_HAND = "by_hand"
    PAID_BY_HAND = "paid_by_hand"
    VOID = "void"


REASONS = {
    RefundCause.WITHDRAWAL: N_("청약철회"),
    RefundCause.TERMINATION: N_("중도해지"),
    RefundCause.PLAN_CHANGE: N_("플랜 변경"),
    RefundCause.MERCHANT: N_("판매자 환불"),
    RefundCause.LATE_SUCCESS: N_("잘못된 결제 취소"),
    RefundCause.ELSEWHERE: N_("결제 취소"),
}
"""What Toss is told, and the customer's card statement may say."""

_PENDING_SQL = text("status = 'pending'")
_BY_HAND_SQL = text("status = 'by_hand'")


class Refund(Model):
    """One cancel of a payment, whole or in part; one in flight per payment.

    `balance_before_won` is what Toss should still hold: it refuses where it does not.
    """

    __table_args__ = (
        Index(
            "uq_refund_in_flight",
            "payment_id",
            unique=True,
            sqlite_where=_PENDING_SQL,
            postgresql_where=_PENDING_SQL,
        ),
        Index(
            "ix_refund_pending",
            "next_look_up_at",
            "id",
            sqlite_where=_PENDING_SQL,
            postgresql_where=_PENDING_SQL,
        ),
        Index(
            "ix_refund_by_hand",
            "id",
            sqlite_where=_BY_HAND_SQL,
            postgresql_where=_BY_HAND_SQL,
        ),
        Index("ix_refund_asked", "created_at", "id"),
        CheckConstraint("amount_won > 0", name="amount_positive"),
        CheckConstraint("amount_won <= balance_before_won", name="amount_within_balance"),
        CheckConstraint(
            "tax_free_won >= 0 AND tax_free_won <= amount_won", name="tax_free_within_amount"
        ),
        CheckConstraint(
            "(status IN ('pending', 'by_hand')) = (settled_at IS NULL)", name="settled_with_time"
        ),
        CheckConstraint(
            "(status = 'succeeded') = (transaction_key IS NOT NULL)", name="succeeded_with_key"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"), index=True)
    quote_id: Mapped[int | None] = mapped_column(ForeignKey("quote.id"))
    cause: Mapped[RefundCause]
    amount_won: Mapped[int]
    tax_free_won: Mapped[int] = mapped_column(default=0)
    balance_before_won: Mapped[int]
    status: Mapped[RefundStatus]
    idempotency_key: Mapped[str] = mapped_column(String(36), default=lambda: str(uuid4()))
    secret_fingerprint: Mapped[str | None] = mapped_column(String(16))
    transaction_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    failure_code: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    next_look_up_at: Mapped[datetime]
    resend_after: Mapped[datetime | None]
    payment: Mapped[Payment] = relationship(back_populates="refunds")
    quote: Mapped["Quote | None"] = relationship()
    requests: Mapped[list["PaymentRequest"]] = relationship(
        order_by="PaymentRequest.id", viewonly=True
    )

    @classmethod
    def begin(
        cls,
        payment: Payment,
        *,
        amount_won: int,
        tax_free_won: int,
        cause: RefundCause,
        now: datetime,
        quote: "Quote | None" = None,
    ) -> "Refund":
        """Add a refund that Toss is to be asked for, or that the merchant owes by hand."""
        is_whole = amount_won == payment.amount_won
        can_cancel = is_whole or payment.is_partial_cancelable
        refund = cls(
            payment=payment,
            quote=quote,
            cause=cause,
            amount_won=amount_won,
            tax_free_won=tax_free_won,
            balance_before_won=payment.balance_won,
            status=RefundStatus.PENDING if can_cancel else RefundStatus.BY_HAND,
            created_at=now,
            next_look_up_at=now,
        )
        db.session.add(refund)
        return refund

    @classmethod
    def found(
        cls,
        payment: Payment,
        *,
        amount_won: int,
        tax_free_won: int,
        balance_after_won: int,
        transaction_key: str,
        now: datetime,
    ) -> "Refund":
        """Add a refund that happened at Toss without us."""
        refund = cls(
            payment=payment,
            cause=RefundCause.ELSEWHERE,
            amount_won=amount_won,
            tax_free_won=tax_free_won,
            balance_before_won=balance_after_won + amount_won,
            status=RefundStatus.SUCCEEDED,
            transaction_key=transaction_key,
            created_at=now,
            settled_at=now,
            next_look_up_at=now,
        )
        db.session.add(refund)
        return refund

    @classmethod
    def pending(cls, *, now: datetime | None, after: Any = None, limit: int) -> list[Any]:
        """Return (instant, id) of pending refunds; with an instant, those that are due."""
        query = select(cls.next_look_up_at, cls.id).where(cls.status == RefundStatus.PENDING)
        if now is not None:
            query = query.where(cls.next_look_up_at <= now)
        return batch(query, after=after, limit=limit)

    @classmethod
    def key_pair_of(cls, refund_id: int) -> str:
        """Return the pair of keys that the payment was made with: no other can cancel it."""
        query = select(Payment.key_pair).join(cls, cls.payment_id == Payment.id)
        return db.session.scalars(query.where(cls.id == refund_id)).one()

    @classmethod
    def owed_by_hand(cls, limit: int | None = None) -> list["Refund"]:
        """Return what the merchant must give back in another way, the oldest first."""
        query = select(cls).filter_by(status=RefundStatus.BY_HAND).order_by(cls.id).limit(limit)
        return list(db.session.scalars(query.options(joinedload(cls.payment))))

    @property
    def is_pending(self) -> bool:
        """Test whether nobody knows yet whether the money went back."""
        return self.status is RefundStatus.PENDING

    @property
    def is_by_hand(self) -> bool:
        """Test whether the merchant still owes this money."""
        return self.status is RefundStatus.BY_HAND

    @property
    def is_done(self) -> bool:
        """Test whether the money went back."""
        return self.status in (RefundStatus.SUCCEEDED, RefundStatus.PAID_BY_HAND)

    @property
    def is_void(self) -> bool:
        """Test whether there was nothing left to give back."""
        return self.status is RefundStatus.VOID

    @property
    def mark(self) -> str:
        """Return how Toss's list of cancels tells this refund from any other."""
        return f"(r{self.id})"

    @property
    def reason(self) -> str:
        """Return what Toss is told; it ends with this row's mark."""
        return f"{REASONS[self.cause]} {self.mark}"

    def note_sending(
        self, *, secret_fingerprint: str, look_up_at: datetime, resend_after: datetime
    ) -> None:
        """Remember with which key a request is about to leave, and when to ask about it."""
        self._must_be(RefundStatus.PENDING)
        self.secret_fingerprint = secret_fingerprint
        self.next_look_up_at = look_up_at
        self.resend_after = resend_after

    def look_up_again(self, *, at: datetime) -> None:
        """Remember when to ask Toss about this refund."""
        self._must_be(RefundStatus.PENDING)
        self.next_look_up_at = at

    def renew_idempotency_key(self) -> None:
        """Take a new key: the old one would replay a passing refusal."""
        self._must_be(RefundStatus.PENDING)
        self.idempotency_key = str(uuid4())

    def decide_anew(self, *, balance_won: int, tax_free_won: int, now: datetime) -> None:
        """Ask again for what is left: Toss refused because it holds another balance."""
        self._must_be(RefundStatus.PENDING)
        if not balance_won:
            self.void(now=now)
            return
        self.balance_before_won = balance_won
        self.amount_won = min(self.amount_won, balance_won)
        self.tax_free_won = min(self.tax_free_won, tax_free_won)
        self.idempotency_key = str(uuid4())
        self.next_look_up_at = self.resend_after = now

    def succeed(self, transaction_key: str, *, now: datetime) -> None:
        """Note that the money went back, asked by us or by the merchant at Toss."""
        if not self.is_by_hand:
            self._must_be(RefundStatus.PENDING)
        self.status = RefundStatus.SUCCEEDED
        self.transaction_key = transaction_key
        self.settled_at = now

    def leave_to_merchant(self, code: str) -> None:
        """Note that Toss will not send it: the merchant owes it in another way."""
        self._must_be(RefundStatus.PENDING)
        self.status = RefundStatus.BY_HAND
        self.failure_code = code[:100]

    def void(self, *, now: datetime) -> None:
        """Note that nothing was left to give back."""
        self._must_be(RefundStatus.PENDING)
        self.status = RefundStatus.VOID
        self.settled_at = now

    def pay_by_hand(self, *, now: datetime) -> None:
        """Note that the merchant gave it back in another way."""
        self._must_be(RefundStatus.BY_HAND)
        self.status = RefundStatus.PAID_BY_HAND
        self.settled_at = now

    def ask_again(self, *, now: datetime) -> None:
        """Ask Toss once more for what it refused."""
        self._must_be(RefundStatus.BY_HAND)
        self.status = RefundStatus.PENDING
        self.idempotency_key = str(uuid4())
        self.next_look_up_at = self.resend_after = now

    def age(self, now: datetime) -> timedelta:
        """Return how long ago this refund was begun."""
        return now - self.created_at

    def _must_be(self, status: RefundStatus) -> None:
        if self.status is not status:
            raise InvalidTransition(f"refund {self.id} is {self.status}, not {status}")
