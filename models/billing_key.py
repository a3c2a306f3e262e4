"""A billing key: the right to charge one registered card, encrypted at rest."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, select, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InvalidTransition, Model, batch, db
from models.payment_attempt import AttemptStatus, PaymentAttempt
from models.vault import Vault


class BillingKeyStatus(StrEnum):
    """Whether the card may be charged; a key on its way out is `revoking` until Toss deleted it."""

    ACTIVE = "active"
    REVOKING = "revoking"
    REVOKED = "revoked"


_REVOKING_SQL = text("status = 'revoking'")


class BillingKey(Model):
    """A registered card, account or wallet; `fingerprint` finds the row.

    `card_issuer` is the issuer, the bank or the wallet; `card_number` is masked by Toss, and empty
    where a wallet has none; `card_tail` is its last four characters. `receipt_kind` stands where
    the customer wants a cash receipt of every transfer.

    `suspected_at` stands where somebody said that Toss deleted it, which nothing can prove: it is
    not charged and not erased, and the customer is asked to register a card.
    """

    __table_args__ = (
        Index(
            "ix_billing_key_revoking",
            "id",
            sqlite_where=_REVOKING_SQL,
            postgresql_where=_REVOKING_SQL,
        ),
        CheckConstraint(
            "(status = 'revoked') = (ciphertext IS NULL)", name="ciphertext_until_revoked"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    status: Mapped[BillingKeyStatus] = mapped_column(default=BillingKeyStatus.ACTIVE)
    ciphertext: Mapped[str | None] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    method: Mapped[str] = mapped_column(String(50))
    card_issuer: Mapped[str] = mapped_column(String(50))
    card_number: Mapped[str] = mapped_column(String(50))
    card_tail: Mapped[str] = mapped_column(
        String(4),
        index=True,
        default=lambda context: context.get_current_parameters()["card_number"][-4:],
    )
    card_type: Mapped[str | None] = mapped_column(String(50))
    owner_type: Mapped[str | None] = mapped_column(String(50))
    is_wallet: Mapped[bool] = mapped_column(default=False)
    receipt_kind: Mapped[str | None] = mapped_column(String(20))
    receipt_identity_ciphertext: Mapped[str | None] = mapped_column(Text)
    key_pair: Mapped[str] = mapped_column(String(10))
    m_id: Mapped[str] = mapped_column(String(50))
    secret_fingerprint: Mapped[str] = mapped_column(String(16))
    issued_at: Mapped[datetime]
    suspected_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revocation_tries: Mapped[int] = mapped_column(default=0)
    next_revocation_at: Mapped[datetime | None]

    @classmethod
    def to_revoke(cls, *, now: datetime, after: Any = None, limit: int) -> list[Any]:
        """Return ids of keys to be deleted at Toss, none while an attempt of it is pending."""
        pending = select(PaymentAttempt.id).where(
            PaymentAttempt.billing_key_id == cls.id, PaymentAttempt.status == AttemptStatus.PENDING
        )
        query = (
            select(cls.id)
            .where(cls.status == BillingKeyStatus.REVOKING, ~pending.exists())
            .where((cls.next_revocation_at.is_(None)) | (cls.next_revocation_at <= now))
        )
        return batch(query, after=after, limit=limit)

    @classmethod
    def with_plain(cls, plain: str, vault: Vault) -> "BillingKey | None":
        """Return the row of this billing key, whichever secret was the newest when it came."""
        return db.session.scalar(select(cls).where(cls.fingerprint.in_(vault.fingerprints(plain))))

    @classmethod
    def users_with_tail(cls, digits: str, *, limit: int) -> list[int]:
        """Return who registered a card that ends with these four digits.

        Toss masks some of the last digits as well: a masked one may be any.
        """
        written = [digits[:4], f"{digits[:3]}*", f"{digits[:2]}**"]
        query = select(cls.user_id).where(cls.card_tail.in_(written))
        return list(db.session.scalars(query.order_by(cls.id.desc()).limit(limit)))

    @property
    def is_active(self) -> bool:
        """Test whether this card may be charged."""
        return self.status is BillingKeyStatus.ACTIVE

    @property
    def is_suspect(self) -> bool:
        """Test whether it may be gone at Toss: not charged until another card is registered."""
        return self.suspected_at is not None

    def suspect(self, *, now: datetime) -> None:
        """Stop charging a card that may be gone; destroy nothing."""
        self.suspected_at = now

    def come_back(self, ciphertext: str) -> None:
        """Charge it again: the customer registered the same card anew."""
        self.status = BillingKeyStatus.ACTIVE
        self.ciphertext = ciphertext
        self.suspected_at = None

    def want_receipts(self, kind: str | None, identity_ciphertext: str | None) -> None:
        """Ask for a cash receipt of every payment from now on; None for none."""
        self.receipt_kind = kind
        self.receipt_identity_ciphertext = identity_ciphertext if kind else None

    def plain(self, vault: Vault) -> str:
        """Return the key itself, for one call to the gateway."""
        if self.ciphertext is None:
            raise InvalidTransition(f"billing key {self.id} is revoked")
        return vault.decrypt(self.ciphertext)

    def begin_revocation(self) -> None:
        """Stop charging this card for good; Toss is told afterwards."""
        if self.status is BillingKeyStatus.ACTIVE:
            self.status = BillingKeyStatus.REVOKING

    def finish_revocation(self, *, now: datetime) -> None:
        """Erase the key: Toss deleted it, or will never hear of it again."""
        if self.status is not BillingKeyStatus.REVOKING:
            raise InvalidTransition(f"billing key {self.id} is {self.status}, not revoking")
        self.status = BillingKeyStatus.REVOKED
        self.ciphertext = None
        self.want_receipts(None, None)
        self.revoked_at = now

    def postpone_revocation(self, *, until: datetime) -> None:
        """Remember that Toss did not answer, and when to ask again."""
        self.revocation_tries += 1
        self.next_revocation_at = until
