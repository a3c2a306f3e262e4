"""A notice: a mail that is owed, written in the commit of its cause and sent by the worker."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, insert, select, text
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from models.base import InvalidTransition, Model, batch, db
from models.payment import Payment
from models.user import User

MAX_TRIES = 12


class NoticeKind(StrEnum):
    """What a mail is about; each has a template of its own."""

    PASSWORD_RESET = "password_reset"
    CONTRACT = "contract"
    RENEWAL_COMING = "renewal_coming"
    RENEWAL_PAID = "renewal_paid"
    RENEWAL_FAILED = "renewal_failed"
    CARD_CHANGED = "card_changed"
    ENDED_UNPAID = "ended_unpaid"
    TERM_RESTARTED = "term_restarted"
    END_SCHEDULED = "end_scheduled"
    ENDED = "ended"
    REFUNDED = "refunded"
    EXTENDED = "extended"
    PLAN_CHANGED = "plan_changed"
    PLAN_CHANGE_SET = "plan_change_set"
    CARD_SUSPECT = "card_suspect"
    EMAIL_CHANGE = "email_change"
    EMAIL_CHANGED = "email_changed"
    PASS_PAID = "pass_paid"
    PASS_ENDING = "pass_ending"
    PASS_ENDED = "pass_ended"
    ACCOUNT_CLOSED = "account_closed"
    INQUIRY = "inquiry"
    INQUIRY_ANSWERED = "inquiry_answered"
    POLICY_CHANGED = "policy_changed"
    PRICE_ASKED = "price_asked"
    PRICE_AGREED = "price_agreed"
    PRICE_KEPT = "price_kept"
    PRICE_DROPPED = "price_dropped"
    MERCHANT_ALERT = "merchant_alert"


class NoticeStatus(StrEnum):
    """`dead`: given up, a person must look; `dropped`: the merchant looked, and leaves it so."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"
    DROPPED = "dropped"


_PENDING_SQL = text("status = 'pending'")
_DEAD_SQL = text("status = 'dead'")


class Notice(Model):
    """A mail to a user, or to the merchant where there is none. `cause` makes it unique.

    `address` stands where the mail goes elsewhere than to the user's own address, until it left.
    `facts` holds what the template needs and nothing secret.
    """

    __table_args__ = (
        Index(
            "ix_notice_pending",
            "due_at",
            "id",
            sqlite_where=_PENDING_SQL,
            postgresql_where=_PENDING_SQL,
        ),
        Index("ix_notice_dead", "id", sqlite_where=_DEAD_SQL, postgresql_where=_DEAD_SQL),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[NoticeKind]
    cause: Mapped[str] = mapped_column(String(150), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"), index=True)
    address: Mapped[str | None] = mapped_column(String(100))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[NoticeStatus] = mapped_column(default=NoticeStatus.PENDING)
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(300))
    user: Mapped[User | None] = relationship()

    @classmethod
    def owe(
        cls,
        kind: NoticeKind,
        *,
        cause: str,
        now: datetime,
        user_id: int | None = None,
        address: str | None = None,
        facts: dict[str, Any] | None = None,
        may_be_known: bool = False,
    ) -> None:
        """Add a notice; where one of this cause `may_be_known`, only if there is none yet."""
        if may_be_known and db.session.scalar(select(cls.id).filter_by(cause=cause)) is not None:
            return
        values = {
            "kind": kind,
            "cause": cause,
            "user_id": user_id,
            "address": address,
            "facts": facts or {},
            "created_at": now,
            "due_at": now,
        }
        db.session.connection().execute(_OWE, values)

    @classmethod
    def due(cls, *, now: datetime, after: Any = None, limit: int) -> list[Any]:
        """Return (instant, id) of notices to be sent now."""
        query = select(cls.due_at, cls.id).where(
            cls.status == NoticeStatus.PENDING, cls.due_at <= now
        )
        return batch(query, after=after, limit=limit)

    @classmethod
    def with_cause(cls, cause: str) -> "Notice | None":
        """Return the notice that was written for this cause."""
        return db.session.scalar(select(cls).filter_by(cause=cause))

    @classmethod
    def newest(cls, count: int) -> list["Notice"]:
        """Return the last mails that were written, newest first."""
        return list(db.session.scalars(select(cls).order_by(cls.id.desc()).limit(count)))

    @classmethod
    def dead_ones(cls, limit: int) -> list["Notice"]:
        """Return the mails that were given up, the oldest first."""
        query = select(cls).filter_by(status=NoticeStatus.DEAD).options(joinedload(cls.user))
        return list(db.session.scalars(query.order_by(cls.id).limit(limit)))

    @classmethod
    def about_payment(cls, payment: Payment) -> list["Notice"]:
        """Return its customer's mails about the invoice or the pass it is for, oldest first."""
        about = (
            ("invoice_id", payment.invoice_id)
            if payment.invoice_id is not None
            else ("pass_order_id", payment.pass_order_id)
        )
        mine = db.session.scalars(select(cls).filter_by(user_id=payment.user_id).order_by(cls.id))
        return [notice for notice in mine if about in notice.facts.items()]

    @property
    def is_pending(self) -> bool:
        """Test whether this notice is still owed."""
        return self.status is NoticeStatus.PENDING

    @property
    def is_dead(self) -> bool:
        """Test whether it was given up, and a person must look."""
        return self.status is NoticeStatus.DEAD

    @property
    def is_to_customer(self) -> bool:
        """Test whether this mail goes to anybody but the merchant."""
        return self.user_id is not None or self.address is not None

    def lease(self, *, until: datetime) -> None:
        """Reserve this notice for one process and count the try."""
        self._must_be_pending()
        self.tries += 1
        self.due_at = until

    def mark_sent(self, *, now: datetime) -> None:
        """Note that the mail left."""
        self._must_be_pending()
        self.status = NoticeStatus.SENT
        self.sent_at = now
        self.address = self.last_error = None

    def postpone(self, error: str, *, now: datetime) -> None:
        """Try again later, or give up after the last try."""
        self._must_be_pending()
        self.last_error = error[:300]
        if self.tries >= MAX_TRIES:
            self.status = NoticeStatus.DEAD
        else:
            self.due_at = now + timedelta(seconds=min(2**self.tries * 15, 6 * 3600))

    def give_up(self, error: str) -> None:
        """Stop trying: this mail can never be delivered."""
        self._must_be_pending()
        self.status = NoticeStatus.DEAD
        self.last_error = error[:300]

    def drop(self) -> None:
        """Leave a mail that was given up as it is: the merchant has seen to it otherwise."""
        self._must_be_dead()
        self.status = NoticeStatus.DROPPED

    def revive(self, *, now: datetime) -> None:
        """Try again what was given up, from the first try on."""
        self._must_be_dead()
        self.status = NoticeStatus.PENDING
        self.tries = 0
        self.due_at = now

    def repeat(self, *, cause: str, now: datetime) -> None:
        """Owe the same mail to the same reader once more."""
        Notice.owe(
            self.kind,
            cause=cause,
            user_id=self.user_id,
            facts=self.facts,
            now=now,
            may_be_known=True,
        )

    def _must_be_dead(self) -> None:
        if self.status is not NoticeStatus.DEAD:
            raise InvalidTransition(f"notice {self.id} is {self.status}, not dead")

    def _must_be_pending(self) -> None:
        if not self.is_pending:
            raise InvalidTransition(f"notice {self.id} is {self.status}, not pending")


_OWE = insert(Notice)
