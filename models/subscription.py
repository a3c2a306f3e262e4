"""A subscription: a customer's agreement to a plan, and who may read on the strength of it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    bindparam,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.orm import (
    Mapped,
    defer,
    joinedload,
    lazyload,
    load_only,
    mapped_column,
    relationship,
)
from sqlalchemy.sql.base import ExecutableOption

from models.base import InvalidTransition, Model, batch, db
from models.billing_key import BillingKey
from models.breaker import Breaker
from models.payment import Payment
from models.plan import Plan
from models.product import Product
from models.quote import Quote
from models.user import User
from rules.collection_terms import next_reminder_on
from rules.periods import Period, seoul_date, seoul_instant

if TYPE_CHECKING:
    from models.invoice import Invoice
    from models.price_change import PriceChange


class SubscriptionStatus(StrEnum):
    """`incomplete` → `active` ⇄ `past_due` → `ended`; cancelling is `active` with an `ends_at`."""

    INCOMPLETE = "incomplete"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    ENDED = "ended"


class SubscriptionGroup(StrEnum):
    """What the merchant lists together; `leaving`: its end is scheduled."""

    ALL = "all"
    ACTIVE = "active"
    PAST_DUE = "past-due"
    LEAVING = "leaving"
    INCOMPLETE = "incomplete"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a subscription is over."""

    CANCELED = "canceled"
    MERCHANT_ERROR = "merchant_error"
    UNPAID = "unpaid"
    ABANDONED = "abandoned"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"
    REFUNDED = "refunded"
    BY_MERCHANT = "by_merchant"


_LIVE = (SubscriptionStatus.INCOMPLETE, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)
_LIVE_SQL = text("status IN ('incomplete', 'active', 'past_due')")
_TO_CHARGE_SQL = text("next_charge_on IS NOT NULL")
_TO_REMIND_SQL = text("next_reminder_on IS NOT NULL")
_PAST_DUE_SQL = text("status = 'past_due'")
_INCOMPLETE_SQL = text("status = 'incomplete'")
_ACTIVE_SQL = text("status = 'active'")
_ENDED_SQL = text("status = 'ended'")
_LEAVING_SQL = text("ends_at IS NOT NULL AND status <> 'ended'")


