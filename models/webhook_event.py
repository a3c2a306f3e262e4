"""A webhook event: what somebody posted as Toss, kept before anything is made of it."""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, select, text
from sqlalchemy.dialects.postgresql import insert as insert_on_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_on_sqlite
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InvalidTransition, Model, batch, db
from models.vault import Vault

MAX_TRIES = 12


class WebhookStatus(StrEnum):
    """`pending` until Toss was asked; `ignored`: nothing here knows it; `dead`: given up."""

    PENDING = "pending"
    DONE = "done"
    IGNORED = "ignored"
    DEAD = "dead"


_PENDING_SQL = text("status = 'pending'")
_DEAD_SQL = text("status = 'dead'")


class WebhookEvent(Model):
    """One transmission; the body is encrypted, as it may hold secrets of a payment.

    A repeat of a transmission id, or of a body that came without one, adds no row.
    `subscription_id` is what it turned out to speak of.
    """

    __table_args__ = (
        Index(
            "ix_webhook_event_pending",
            "next_try_at",
            "id",
            sqlite_where=_PENDING_SQL,
            postgresql_where=_PENDING_SQL,
        ),
        Index("ix_webhook_event_dead", "id", sqlite_where=_DEAD_SQL, postgresql_where=_DEAD_SQL),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    transmission_id: Mapped[str] = mapped_column(String(100), unique=True)
    event_type: Mapped[str] = mapped_column(String(50))
    ciphertext: Mapped[str] = mapped_column(Text)
    status: Mapped[WebhookStatus]
    tries: Mapped[int] = mapped_column(default=0)
    received_at: Mapped[datetime] = mapped_column(index=True)
    next_try_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscription.id"), index=True)

    @classmethod
    def keep(
        cls,
        body: bytes,
        *,
        transmission_id: str,
        event_type: str,
        is_of_use: bool,
        vault: Vault,
        now: datetime,
    ) -> None:
        """Add an event, unless it came before; what is of no use is kept and left alone."""
        key = transmission_id[:100] or f"body-{hashlib.sha256(body).hexdigest()}"
        values = {
            "transmission_id": key,
            "event_type": event_type[:50],
            "ciphertext": vault.encrypt(body.decode("utf-8", "replace")),
            "status": WebhookStatus.PENDING if is_of_use else WebhookStatus.IGNORED,
            "tries": 0,
            "received_at": now,
            "next_try_at": now,
            "settled_at": None if is_of_use else now,
        }
        db.session.execute(_insert_new(db.engine.dialect.name), values)

    @classmethod
    def pending(cls, *, now: datetime | None, after: Any = None, limit: int) -> list[Any]:
        """Return (instant, id) of events to be settled; with an instant, those that are due."""
        query = select(cls.next_try_at, cls.id).where(cls.status == WebhookStatus.PENDING)
        if now is not None:
            query = query.where(cls.next_try_at <= now)
        return batch(query, after=after, limit=limit)

    @classmethod
    def expired(cls, *, before: datetime, after: Any = None, limit: int) -> list[Any]:
        """Return (instant, id) of events that came before and are not to be kept any longer."""
        query = select(cls.received_at, cls.id).where(cls.received_at < before)
        return batch(query, after=after, limit=limit)

    @classmethod
    def locked(cls, event_id: int) -> "WebhookEvent":
        """Return an event as it is now, its row locked until the commit."""
        return db.session.get_one(cls, event_id, with_for_update=True, populate_existing=True)

    @classmethod
    def dead_ones(cls, limit: int) -> list["WebhookEvent"]:
        """Return the events that were given up, the oldest first."""
        query = select(cls).filter_by(status=WebhookStatus.DEAD).order_by(cls.id)
        return list(db.session.scalars(query.limit(limit)))

    @property
    def is_pending(self) -> bool:
        """Test whether nothing was made of it yet."""
        return self.status is WebhookStatus.PENDING

    @property
    def is_dead(self) -> bool:
        """Test whether it was given up, and a person must look."""
        return self.status is WebhookStatus.DEAD

    def body(self, vault: Vault) -> str:
        """Return what was posted."""
        return vault.decrypt(self.ciphertext)

    def settle(self, *, was_ours: bool, subscription_id: int | None, now: datetime) -> None:
        """Note that it was acted on, or that nothing here knows what it speaks of."""
        self.status = WebhookStatus.DONE if was_ours else WebhookStatus.IGNORED
        self.subscription_id = subscription_id
        self.settled_at = now

    def revive(self, *, now: datetime) -> None:
        """Try again what was given up, from the first try on."""
        self._must_be_dead()
        self.status = WebhookStatus.PENDING
        self.tries = 0
        self.settled_at = None
        self.next_try_at = now

    def drop(self) -> None:
        """Leave an event that was given up as it is: the merchant has seen to it otherwise."""
        self._must_be_dead()
        self.status = WebhookStatus.IGNORED

    def _must_be_dead(self) -> None:
        if self.status is not WebhookStatus.DEAD:
            raise InvalidTransition(f"webhook event {self.id} is {self.status}, not dead")

    def postpone(self, *, now: datetime) -> bool:
        """Try again later; False where this was the last try."""
        self.tries += 1
        if self.tries >= MAX_TRIES:
            self.status = WebhookStatus.DEAD
            self.settled_at = now
            return False
        self.next_try_at = now + timedelta(seconds=min(2**self.tries * 15, 6 * 3600))
        return True


def _insert_new(dialect: str) -> Any:
    insert = insert_on_postgresql if dialect == "postgresql" else insert_on_sqlite
    return insert(WebhookEvent).on_conflict_do_nothing()
