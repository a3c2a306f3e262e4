"""A checkout: one customer's way from a quote through the card window to a paid subscription."""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import InvalidTransition, Model, batch, db
from models.payment_attempt import PaymentAttempt
from models.plan import Plan
from models.quote import Quote
from models.user import User
from models.vault import Vault

if TYPE_CHECKING:
    from models.invoice import Invoice
    from models.subscription import Subscription


class CheckoutKind(StrEnum):
    """What the customer agreed to: a new subscription, another card, another plan.

    A change of plan needs no card window: it begins `charging`, or `completed` where it waits for
    the end of the paid period.
    """

    SUBSCRIPTION = "subscription"
    CARD_CHANGE = "card_change"
    PLAN_CHANGE = "plan_change"


class WayToPay(StrEnum):
    """What the customer registers: each needs its own contract with Toss."""

    CARD = "card"
    TRANSFER = "transfer"
    TOSSPAY = "tosspay"
    NAVERPAY = "naverpay"


class CheckoutStatus(StrEnum):
    """How far a checkout came.

    `open`: the consents are stored, the window may be open. `authorized`: the customer came back
    with an auth key, which is stored. `charging`: the billing key is stored, the first invoice is
    being collected. `completed`, `failed`: the end. A card change has nothing to collect: it goes
    from `authorized` to `completed`.
    """

    OPEN = "open"
    AUTHORIZED = "authorized"
    CHARGING = "charging"
    COMPLETED = "completed"
    FAILED = "failed"


class FailureKind(StrEnum):
    """Whose turn it is after a failed checkout, and whether a word of it was proved."""

    REGISTRATION = "registration"
    CARD = "card"
    MERCHANT = "merchant"
    DUPLICATE = "duplicate"
    UNANSWERED = "unanswered"
    ENDED = "ended"
    ABANDONED = "abandoned"


PATIENCE = timedelta(hours=1)
"""How long after its quote a change of plan is still charged; later nothing moves."""

_OPEN_SQL = text("status = 'open'")
_UNFINISHED_SQL = text("status IN ('authorized', 'charging')")
_UNFINISHED = (CheckoutStatus.AUTHORIZED, CheckoutStatus.CHARGING)