class Subscription(Model):
    """One agreement. Days are Seoul days: `paid_until_on` is the first day that is not served.

    It is the end of the period that was paid for, or later where the merchant gave more days.

    `next_charge_on` is the day on which the shop begins a charge of its own accord; there is none
    while an attempt is in flight, or where only the customer or the merchant can go on.
    `next_reminder_on` is the day on which the customer is told of the next renewal.
    `grace_ends_on` stands while past due: the first day on which the subscription is given up.
    `held_since` stands while the merchant must decide about an invoice; access goes on.
    `next_plan` is what the customer chose for the time from `next_quote`'s first day on: another
    plan after the paid period, or a higher price from one of the next periods on. `price_change`
    is the higher price that its customer may still answer.
    """

    __table_args__ = (
        Index(
            "uq_subscription_live",
            "user_id",
            "product_id",
            unique=True,
            sqlite_where=_LIVE_SQL,
            postgresql_where=_LIVE_SQL,
        ),
        Index(
            "ix_subscription_to_charge",
            "next_charge_on",
            "id",
            sqlite_where=_TO_CHARGE_SQL,
            postgresql_where=_TO_CHARGE_SQL,
        ),
        Index(
            "ix_subscription_to_remind",
            "next_reminder_on",
            "id",
            sqlite_where=_TO_REMIND_SQL,
            postgresql_where=_TO_REMIND_SQL,
        ),
        Index(
            "ix_subscription_past_due",
            "grace_ends_on",
            "id",
            sqlite_where=_PAST_DUE_SQL,
            postgresql_where=_PAST_DUE_SQL,
        ),
        Index(
            "ix_subscription_incomplete",
            "created_at",
            "id",
            sqlite_where=_INCOMPLETE_SQL,
            postgresql_where=_INCOMPLETE_SQL,
        ),
        Index(
            "ix_subscription_leaving",
            "ends_at",
            "id",
            sqlite_where=_LEAVING_SQL,
            postgresql_where=_LEAVING_SQL,
        ),
        Index(
            "ix_subscription_active",
            "id",
            sqlite_where=_ACTIVE_SQL,
            postgresql_where=_ACTIVE_SQL,
        ),
        Index(
            "ix_subscription_ended",
            "ended_at",
            "id",
            sqlite_where=_ENDED_SQL,
            postgresql_where=_ENDED_SQL,
        ),
        CheckConstraint("term_no >= 1 AND period_no >= 0", name="numbers_not_negative"),
        CheckConstraint(
            "(status = 'past_due') = (past_due_since IS NOT NULL)"
            " AND (status = 'past_due') = (grace_ends_on IS NOT NULL)",
            name="past_due_whole",
        ),
        CheckConstraint(
            "next_charge_on IS NULL OR (status IN ('active', 'past_due') AND ends_at IS NULL"
            " AND held_since IS NULL)",
            name="charged_only_while_running",
        ),
        CheckConstraint(
            "next_reminder_on IS NULL OR (status = 'active' AND ends_at IS NULL)",
            name="reminded_only_while_active",
        ),
        CheckConstraint(
            "status NOT IN ('active', 'past_due') OR paid_until_on IS NOT NULL",
            name="paid_until_while_running",
        ),
        CheckConstraint(
            "(next_plan_id IS NULL) = (next_quote_id IS NULL)"
            " AND (next_plan_id IS NULL"
            " OR (status IN ('active', 'past_due') AND ends_at IS NULL))",
            name="next_plan_whole",
        ),
        CheckConstraint("(status = 'ended') = (ended_at IS NOT NULL)", name="ended_with_time"),
        CheckConstraint("(ends_at IS NULL) = (canceled_at IS NULL)", name="cancellation_whole"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"))
    quote_id: Mapped[int] = mapped_column(ForeignKey("quote.id"))
    billing_key_id: Mapped[int] = mapped_column(ForeignKey("billing_key.id"), index=True)
    next_plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id"))
    next_quote_id: Mapped[int | None] = mapped_column(ForeignKey("quote.id"))
    status: Mapped[SubscriptionStatus]
    term_no: Mapped[int]
    period_no: Mapped[int]
    anchor_on: Mapped[date]
    paid_from_on: Mapped[date | None]
    paid_until_on: Mapped[date | None]
    created_at: Mapped[datetime]
    next_charge_on: Mapped[date | None]
    next_reminder_on: Mapped[date | None]
    past_due_since: Mapped[datetime | None]
    grace_ends_on: Mapped[date | None]
    held_since: Mapped[datetime | None]
    canceled_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[EndReason | None]
    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    plan: Mapped[Plan] = relationship(
        lazy="joined", innerjoin=True, foreign_keys="Subscription.plan_id"
    )
    next_plan: Mapped[Plan | None] = relationship(foreign_keys="Subscription.next_plan_id")
    product: Mapped[Product] = relationship()
    quote: Mapped[Quote] = relationship(foreign_keys="Subscription.quote_id")
    next_quote: Mapped[Quote | None] = relationship(foreign_keys="Subscription.next_quote_id")
    billing_key: Mapped[BillingKey] = relationship(lazy="joined", innerjoin=True)
    invoices: Mapped[list["Invoice"]] = relationship(
        back_populates="subscription", order_by="Invoice.id"
    )
    price_change: Mapped["PriceChange | None"] = relationship(
        primaryjoin=(
            "and_(PriceChange.subscription_id == Subscription.id, PriceChange.look_on.is_not(None))"
        ),
        viewonly=True,
    )

    @classmethod
    def begin(
        cls, *, user: User, quote: Quote, billing_key: BillingKey, now: datetime
    ) -> "Subscription":
        """Add an incomplete subscription: it holds the customer's one live place from now on."""
        subscription = cls(
            user=user,
            product_id=quote.plan.product_id,
            plan=quote.plan,
            quote=quote,
            billing_key=billing_key,
            status=SubscriptionStatus.INCOMPLETE,
            term_no=1,
            period_no=0,
            anchor_on=quote.anchor_on,
            created_at=now,
        )
        db.session.add(subscription)
        return subscription

    @classmethod
    def locked(cls, subscription_id: int) -> "Subscription":
        """Return a subscription as it is now, its row locked until the commit.

        Every use case that changes anything of a subscription takes this lock first; what the
        session had read before is read again. The row is read after the lock, not with it: while
        one waits for the lock, the card that the row refers to may change.
        """
        db.session.flush()
        db.session.expire_all()
        lock = select(cls.id).filter_by(id=subscription_id).with_for_update()
        db.session.scalars(lock).one()
        return db.session.get_one(cls, subscription_id)

    @classmethod
    def live_counts(cls) -> dict[int, int]:
        """Return how many live subscriptions each plan has, by its id; by one query."""
        query = select(cls.plan_id, func.count()).where(_is_live(cls)).group_by(cls.plan_id)
        return {row[0]: row[1] for row in db.session.execute(query)}

    @classmethod
    def live_for(cls, user_id: int, product_id: int) -> "Subscription | None":
        """Return the customer's one live subscription to this product."""
        return db.session.scalar(
            select(cls).filter_by(user_id=user_id, product_id=product_id).where(_is_live(cls))
        )

    @classmethod
    def latest_for(cls, user_id: int, *options: ExecutableOption) -> "Subscription | None":
        """Return the subscription that a customer's page is about: a live one, else the last.

        `options` say what else the page will read, to be loaded at once.
        """
        return db.session.scalar(
            select(cls)
            .options(*options)
            .filter_by(user_id=user_id)
            .order_by((cls.status == SubscriptionStatus.ENDED).asc(), cls.id.desc())
            .limit(1)
        )

    @classmethod
    def charged_with(cls, billing_key_id: int) -> "Subscription | None":
        """Return the live subscription that this card pays for."""
        return db.session.scalar(
            select(cls).filter_by(billing_key_id=billing_key_id).where(_is_live(cls))
        )

    @classmethod
    def last_charged_with(cls, billing_key_id: int) -> int | None:
        """Return the newest subscription that this card pays or paid for."""
        query = select(cls.id).filter_by(billing_key_id=billing_key_id).order_by(cls.id.desc())
        return db.session.scalar(query.limit(1))

    @classmethod
    def listed(
        cls, group: SubscriptionGroup, count: int, *, after: int | None = None
    ) -> list["Subscription"]:
        """Return the first subscriptions of a group, or those that follow the one with this id.

        Those past due and those on their way out come in the order of their end, the others newest
        first.
        """
        column, condition, is_rising = _GROUPS[group]
        keys = [getattr(cls, column), cls.id] if column != "id" else [cls.id]
        query = select(cls).limit(count)
        if condition is not None:
            query = query.where(text(condition))
        if after is not None and (last := db.session.get(cls, after)) is not None:
            place = tuple_(*[literal(getattr(last, key.key), key.type) for key in keys])
            query = query.where(tuple_(*keys) > place if is_rising else tuple_(*keys) < place)
        return list(
            db.session.scalars(query.order_by(*keys if is_rising else [k.desc() for k in keys]))
        )

    @classmethod
    def of_users(cls, user_ids: Sequence[int]) -> list["Subscription"]:
        """Return the subscriptions of these users, newest first."""
        query = select(cls).where(cls.user_id.in_(user_ids)).order_by(cls.id.desc())
        return list(db.session.scalars(query))

    @classmethod
    def claimed(
        cls, subscription_id: int, *, key_pair: str
    ) -> tuple["Subscription", bool] | tuple[None, None]:
        """Return a subscription locked until the commit, to be charged with `key_pair`.

        None where another process has it or has just changed it, or where Toss refuses this pair.
        With it, whether it seems to owe an invoice already: that was read before the lock.
        """
        db.session.flush()
        db.session.expire_all()
        values = {"id": subscription_id, "key_pair": key_pair}
        found = db.session.execute(_claim(), values).first()
        return (None, None) if found is None else (found[0], found[1])

    @classmethod
    def to_charge(cls, day: date, *, after: Any = None, limit: int) -> list[Any]:
        """Return (day, id) of subscriptions with a charge to be begun by `day`, a batch by key."""
        query = select(cls.next_charge_on, cls.id).where(cls.next_charge_on <= day)
        return batch(query, after=after, limit=limit)

    @classmethod
    def to_remind(cls, day: date, *, after: Any = None, limit: int) -> list[Any]:
        """Return (day, id) of subscriptions whose next renewal is to be announced by `day`."""
        query = select(cls.next_reminder_on, cls.id).where(cls.next_reminder_on <= day)
        return batch(query, after=after, limit=limit)

    @classmethod
    def to_lapse(cls, day: date, *, after: Any = None, limit: int) -> list[Any]:
        """Return (day, id) of past due subscriptions whose grace is over on `day`."""
        query = select(cls.grace_ends_on, cls.id).where(
            cls.status == SubscriptionStatus.PAST_DUE, cls.grace_ends_on <= day
        )
        return batch(query, after=after, limit=limit)

    @classmethod
    def to_abandon(cls, *, created_before: datetime, after: Any = None, limit: int) -> list[Any]:
        """Return (instant, id) of subscriptions begun before and never paid for."""
        query = select(cls.created_at, cls.id).where(
            cls.status == SubscriptionStatus.INCOMPLETE, cls.created_at < created_before
        )
        return batch(query, after=after, limit=limit)

    @classmethod
    def due_to_end(cls, *, now: datetime, after: Any = None, limit: int) -> list[Any]:
        """Return (instant, id) of subscriptions whose scheduled end has come."""
        query = select(cls.ends_at, cls.id).where(
            cls.status != SubscriptionStatus.ENDED, cls.held_since.is_(None), cls.ends_at <= now
        )
        return batch(query, after=after, limit=limit)

    @property
    def is_incomplete(self) -> bool:
        """Test whether the first payment is still missing."""
        return self.status is SubscriptionStatus.INCOMPLETE

    @property
    def is_running(self) -> bool:
        """Test whether this subscription was paid once and has not ended."""
        return self.status in (SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)

    @property
    def is_active(self) -> bool:
        """Test whether the last payment came in time."""
        return self.status is SubscriptionStatus.ACTIVE

    @property
    def is_held(self) -> bool:
        """Test whether the merchant must decide before anything more is charged."""
        return self.held_since is not None

    @property
    def needs_card(self) -> bool:
        """Test whether only another card can go on: the shop tries this one no more."""
        return self.is_past_due and self.next_charge_on is None and not self.is_collecting

    @property
    def is_past_due(self) -> bool:
        """Test whether the last renewal could not be collected yet."""
        return self.status is SubscriptionStatus.PAST_DUE

    @property
    def grace_last_on(self) -> date | None:
        """Return the last day on which a past due payment may still come."""
        return self.grace_ends_on and self.grace_ends_on - timedelta(days=1)

    @property
    def is_paused(self) -> bool:
        """Test whether nothing is paid for now, and a new term begins later."""
        return self.is_active and not self.period_no and self.anchor_on != self.paid_until_on

    @property
    def ended_unpaid(self) -> bool:
        """Test whether this subscription is over because a renewal was never paid."""
        return self.end_reason is EndReason.UNPAID

    @property
    def is_ended(self) -> bool:
        """Test whether this subscription is over."""
        return self.status is SubscriptionStatus.ENDED

    @property
    def is_canceling(self) -> bool:
        """Test whether this subscription runs, with its end scheduled."""
        return self.is_running and self.ends_at is not None

    @property
    def was_paid(self) -> bool:
        """Test whether anything was ever paid for it."""
        return self.paid_until_on is not None

    @property
    def paid_period(self) -> Period | None:
        """Return the days that the last payment paid for."""
        if self.paid_from_on is None or self.paid_until_on is None:
            return None
        return Period(self.paid_from_on, self.paid_until_on)

    @property
    def next_choice(self) -> Quote | None:
        """Return the quote that the customer chose for the next renewal, if there is one."""
        quote = self.next_quote
        if quote is None or quote.period_start_on != self._own_next_period.start_on:
            return None
        return quote

    @property
    def next_period(self) -> Period:
        """Return the days that the next renewal will pay for, of the plan that it is for."""
        choice = self.next_choice
        return self._own_next_period if choice is None else choice.period

    @property
    def extra_days(self) -> Period | None:
        """Return the days after the paid period that the merchant gave for nothing."""
        if not self.period_no or self.paid_until_on is None:
            return None
        ends_on = self.plan.period(self.anchor_on, self.period_no).end_on
        return Period(ends_on, self.paid_until_on) if ends_on < self.paid_until_on else None

    @property
    def next_won(self) -> int:
        """Return what the next renewal will cost."""
        choice = self.next_choice
        return self.plan.price_won if choice is None else choice.amount_won

    @property
    def next_term_no(self) -> int:
        """Return the number of the term after every one that an invoice was written for."""
        return 1 + max([self.term_no, *(invoice.term_no for invoice in self.invoices)])

    @property
    def open_invoice(self) -> "Invoice | None":
        """Return what is owed and not yet paid or void."""
        return next((invoice for invoice in reversed(self.invoices) if invoice.is_open), None)

    @property
    def current_payment(self) -> Payment | None:
        """Return what paid for the current period; the merchant may have waived it."""
        of_period = Payment.invoice.has(
            subscription_id=self.id, term_no=self.term_no, period_no=self.period_no
        )
        return db.session.scalar(select(Payment).where(of_period))

    @property
    def last_invoiced_at(self) -> datetime:
        """Return when anything was last tried to be collected."""
        return max([self.created_at, *(invoice.created_at for invoice in self.invoices)])

    @property
    def is_collecting(self) -> bool:
        """Test whether the open invoice is being charged, is about to be, or waits for a person."""
        invoice = self.open_invoice
        if invoice is None:
            return False
        begins = self.is_incomplete or invoice.is_plan_change
        return invoice.has_attempt_in_flight or (begins and not invoice.attempts)

    def grants_access(self, now: datetime, *, grace_days: int) -> bool:
        """Test whether its customer may read now, whatever the worker has or has not done."""
        if not self.is_running or self.paid_until_on is None:
            return False
        if self.is_held:
            return True
        if self.ends_at is not None:
            return now < self.ends_at
        return now < seoul_instant(self.paid_until_on + timedelta(days=grace_days))

    def begin_again(self, *, quote: Quote, billing_key: BillingKey) -> None:
        """Start a new term with another card or plan: the first payment never came about."""
        self._must_be(SubscriptionStatus.INCOMPLETE)
        self.term_no += 1
        self.billing_key = billing_key
        self._agree_to(quote)

    def activate(self, period: Period) -> None:
        """Open the doors for the first period, which was just paid."""
        self._must_be(SubscriptionStatus.INCOMPLETE)
        self.status = SubscriptionStatus.ACTIVE
        self._extend(1, period)

    def renew(self, period_no: int, period: Period) -> None:
        """Go on for a period that was just paid; one canceled meanwhile ends with it."""
        self._must_run()
        self._recover()
        self._extend(period_no, period)

    def begin_collecting(self) -> None:
        """Note that an attempt is in flight: nobody begins another of his own accord."""
        self._must_run()
        self.next_charge_on = None

    def charge_on(self, day: date | None) -> None:
        """Set the day of the next charge; None where only another card can go on."""
        self._must_run()
        self.next_charge_on = day

    def fall_past_due(self, *, grace_ends_on: date, now: datetime) -> None:
        """Begin the dunning: the renewal was declined for the first time."""
        self._must_be(SubscriptionStatus.ACTIVE)
        self.status = SubscriptionStatus.PAST_DUE
        self.next_reminder_on = None
        self.past_due_since = now
        self.grace_ends_on = grace_ends_on

    def begin_new_term(self, anchor_on: date) -> None:
        """Leave the days since the paid period unpaid and unserved; charge again on a day."""
        self._must_be(SubscriptionStatus.ACTIVE)
        self.term_no = self.next_term_no
        self.period_no = 0
        self.anchor_on = self.next_charge_on = anchor_on
        self.next_reminder_on = None

    def extend(self, days: int, *, now: datetime) -> None:
        """Serve so many days more; what comes next comes so many days later."""
        self._must_be(SubscriptionStatus.ACTIVE)
        assert self.paid_until_on is not None
        self.paid_until_on += timedelta(days=days)
        if self.is_canceling:
            self.ends_at = seoul_instant(self.paid_until_on)
        else:
            self.next_charge_on = self.paid_until_on
            self._remind_after(seoul_date(now) - timedelta(days=1))

    def begin_term_after_extra_days(self) -> None:
        """Count periods anew from the day after those that the merchant gave."""
        self._must_be(SubscriptionStatus.ACTIVE)
        assert self.paid_until_on is not None
        self.term_no = self.next_term_no
        self.period_no = 0
        self.anchor_on = self.paid_until_on

    def plan_next(self, quote: Quote | None) -> None:
        """Go on with the quote's plan from its first day on; None undoes that."""
        if quote is None:
            self._must_run()
        else:
            self._must_be(SubscriptionStatus.ACTIVE)
        self.next_quote = quote
        self.next_plan = quote.plan if quote is not None else None

    def begin_next_plan(self) -> None:
        """Begin the term of the plan that was chosen for the time after the paid period."""
        self._must_be(SubscriptionStatus.ACTIVE)
        if self.next_quote is None:
            raise InvalidTransition(f"subscription {self.id} has no other plan to begin")
        quote = self.next_quote
        self.plan_next(None)
        self.term_no = self.next_term_no
        self.period_no = 0
        self._agree_to(quote)

    def go_on_with(self, quote: Quote) -> None:
        """Owe the quote's price from the next period on; the term goes on as it is."""
        self._must_be(SubscriptionStatus.ACTIVE)
        if self.next_quote is quote:
            self.plan_next(None)
        self.plan, self.quote = quote.plan, quote
        self.quote_id = quote.id

    def switch_plan(self, quote: Quote, term_no: int) -> None:
        """Begin the quote's plan at once: its first period was just paid."""
        self._must_run()
        self._recover()
        self.next_quote = self.next_plan = None
        self.term_no = term_no
        self._agree_to(quote)
        self._extend(1, quote.period)

    def hold(self, *, now: datetime) -> None:
        """Charge nothing more and keep the access until the merchant has decided."""
        self._must_run()
        self.next_charge_on = None
        self.held_since = now

    def release(self, *, charge_on: date | None) -> None:
        """Go on after the merchant's decision; one canceled meanwhile is not charged.

        Without a day, an attempt is in flight again.
        """
        self._must_run()
        self.held_since = None
        self.next_charge_on = None if self.is_canceling else charge_on

    def replace_billing_key(self, billing_key: BillingKey, *, today: date) -> None:
        """Charge another card from now on; what is past due is due at once."""
        self._must_run()
        self.billing_key = billing_key
        if self.is_past_due and not self.is_collecting and not self.is_held:
            self.next_charge_on = today

    def schedule_cancellation(self, *, now: datetime) -> None:
        """End when the paid period ends (일반해지); no charge is begun any more."""
        self._must_run()
        if self.paid_until_on is None or self.is_canceling:
            raise InvalidTransition(f"subscription {self.id} has its end scheduled already")
        self.next_charge_on = self.next_reminder_on = None
        self.next_plan = self.next_quote = None
        self.canceled_at = now
        self.ends_at = seoul_instant(self.paid_until_on)

    def resume(self, *, now: datetime) -> None:
        """Undo a scheduled cancellation before its end has come."""
        if not self.is_canceling or self.ends_at is None or now >= self.ends_at:
            raise InvalidTransition(f"subscription {self.id} has no end to undo")
        self.canceled_at = self.ends_at = None
        self.next_charge_on = None if self.is_held else self.paid_until_on
        if self.is_active and self.period_no:
            self._remind_after(seoul_date(now) - timedelta(days=1))

    def end(self, reason: EndReason, *, now: datetime) -> None:
        """Close this subscription for good and free the customer's live place."""
        if self.status not in _LIVE:
            raise InvalidTransition(f"subscription {self.id} has ended already")
        self.status = SubscriptionStatus.ENDED
        self.past_due_since = self.grace_ends_on = self.held_since = self.next_charge_on = None
        self.next_plan = self.next_quote = self.next_reminder_on = None
        self.ended_at = now
        self.end_reason = reason

    @property
    def next_place(self) -> tuple[date, int]:
        """Return the anchor and the number of the next period, of the plan as it is."""
        if self.extra_days is not None:
            return self.extra_days.end_on, 1
        return self.anchor_on, self.period_no + 1

    @property
    def _own_next_period(self) -> Period:
        return self.plan.period(*self.next_place)

    def _agree_to(self, quote: Quote) -> None:
        """Go by another quote; its id is needed before the next flush, for invoices."""
        self.plan, self.quote, self.anchor_on = quote.plan, quote, quote.anchor_on
        self.quote_id = quote.id

    def _extend(self, period_no: int, period: Period) -> None:
        self.period_no = period_no
        self.paid_from_on, self.paid_until_on = period.start_on, period.end_on
        if self.is_canceling:
            self.ends_at = seoul_instant(period.end_on)
        else:
            self.next_charge_on = period.end_on
            self._remind_after(period.start_on)

    def reminded(self, on: date) -> None:
        """Note that the next renewal was announced, or is not to be."""
        self._remind_after(on)

    def _remind_after(self, day: date) -> None:
        """Set the next day of a reminder; one that is late is sent as long as the charge waits."""
        assert self.paid_period is not None
        self.next_reminder_on = next_reminder_on(self.paid_period, after=day)

    def _recover(self) -> None:
        self.status = SubscriptionStatus.ACTIVE
        self.past_due_since = self.grace_ends_on = self.held_since = None

    def _must_run(self) -> None:
        if not self.is_running:
            raise InvalidTransition(f"subscription {self.id} is {self.status}, not running")

    def _must_be(self, status: SubscriptionStatus) -> None:
        if self.status is not status:
            raise InvalidTransition(f"subscription {self.id} is {self.status}, not {status}")


_GROUPS: dict[SubscriptionGroup, tuple[str, str | None, bool]] = {
    SubscriptionGroup.ALL: ("id", None, False),
    SubscriptionGroup.ACTIVE: ("id", "subscription.status = 'active'", False),
    SubscriptionGroup.PAST_DUE: ("grace_ends_on", "subscription.status = 'past_due'", True),
    SubscriptionGroup.LEAVING: (
        "ends_at",
        "subscription.ends_at IS NOT NULL AND subscription.status <> 'ended'",
        True,
    ),
    SubscriptionGroup.INCOMPLETE: ("created_at", "subscription.status = 'incomplete'", False),
    SubscriptionGroup.ENDED: ("ended_at", "subscription.status = 'ended'", False),
}


@cache
def _claim() -> Select[Subscription, bool]:
    """Return the query of `claimed`, made once: it is asked before every charge."""
    refused = select(Breaker.key_pair).where(Breaker.key_pair == bindparam("key_pair"))
    return (
        select(Subscription, Subscription.invoices.any(status="open"))
        .where(Subscription.id == bindparam("id"), ~refused.exists())
        .options(
            defer(Subscription.product_id),
            defer(Subscription.created_at),
            defer(Subscription.canceled_at),
            defer(Subscription.ended_at),
            defer(Subscription.end_reason),
            joinedload(Subscription.plan).options(
                load_only(
                    Plan.name,
                    Plan.price_won,
                    Plan.tax_free_won,
                    Plan.interval,
                    Plan.interval_count,
                ),
                lazyload(Plan.product),
            ),
            joinedload(Subscription.user).load_only(User.name, User.email, User.customer_key),
            joinedload(Subscription.billing_key).load_only(
                BillingKey.ciphertext,
                BillingKey.suspected_at,
                BillingKey.method,
                BillingKey.is_wallet,
                BillingKey.card_issuer,
                BillingKey.card_number,
                BillingKey.receipt_kind,
                BillingKey.receipt_identity_ciphertext,
            ),
        )
        .with_for_update(of=Subscription, skip_locked=True)
    )


def _is_live(cls: type[Subscription]) -> ColumnElement[bool]:
    return cls.status.in_(_LIVE)
