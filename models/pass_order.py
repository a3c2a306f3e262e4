"""A pass order: one customer's way from a quote through Toss's window to days of access, once."""

import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    Select,
    String,
    bindparam,
    select,
    text,
    tuple_,
)
from sqlalchemy.orm import Mapped, contains_eager, joinedload, lazyload, mapped_column, relationship
from sqlalchemy.sql.base import ExecutableOption

from models.base import InvalidTransition, Model, batch, db
from models.payment import Payment
from models.plan import Plan
from models.quote import Quote
from models.subscription import EndReason
from models.user import User
from rules.periods import Period, seoul_date
from rules.wording import Language

if TYPE_CHECKING:
    from models.payment_request import PaymentRequest


class PassStatus(StrEnum):
    """How far an order came.

    `open`: the consents are stored, the window may be open. `confirming`: the customer came back
    with a payment key, which is stored, and nobody knows yet whether the money moved. `paid`: the
    pass is granted. `failed`, `expired`: no money moved. `set_aside` waits for a person.
    """

    OPEN = "open"
    CONFIRMING = "confirming"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    SET_ASIDE = "set_aside"


class PassFailure(StrEnum):
    """Whose turn it is after an order that came to nothing."""

    CARD = "card"
    MERCHANT = "merchant"
    OVERLAP = "overlap"
    TOO_LATE = "too_late"
    ABANDONED = "abandoned"
    RESOLVED = "resolved"


CONFIRM_WITHIN = timedelta(minutes=10)
"""How long after a customer came back Toss takes a confirmation; later no money can move."""
ANNOUNCE_END = timedelta(days=3)
"""How long before its last day's end a customer is told that a pass ends."""

_OPEN_SQL = text("status = 'open'")
_CONFIRMING_SQL = text("status = 'confirming'")
_IN_FLIGHT_SQL = text("status IN ('confirming', 'set_aside')")
_SET_ASIDE_SQL = text("status = 'set_aside'")
_TO_ANNOUNCE_SQL = text("announce_end_on IS NOT NULL")
_CAME_TO_NOTHING = (PassStatus.FAILED, PassStatus.EXPIRED)


