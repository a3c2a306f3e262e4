"""A price change: the higher amount that one customer is asked to agree to, and the answer."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Select,
    UniqueConstraint,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, aliased, mapped_column, relationship

from models.base import InvalidTransition, Model, batch, db
from models.consent import Consent
from models.price_offer import PriceOffer
from models.quote import Quote
from models.subscription import Subscription, SubscriptionStatus
from rules import price_consent
from rules.periods import Period, seoul_date


class PriceChangeStatus(StrEnum):
    """`waiting` → `asked` → `agreed` → `applied`, where the customer wants it.

    `refused`: the customer keeps the price, and is not asked again. `withdrawn`: the same, after a
    yes. `lapsed`: the day passed without a yes. `dropped`: the offer, the plan or the subscription
    is not there any more.
    """

    WAITING = "waiting"
    ASKED = "asked"
    AGREED = "agreed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    APPLIED = "applied"
    LAPSED = "lapsed"
    DROPPED = "dropped"


OPEN = (PriceChangeStatus.WAITING, PriceChangeStatus.ASKED, PriceChangeStatus.AGREED)
KEPT = (PriceChangeStatus.REFUSED, PriceChangeStatus.WITHDRAWN)
_OPEN_SQL = text("status IN ('waiting', 'asked', 'agreed')")
_TO_FOLLOW_SQL = text("look_on IS NOT NULL")


class PriceChange(Model):
    """What an offer means for one subscription.

    Its day is worked out from the subscription whenever it is needed, so that it moves with it;
    `look_on` is when the worker looks at it next, as long as anything is to come of it. `quote` and
    `consent` are what the customer saw and agreed to; `former_quote` is what the subscription went
    by until then.
    """

    __table_args__ = (
        UniqueConstraint("offer_id", "subscription_id"),
        Index(
            "uq_price_change_open",
            "subscription_id",
            unique=True,
            sqlite_where=_OPEN_SQL,
            postgresql_where=_OPEN_SQL,
        ),
        Index(
            "ix_price_change_to_follow",
            "look_on",
            "id",
            sqlite_where=_TO_FOLLOW_SQL,
            postgresql_where=_TO_FOLLOW_SQL,
        ),
        CheckConstraint(
            "(look_on IS NOT NULL) = (status IN ('waiting', 'asked', 'agreed'))",
            name="followed_while_open",
        ),
        CheckConstraint(
            "status NOT IN ('agreed', 'applied')"
            " OR (quote_id IS NOT NULL AND consent_id IS NOT NULL)",
            name="agreed_to_a_quote",
        ),
        CheckConstraint(
            "(status = 'applied') = (former_quote_id IS NOT NULL)", name="applied_after_another"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    offer_id: Mapped[int] = mapped_column(ForeignKey("price_offer.id"))
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"), index=True)
    status: Mapped[PriceChangeStatus] = mapped_column(default=PriceChangeStatus.WAITING)
    look_on: Mapped[date | None]
    quote_id: Mapped[int | None] = mapped_column(ForeignKey("quote.id"), unique=True)
    consent_id: Mapped[int | None] = mapped_column(ForeignKey("consent.id"))
    former_quote_id: Mapped[int | None] = mapped_column(ForeignKey("quote.id"))
    created_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    offer: Mapped[PriceOffer] = relationship(lazy="joined", innerjoin=True)
    subscription: Mapped[Subscription] = relationship()
    quote: Mapped[Quote | None] = relationship(foreign_keys="PriceChange.quote_id")
    consent: Mapped[Consent | None] = relationship()
    former_quote: Mapped[Quote | None] = relationship(foreign_keys="PriceChange.former_quote_id")

    @classmethod
    def open_to_all(cls, offer: PriceOffer, *, now: datetime) -> int:
        """Add one for each running subscription to the offer's old plan; return how many.

        Who kept their price when asked about the same dearer plan before is left in peace. What
        was open about a plan that they have left is over.
        """
        payers = select(Subscription.id).filter_by(plan_id=offer.from_plan_id)
        others = select(PriceOffer.id).where(PriceOffer.from_plan_id != offer.from_plan_id)
        stale = update(cls).where(
            cls.status.in_(OPEN), cls.subscription_id.in_(payers), cls.offer_id.in_(others)
        )
        db.session.execute(
            stale.values(status=PriceChangeStatus.DROPPED, look_on=None).execution_options(
                synchronize_session=False
            )
        )
        whom = _to_ask(offer.from_plan_id, offer.to_plan_id)
        values = (
            literal(offer.id),
            whom.selected_columns.id,
            literal(PriceChangeStatus.WAITING.value),
            literal(seoul_date(now)),
            literal(now, type_=cls.created_at.type),
        )
        columns = ["offer_id", "subscription_id", "status", "look_on", "created_at"]
        added = insert(cls).from_select(
            columns, whom.with_only_columns(*values), include_defaults=False
        )
        return len(db.session.scalars(added.returning(cls.id)).all())

    @classmethod
    def count_to_ask(cls, from_plan_id: int, to_plan_id: int) -> int:
        """Return how many an offer would ask now."""
        whom = _to_ask(from_plan_id, to_plan_id).subquery()
        return db.session.scalar(select(func.count()).select_from(whom)) or 0

    @classmethod
    def follow_all(cls, offer_id: int, *, on: date) -> None:
        """Have the worker look at every one of an offer that is open."""
        query = update(cls).where(cls.offer_id == offer_id, cls.status.in_(OPEN))
        db.session.execute(query.values(look_on=on).execution_options(synchronize_session=False))

    @classmethod
    def to_follow(cls, day: date, *, after: Any = None, limit: int) -> list[Any]:
        """Return (day, id) of those that the worker is to look at by `day`."""
        return batch(
            select(cls.look_on, cls.id).where(cls.look_on <= day), after=after, limit=limit
        )

    @classmethod
    def latest_for(cls, subscription_id: int) -> "PriceChange | None":
        """Return what a subscription's customer was asked last, or is to be asked."""
        query = select(cls).filter_by(subscription_id=subscription_id)
        return db.session.scalar(query.order_by(cls.id.desc()).limit(1))

    @classmethod
    def open_for(cls, subscription_id: int) -> "PriceChange | None":
        """Return what a subscription's customer may still answer."""
        query = select(cls).filter_by(subscription_id=subscription_id)
        return db.session.scalar(query.where(cls.status.in_(OPEN)))

    @classmethod
    def with_quote(cls, quote_id: int | None) -> "PriceChange | None":
        """Return the one whose amount was agreed to with this quote."""
        return db.session.scalar(select(cls).filter_by(quote_id=quote_id))

    @classmethod
    def any_open(cls, from_plan_id: int) -> bool:
        """Test whether anybody is still being asked about leaving this plan's price."""
        query = select(cls.id).join(cls.offer)
        query = query.where(PriceOffer.from_plan_id == from_plan_id, cls.status.in_(OPEN))
        return db.session.scalar(query.limit(1)) is not None

    @classmethod
    def is_any_left(cls, offer_id: int) -> bool:
        """Test whether anything is still to come of an offer."""
        query = select(cls.id).where(cls.offer_id == offer_id, cls.status.in_(OPEN))
        return db.session.scalar(query.limit(1)) is not None

    @classmethod
    def tally(cls, offer_id: int) -> dict[PriceChangeStatus, int]:
        """Return how many subscriptions of an offer stand where."""
        query = select(cls.status, func.count()).filter_by(offer_id=offer_id).group_by(cls.status)
        return dict(db.session.execute(query).all())

    @property
    def is_open(self) -> bool:
        """Test whether anything is still to come of it."""
        return self.status in OPEN

    @property
    def is_waiting(self) -> bool:
        """Test whether the customer was not asked yet."""
        return self.status is PriceChangeStatus.WAITING

    @property
    def is_agreed(self) -> bool:
        """Test whether a yes stands and was not charged yet."""
        return self.status is PriceChangeStatus.AGREED

    @property
    def stands(self) -> bool:
        """Test whether a yes stands that the next charge on its day will go by."""
        is_planned = self.subscription.next_quote_id == self.quote_id
        return self.is_agreed and is_planned and not self.is_off

    @property
    def is_kept(self) -> bool:
        """Test whether the customer chose to keep the price."""
        return self.status in KEPT

    @property
    def is_applied(self) -> bool:
        """Test whether the higher price was invoiced."""
        return self.status is PriceChangeStatus.APPLIED

    @property
    def is_off(self) -> bool:
        """Test whether there is nothing left to be agreed to: the offer, the plan or the end."""
        return (
            self.offer.is_withdrawn
            or not self.subscription.is_running
            or self.subscription.plan_id != self.offer.from_plan_id
        )

    @property
    def before_won(self) -> int:
        """Return what a period costs now."""
        return self.offer.from_plan.price_won

    @property
    def after_won(self) -> int:
        """Return what a period would cost."""
        return self.offer.to_plan.price_won

    @property
    def period(self) -> Period | None:
        """Return the first period at the higher price; None once another one took its place."""
        subscription, change_on = self.subscription, self.offer.change_on
        if subscription.paid_from_on is None or subscription.paid_from_on >= change_on:
            return None
        anchor_on, next_no = subscription.next_place
        return price_consent.first_from(
            change_on,
            lambda number: subscription.plan.period(anchor_on, number),
            number=next_no,
        )

    def is_window_open(self, today: date) -> bool:
        """Test whether a yes given today would count."""
        period = self.period
        return period is not None and price_consent.counts(today, effective_on=period.start_on)

    def counts_for(self, period: Period) -> bool:
        """Test whether a yes stands that allows charging the higher price for this period.

        The consent names its day: it counts for the period that begins on it and for no other.
        """
        return (
            self.is_agreed
            and not self.is_off
            and self.quote is not None
            and self.consent is not None
            and self.quote.period == period
            and price_consent.counts(
                seoul_date(self.consent.given_at), effective_on=period.start_on
            )
        )

    def look_again(self, on: date) -> None:
        """Have the worker look again on a day."""
        self._must_be(*OPEN)
        self.look_on = on

    def ask(self, *, now: datetime, look_on: date) -> None:
        """Note that the customer is being asked."""
        self._must_be(PriceChangeStatus.WAITING)
        self.status = PriceChangeStatus.ASKED
        self.asked_at = now
        self.look_on = look_on

    def agree(self, quote: Quote, consent: Consent, *, now: datetime) -> None:
        """Keep the yes, and plan the higher price from its day on."""
        self._must_be(PriceChangeStatus.WAITING, PriceChangeStatus.ASKED)
        self.subscription.plan_next(quote)
        self.status = PriceChangeStatus.AGREED
        self.quote, self.consent = quote, consent
        self.answered_at = now
        self.look_on = quote.period_start_on

    def keep(self, *, now: datetime) -> None:
        """Keep the price for good: a no, or a yes that is taken back."""
        self._must_be(*OPEN)
        was_agreed = self.is_agreed
        self._undo_choice()
        self.status = PriceChangeStatus.WITHDRAWN if was_agreed else PriceChangeStatus.REFUSED
        self.answered_at = now
        self.look_on = None

    def forget_consent(self) -> None:
        """Go on without the yes; the customer may agree again of their own accord."""
        self._must_be(PriceChangeStatus.AGREED)
        self._undo_choice()
        self.status = PriceChangeStatus.ASKED
        self.quote = self.consent = self.answered_at = None

    def ask_anew(self, on: date) -> None:
        """Begin again: the yes was to a day that is not the day any more."""
        self._must_be(PriceChangeStatus.AGREED, PriceChangeStatus.APPLIED)
        self._undo_choice()
        self.status = PriceChangeStatus.WAITING
        self.quote = self.consent = self.former_quote = self.answered_at = None
        self.look_on = on

    def apply(self) -> None:
        """Go by the higher price from the next period on: its day has come."""
        self._must_be(PriceChangeStatus.AGREED)
        assert self.quote is not None
        former = self.subscription.quote
        self.subscription.go_on_with(self.quote)
        self.status = PriceChangeStatus.APPLIED
        self.former_quote = former
        self.look_on = None

    def lapse(self) -> None:
        """Note that the day has passed without a yes that counts."""
        self._close(PriceChangeStatus.LAPSED)

    def drop(self) -> None:
        """Note that there is nothing left to be agreed to."""
        self._close(PriceChangeStatus.DROPPED)

    def take_back(self, *, ask_again_on: date | None) -> None:
        """Go by the former price again: the higher one was invoiced and never charged."""
        assert self.former_quote is not None
        self.subscription.go_on_with(self.former_quote)
        if ask_again_on is None:
            self._must_be(PriceChangeStatus.APPLIED)
            self.status, self.former_quote = PriceChangeStatus.DROPPED, None
        else:
            self.ask_anew(ask_again_on)

    def _close(self, status: PriceChangeStatus) -> None:
        self._must_be(*OPEN)
        self._undo_choice()
        self.status = status
        self.look_on = None

    def _undo_choice(self) -> None:
        subscription = self.subscription
        if self.quote_id is not None and subscription.next_quote_id == self.quote_id:
            subscription.plan_next(None)

    def _must_be(self, *statuses: PriceChangeStatus) -> None:
        if self.status not in statuses:
            raise InvalidTransition(f"price change {self.id} is {self.status}")


def _to_ask(from_plan_id: int, to_plan_id: int) -> Select[Any]:
    """Return the query of the subscriptions that an offer asks."""
    earlier, offer, is_open = aliased(PriceChange), aliased(PriceOffer), aliased(PriceChange)
    was_refused = exists().where(
        earlier.subscription_id == Subscription.id,
        earlier.status.in_(KEPT),
        earlier.offer_id == offer.id,
        offer.to_plan_id == to_plan_id,
    )
    is_asked = exists().where(is_open.subscription_id == Subscription.id, is_open.status.in_(OPEN))
    return select(Subscription.id).where(
        Subscription.plan_id == from_plan_id,
        Subscription.status.in_([SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE]),
        ~was_refused,
        ~is_asked,
    )