class Checkout(Model):
    """Binds customer, plan, quote and expiry; its unguessable id travels in the success URL.

    `reported_code` and `reported_message` came in a redirect and prove nothing;
    `failure_code` came in an answer of Toss to us.
    """

    __table_args__ = (
        CheckConstraint(
            "(status = 'authorized') = (auth_key_ciphertext IS NOT NULL)",
            name="auth_key_only_while_authorized",
        ),
        CheckConstraint(
            "(status = 'failed') = (failure_kind IS NOT NULL)", name="failed_with_kind"
        ),
        CheckConstraint(
            "status NOT IN ('charging', 'completed') OR invoice_id IS NOT NULL"
            " OR (kind IN ('card_change', 'plan_change') AND status = 'completed')",
            name="charging_with_invoice",
        ),
        CheckConstraint(
            "(kind = 'subscription' AND quote_id IS NOT NULL AND subscription_id IS NULL)"
            " OR (kind = 'card_change' AND quote_id IS NULL AND subscription_id IS NOT NULL)"
            " OR (kind = 'plan_change' AND quote_id IS NOT NULL AND subscription_id IS NOT NULL)",
            name="one_purpose",
        ),
        Index(
            "ix_checkout_open",
            "expires_at",
            "id",
            sqlite_where=_OPEN_SQL,
            postgresql_where=_OPEN_SQL,
        ),
        Index(
            "ix_checkout_unfinished",
            "authorized_at",
            "id",
            sqlite_where=_UNFINISHED_SQL,
            postgresql_where=_UNFINISHED_SQL,
        ),
    )

    id: Mapped[str] = mapped_column(
        String(43), primary_key=True, default=lambda: secrets.token_urlsafe(32)
    )
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"))
    kind: Mapped[CheckoutKind] = mapped_column(default=CheckoutKind.SUBSCRIPTION)
    way: Mapped[WayToPay] = mapped_column(default=WayToPay.CARD)
    quote_id: Mapped[int | None] = mapped_column(ForeignKey("quote.id"))
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscription.id"), index=True)
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoice.id"), index=True)
    status: Mapped[CheckoutStatus] = mapped_column(default=CheckoutStatus.OPEN)
    auth_key_ciphertext: Mapped[str | None] = mapped_column(Text)
    issue_idempotency_key: Mapped[str] = mapped_column(String(36), default=lambda: str(uuid4()))
    issue_tries: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]
    next_issue_at: Mapped[datetime | None]
    failure_kind: Mapped[FailureKind | None]
    failure_code: Mapped[str | None] = mapped_column(String(100))
    reported_code: Mapped[str | None] = mapped_column(String(100))
    reported_message: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    authorized_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    plan: Mapped[Plan] = relationship(lazy="joined", innerjoin=True)
    quote: Mapped[Quote | None] = relationship(lazy="joined")
    subscription: Mapped["Subscription | None"] = relationship()
    invoice: Mapped["Invoice | None"] = relationship()

    @classmethod
    def plan_change(
        cls,
        subscription: "Subscription",
        quote: Quote,
        *,
        invoice: "Invoice | None",
        now: datetime,
    ) -> "Checkout":
        """Add a change of plan: with an invoice to be collected now, without one for later."""
        checkout = cls(
            kind=CheckoutKind.PLAN_CHANGE,
            user_id=subscription.user_id,
            plan_id=quote.plan_id,
            quote=quote,
            subscription=subscription,
            invoice=invoice,
            status=CheckoutStatus.COMPLETED if invoice is None else CheckoutStatus.CHARGING,
            created_at=now,
            expires_at=quote.expires_at,
            authorized_at=now,
            settled_at=now if invoice is None else None,
        )
        db.session.add(checkout)
        return checkout

    @classmethod
    def locked(cls, checkout_id: str) -> "Checkout":
        """Return a checkout as it is now, its row locked until the commit."""
        query = select(cls).filter_by(id=checkout_id).with_for_update(of=cls)
        return db.session.scalars(query.execution_options(populate_existing=True)).one()

    @classmethod
    def unfinished(
        cls, *, now: datetime, at_once: bool = False, after: Any = None, limit: int
    ) -> list[Any]:
        """Return (instant, id) of checkouts that nobody works on: to be issued, to be charged.

        With `at_once`, also those that wait for their next try.
        """
        attempted = select(PaymentAttempt.id).where(PaymentAttempt.invoice_id == cls.invoice_id)
        query = select(cls.authorized_at, cls.id).where(
            _UNFINISHED_SQL,
            (cls.status == CheckoutStatus.AUTHORIZED) | ~attempted.exists(),
            (cls.leased_until.is_(None)) | (cls.leased_until <= now),
        )
        if not at_once:
            query = query.where((cls.next_issue_at.is_(None)) | (cls.next_issue_at <= now))
        return batch(query, after=after, limit=limit)

    @classmethod
    def to_abandon(cls, *, expired_before: datetime, after: Any = None, limit: int) -> list[Any]:
        """Return (instant, id) of checkouts whose customer never came back from the window."""
        query = select(cls.expires_at, cls.id).where(
            cls.status == CheckoutStatus.OPEN, cls.expires_at < expired_before
        )
        return batch(query, after=after, limit=limit)

    @classmethod
    def charging_for(cls, invoice_id: int) -> "Checkout | None":
        """Return the checkout that waits for this invoice to be collected."""
        return db.session.scalar(
            select(cls)
            .filter_by(invoice_id=invoice_id, status=CheckoutStatus.CHARGING)
            .with_for_update(of=cls)
        )

    @property
    def is_card_change(self) -> bool:
        """Test whether this checkout registers another card for a subscription that runs."""
        return self.kind is CheckoutKind.CARD_CHANGE

    @property
    def is_plan_change(self) -> bool:
        """Test whether this is about another plan for a subscription that runs."""
        return self.kind is CheckoutKind.PLAN_CHANGE

    @property
    def is_open(self) -> bool:
        """Test whether the customer has not come back from the card window yet."""
        return self.status is CheckoutStatus.OPEN

    @property
    def is_unfinished(self) -> bool:
        """Test whether the customer came back and the outcome is not settled."""
        return self.status in _UNFINISHED

    @property
    def is_completed(self) -> bool:
        """Test whether this checkout ended in a paid subscription."""
        return self.status is CheckoutStatus.COMPLETED

    def has_expired(self, now: datetime) -> bool:
        """Test whether it is too late to come back from the card window."""
        return self.is_open and now >= self.expires_at

    def has_lapsed(self, now: datetime) -> bool:
        """Test whether what was agreed to is not to be charged any more: its hour is long over."""
        return self.is_unfinished and now >= self.expires_at + PATIENCE

    def is_leased(self, now: datetime) -> bool:
        """Test whether a process is working on this checkout now."""
        return self.leased_until is not None and now < self.leased_until

    def authorize(self, auth_key: str, *, vault: Vault, now: datetime) -> None:
        """Keep the auth key, encrypted, until it was exchanged."""
        self._must_be(CheckoutStatus.OPEN)
        self.status = CheckoutStatus.AUTHORIZED
        self.auth_key_ciphertext = vault.encrypt(auth_key)
        self.authorized_at = now

    def lease(self, *, until: datetime) -> None:
        """Reserve this checkout for one process."""
        self.leased_until = until

    def postpone_issue(self, *, until: datetime) -> None:
        """Give the lease back and remember when to ask Toss for the billing key again."""
        self._must_be(CheckoutStatus.AUTHORIZED)
        self.leased_until = None
        self.issue_tries += 1
        self.next_issue_at = until

    def renew_idempotency_key(self) -> None:
        """Take a new key: the old one would replay a passing refusal."""
        self.issue_idempotency_key = str(uuid4())

    def begin_charging(self, invoice_id: int) -> None:
        """Note that the billing key is stored, and erase the auth key that made it."""
        self._must_be(CheckoutStatus.AUTHORIZED)
        self.status = CheckoutStatus.CHARGING
        self.invoice_id = invoice_id
        self.auth_key_ciphertext = None
        self.leased_until = self.next_issue_at = None

    def complete(self, *, now: datetime) -> None:
        """Note that the first invoice is paid."""
        self._must_be(CheckoutStatus.CHARGING)
        self._settle(CheckoutStatus.COMPLETED, now)

    def complete_card_change(self, *, now: datetime) -> None:
        """Note that the card is the subscription's now, and erase the auth key."""
        self._must_be(CheckoutStatus.AUTHORIZED)
        self.auth_key_ciphertext = None
        self._settle(CheckoutStatus.COMPLETED, now)

    def abandon(self, *, now: datetime) -> None:
        """Close a checkout whose customer never came back."""
        self._must_be(CheckoutStatus.OPEN)
        self.failure_kind = FailureKind.ABANDONED
        self._settle(CheckoutStatus.FAILED, now)

    def fail(self, kind: FailureKind, code: str | None, *, now: datetime) -> None:
        """End this checkout without a payment."""
        if self.status not in _UNFINISHED:
            raise InvalidTransition(f"checkout is {self.status}, not under way")
        self.failure_kind = kind
        self.failure_code = code and code[:100]
        self.auth_key_ciphertext = None
        self._settle(CheckoutStatus.FAILED, now)

    def report(self, code: str | None, message: str | None) -> None:
        """Keep what a redirect said, as somebody's words and no more."""
        self.reported_code = code and code[:100]
        self.reported_message = message and message[:500]

    def _settle(self, status: CheckoutStatus, now: datetime) -> None:
        self.status = status
        self.next_issue_at = None
        self.leased_until = None
        self.settled_at = now

    def _must_be(self, status: CheckoutStatus) -> None:
        if self.status is not status:
            raise InvalidTransition(f"checkout is {self.status}, not {status}")