class PassOrder(Model):
    """Its unguessable id is Toss's order id. Days are Seoul days, `ends_on` is not served any more.

    `payment_key` came in a redirect and proves nothing; the payment row is what Toss said. Timers
    (`next_look_up_at`, `resend_after`, `leased_until`) are those of the wire. `ended_at` stands
    where a pass was given back, or its money, before its days were over. `told_of_subscription`:
    the page said before the button that a subscription goes on beside it.
    """

    __table_args__ = (
        Index(
            "uq_pass_order_in_flight",
            "user_id",
            unique=True,
            sqlite_where=_IN_FLIGHT_SQL,
            postgresql_where=_IN_FLIGHT_SQL,
        ),
        Index("ix_pass_order_newest", "created_at", "id"),
        Index(
            "ix_pass_order_open",
            "expires_at",
            "id",
            sqlite_where=_OPEN_SQL,
            postgresql_where=_OPEN_SQL,
        ),
        Index(
            "ix_pass_order_confirming",
            "next_look_up_at",
            "id",
            sqlite_where=_CONFIRMING_SQL,
            postgresql_where=_CONFIRMING_SQL,
        ),
        Index(
            "ix_pass_order_set_aside",
            "id",
            sqlite_where=_SET_ASIDE_SQL,
            postgresql_where=_SET_ASIDE_SQL,
        ),
        Index(
            "ix_pass_order_to_announce",
            "announce_end_on",
            "id",
            sqlite_where=_TO_ANNOUNCE_SQL,
            postgresql_where=_TO_ANNOUNCE_SQL,
        ),
        CheckConstraint("amount_won > 0", name="amount_positive"),
        CheckConstraint(
            "tax_free_won >= 0 AND tax_free_won <= amount_won", name="tax_free_within_amount"
        ),
        CheckConstraint("starts_on < ends_on", name="period_forward"),
        CheckConstraint(
            "status NOT IN ('confirming', 'paid', 'set_aside') OR payment_key IS NOT NULL",
            name="confirming_with_key",
        ),
        CheckConstraint("(payment_key IS NULL) = (came_back_at IS NULL)", name="key_with_its_time"),
        CheckConstraint(
            "(status = 'confirming') = (next_look_up_at IS NOT NULL)", name="confirming_with_timer"
        ),
        CheckConstraint(
            "(status IN ('open', 'confirming')) = (settled_at IS NULL)", name="settled_with_time"
        ),
        CheckConstraint(
            "(status IN ('failed', 'expired')) = (failure_kind IS NOT NULL)",
            name="failed_with_kind",
        ),
        CheckConstraint(
            "(ended_at IS NULL) = (end_reason IS NULL) AND (ended_at IS NULL OR status = 'paid')",
            name="ended_with_reason",
        ),
        CheckConstraint(
            "announce_end_on IS NULL OR (status = 'paid' AND ended_at IS NULL)",
            name="announced_while_granted",
        ),
    )

    id: Mapped[str] = mapped_column(
        String(64), primary_key=True, default=lambda: f"pass-{secrets.token_urlsafe(24)}"
    )
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"))
    quote_id: Mapped[int] = mapped_column(ForeignKey("quote.id"), index=True)
    order_name: Mapped[str] = mapped_column(String(100))
    amount_won: Mapped[int]
    tax_free_won: Mapped[int]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    is_domestic: Mapped[bool] = mapped_column(default=False)
    told_of_subscription: Mapped[bool] = mapped_column(default=False)
    status: Mapped[PassStatus] = mapped_column(default=PassStatus.OPEN)
    payment_key: Mapped[str | None] = mapped_column(String(200))
    idempotency_key: Mapped[str] = mapped_column(String(36), default=lambda: str(uuid4()))
    key_pair: Mapped[str] = mapped_column(String(10))
    secret_fingerprint: Mapped[str] = mapped_column(String(16))
    leased_until: Mapped[datetime | None]
    next_look_up_at: Mapped[datetime | None]
    resend_after: Mapped[datetime | None]
    failure_kind: Mapped[PassFailure | None]
    failure_code: Mapped[str | None] = mapped_column(String(100))
    reported_code: Mapped[str | None] = mapped_column(String(100))
    reported_message: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    came_back_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    announce_end_on: Mapped[date | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[EndReason | None]
    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    plan: Mapped[Plan] = relationship(lazy="joined", innerjoin=True)
    quote: Mapped[Quote] = relationship()
    payment: Mapped[Payment | None] = relationship(back_populates="pass_order")
    requests: Mapped[list["PaymentRequest"]] = relationship(
        order_by="PaymentRequest.id", viewonly=True
    )

    @classmethod
    def begin(
        cls,
        quote: Quote,
        *,
        is_domestic: bool,
        told_of_subscription: bool,
        key_pair: str,
        secret_fingerprint: str,
        language: Language,
        now: datetime,
    ) -> "PassOrder":
        """Add the order of what was quoted, named in a language, before the window opens."""
        order = cls(
            user_id=quote.user_id,
            plan=quote.plan,
            quote=quote,
            order_name=quote.plan.words_in(language)["name"],
            amount_won=quote.amount_won,
            tax_free_won=quote.tax_free_won,
            starts_on=quote.period_start_on,
            ends_on=quote.period_end_on,
            is_domestic=is_domestic,
            told_of_subscription=told_of_subscription,
            key_pair=key_pair,
            secret_fingerprint=secret_fingerprint,
            created_at=now,
            expires_at=quote.expires_at,
        )
        db.session.add(order)
        db.session.flush()
        return order

    @classmethod
    def locked(cls, order_id: str) -> "PassOrder":
        """Return an order as it is now, its row locked until the commit.

        What the session had read before is read again.
        """
        db.session.flush()
        db.session.expire_all()
        db.session.scalars(select(cls.id).filter_by(id=order_id).with_for_update()).one()
        return db.session.get_one(cls, order_id)

    @classmethod
    def granted_to(cls, user_id: int, *, from_on: date) -> Sequence["PassOrder"]:
        """Return the passes whose days are not over on a day, in the order of their days."""
        query = select(cls).where(
            cls.user_id == user_id,
            cls.status == PassStatus.PAID,
            cls.ended_at.is_(None),
            cls.ends_on > from_on,
        )
        return db.session.scalars(query.order_by(cls.starts_on, cls.created_at)).all()

    @classmethod
    def in_flight_for(cls, user_id: int) -> "PassOrder | None":
        """Return the order that is being confirmed for a customer, or waits for the merchant."""
        query = select(cls).filter_by(user_id=user_id).where(_IN_FLIGHT_SQL)
        return db.session.scalar(query.limit(1))

    @classmethod
    def paid_by(cls, user_id: int, *, limit: int | None = None) -> Sequence["PassOrder"]:
        """Return every pass that a customer ever paid for, newest first."""
        query = select(cls).filter_by(user_id=user_id, status=PassStatus.PAID)
        query = query.order_by(cls.settled_at.desc()).options(joinedload(cls.payment))
        return db.session.scalars(query.limit(limit)).all()

    @classmethod
    def beside_last_payments(
        cls, user_id: int, *, today: date, limit: int
    ) -> tuple[Sequence["PassOrder"], Sequence[Payment]]:
        """Return the passes of a customer that are not over, and their last payments, newest first.

        By one query: a page about something else shows both.
        """
        given = {"user_id": user_id, "today": today, "limit": limit}
        found = db.session.scalars(_beside_last_payments(), given).all()
        orders = [one.pass_order for one in found if one.pass_order is not None]
        left = [one for one in orders if one.is_paid and not one.is_ended and one.ends_on > today]
        return left, found[:limit]

    @classmethod
    def last_of_user(cls, user_id: int, *, limit: int) -> Sequence["PassOrder"]:
        """Return a customer's last orders, newest first, whatever became of them."""
        query = select(cls).filter_by(user_id=user_id).order_by(cls.created_at.desc())
        return db.session.scalars(query.limit(limit)).all()

    @classmethod
    def listed(cls, limit: int, *, before: str = "") -> Sequence["PassOrder"]:
        """Return orders, newest first; with `before`, those that are older than that one."""
        query = select(cls).order_by(cls.created_at.desc(), cls.id.desc()).limit(limit)
        last = db.session.get(cls, before) if before else None
        if last is not None:
            query = query.where(tuple_(cls.created_at, cls.id) < tuple_(last.created_at, last.id))
        return db.session.scalars(query).all()

    @classmethod
    def set_aside_ones(cls, limit: int) -> Sequence["PassOrder"]:
        """Return what only the merchant can go on with, the oldest first."""
        query = select(cls).where(_SET_ASIDE_SQL).order_by(cls.id).limit(limit)
        return db.session.scalars(query).all()

    @classmethod
    def confirming(cls, *, now: datetime | None, after: Any = None, limit: int) -> list[Any]:
        """Return (instant, id) of orders that nobody works on; with an instant, those due."""
        query = select(cls.next_look_up_at, cls.id).where(_CONFIRMING_SQL)
        if now is not None:
            query = query.where(cls.next_look_up_at <= now)
        return batch(query, after=after, limit=limit)

    @classmethod
    def to_abandon(cls, *, expired_before: datetime, after: Any = None, limit: int) -> list[Any]:
        """Return (instant, id) of orders whose customer never came back from the window."""
        query = select(cls.expires_at, cls.id).where(_OPEN_SQL, cls.expires_at < expired_before)
        return batch(query, after=after, limit=limit)

    @classmethod
    def to_announce(cls, today: date, *, after: Any = None, limit: int) -> list[Any]:
        """Return (day, id) of passes whose customer is to be told of their end."""
        query = select(cls.announce_end_on, cls.id).where(
            _TO_ANNOUNCE_SQL, cls.announce_end_on <= today
        )
        return batch(query, after=after, limit=limit)

    @property
    def period(self) -> Period:
        """Return the days that it pays for."""
        return Period(self.starts_on, self.ends_on)

    @property
    def current_payment(self) -> Payment | None:
        """Return the payment that lets its customer in, as a subscription does."""
        return self.payment if self.is_paid else None

    @property
    def is_open(self) -> bool:
        """Test whether the customer has not come back from the window yet."""
        return self.status is PassStatus.OPEN

    @property
    def is_confirming(self) -> bool:
        """Test whether nobody knows yet whether the money moved."""
        return self.status is PassStatus.CONFIRMING

    @property
    def is_unsettled(self) -> bool:
        """Test whether the customer came back and what came of it is not decided."""
        return self.status in (PassStatus.CONFIRMING, PassStatus.SET_ASIDE)

    @property
    def is_set_aside(self) -> bool:
        """Test whether only the merchant can go on with it."""
        return self.status is PassStatus.SET_ASIDE

    @property
    def is_paid(self) -> bool:
        """Test whether the money moved and the pass was granted."""
        return self.status is PassStatus.PAID

    @property
    def is_ended(self) -> bool:
        """Test whether it was given back before its days were over."""
        return self.ended_at is not None

    @property
    def came_to_nothing(self) -> bool:
        """Test whether it ended without a payment."""
        return self.status in _CAME_TO_NOTHING

    def has_expired(self, now: datetime) -> bool:
        """Test whether it is too late to come back from the window."""
        return self.is_open and now >= self.expires_at

    def is_too_late_to_confirm(self, now: datetime) -> bool:
        """Test whether Toss takes no confirmation of it any more."""
        return self.came_back_at is not None and now >= self.came_back_at + CONFIRM_WITHIN

    def is_leased(self, now: datetime) -> bool:
        """Test whether a process is working on it now."""
        return self.leased_until is not None and now < self.leased_until

    def grants_access(self, now: datetime) -> bool:
        """Test whether its customer may read now."""
        return (
            self.is_paid and not self.is_ended and self.starts_on <= seoul_date(now) < self.ends_on
        )

    def is_over(self, now: datetime) -> bool:
        """Test whether its days are over, or it was given back."""
        return self.is_ended or seoul_date(now) >= self.ends_on

    def come_back(self, payment_key: str, *, now: datetime) -> None:
        """Keep the payment key that the customer brought back, before anything is confirmed."""
        self._must_be(PassStatus.OPEN)
        self.status = PassStatus.CONFIRMING
        self.payment_key = payment_key
        self.came_back_at = self.next_look_up_at = now

    def lease(self, *, until: datetime) -> None:
        """Reserve this order for one process."""
        self._must_be(PassStatus.CONFIRMING)
        self.leased_until = self.next_look_up_at = until

    def note_sending(
        self, *, secret_fingerprint: str, look_up_at: datetime, resend_after: datetime
    ) -> None:
        """Remember with which key a request is about to leave, and when to ask about it."""
        self._must_be(PassStatus.CONFIRMING)
        self.secret_fingerprint = secret_fingerprint
        self.leased_until = self.next_look_up_at = look_up_at
        self.resend_after = resend_after

    def look_up_again(self, *, at: datetime) -> None:
        """Give the lease back, and remember when to ask Toss about this order."""
        self._must_be(PassStatus.CONFIRMING)
        self.leased_until = None
        self.next_look_up_at = at

    def renew_idempotency_key(self) -> None:
        """Take a new key: the old one would replay a passing refusal."""
        self._must_be(PassStatus.CONFIRMING)
        self.idempotency_key = str(uuid4())

    def pay(self, *, now: datetime) -> None:
        """Note that the money moved: the pass is granted."""
        self._settle(PassStatus.PAID, now)
        self.announce_end_on = max(seoul_date(now), self.ends_on - ANNOUNCE_END)

    def fail(self, kind: PassFailure, code: str | None, *, now: datetime) -> None:
        """End it without a payment."""
        is_late = kind in (PassFailure.TOO_LATE, PassFailure.ABANDONED)
        self._settle(PassStatus.EXPIRED if is_late else PassStatus.FAILED, now)
        self.failure_kind = kind
        self.failure_code = code and code[:100]

    def set_aside(self, code: str, *, now: datetime) -> None:
        """Leave it to the merchant: Toss answered something else than was asked, or nothing."""
        self._must_be(PassStatus.CONFIRMING)
        self._settle(PassStatus.SET_ASIDE, now)
        self.failure_code = code[:100]

    def take_up_again(self, *, now: datetime) -> None:
        """Settle anew what was set aside."""
        self._must_be(PassStatus.SET_ASIDE)
        self.status = PassStatus.CONFIRMING
        self.settled_at = self.failure_code = None
        self.next_look_up_at = now

    def end(self, reason: EndReason, *, now: datetime) -> None:
        """Grant nothing any more."""
        self._must_be(PassStatus.PAID)
        if self.is_ended:
            raise InvalidTransition(f"pass {self.id} has ended")
        self.ended_at = now
        self.end_reason = reason
        self.announce_end_on = None

    def announced(self) -> None:
        """Note that its customer was told of its end."""
        self.announce_end_on = None

    def report(self, code: str | None, message: str | None) -> None:
        """Keep what a redirect said, as somebody's words and no more."""
        self.reported_code = code and code[:100]
        self.reported_message = message and message[:500]

    def age(self, now: datetime) -> timedelta:
        """Return how long ago the customer came back."""
        assert self.came_back_at is not None
        return now - self.came_back_at

    def _settle(self, status: PassStatus, now: datetime) -> None:
        if self.status not in (PassStatus.OPEN, PassStatus.CONFIRMING):
            raise InvalidTransition(f"pass order is {self.status}, settled already")
        self.status = status
        self.settled_at = now
        self.leased_until = self.next_look_up_at = None

    def _must_be(self, status: PassStatus) -> None:
        if self.status is not status:
            raise InvalidTransition(f"pass order is {self.status}, not {status}")


@cache
def _beside_last_payments() -> Select[Payment]:
    """Return the query of `PassOrder.beside_last_payments`, which is long to put together."""
    user_id, today = bindparam("user_id", type_=Integer), bindparam("today", type_=Date)
    newest = Payment.approved_at.desc()
    last = select(Payment.id).where(Payment.user_id == user_id).order_by(newest)
    is_last = Payment.id.in_(select(last.limit(bindparam("limit")).subquery().c.id))
    is_left = (
        (PassOrder.status == PassStatus.PAID)
        & PassOrder.ended_at.is_(None)
        & (PassOrder.ends_on > today)
    )
    return (
        select(Payment)
        .outerjoin(PassOrder, PassOrder.id == Payment.pass_order_id)
        .where(Payment.user_id == user_id, is_last | is_left)
        .options(_with_their_orders())
        .order_by(newest)
    )


def _with_their_orders() -> ExecutableOption:
    """Load the order that was joined to a payment; most payments have none, and stay."""
    plan = joinedload(PassOrder.plan, innerjoin=False).lazyload(Plan.product)
    return contains_eager(Payment.pass_order).options(plan, lazyload(PassOrder.user))
