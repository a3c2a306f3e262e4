"""A quote: an amount that a page showed before a button, with its lines and its end."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Model, db
from models.payment import Payment
from models.plan import Plan
from models.refund import RefundCause
from models.user import User
from rules.periods import Period, seoul_date, seoul_instant

CHECKOUT_LIFETIME = timedelta(minutes=60)
REFUND_LIFETIME = timedelta(minutes=30)


class QuoteKind(StrEnum):
    """What the amount is for."""

    FIRST_CHARGE = "first_charge"
    REFUND = "refund"
    CHANGE_NOW = "change_now"
    CHANGE_LATER = "change_later"
    PRICE_RISE = "price_rise"
    PASS = "pass"


class Quote(Model):
    """What will be charged and given back, for which days, until when the offer stands.

    Never changed. `refund_won` comes back of `payment`; the days of a quote that only gives back
    are those of that payment, which the database does not tie it to: payments hang on quotes
    themselves, and two ties would be a circle. `lines` say how the amounts were worked out, in won
    with a sign; see `line`.
    """

    __table_args__ = (
        CheckConstraint(
            "amount_won >= 0 AND (amount_won = 0) = (kind = 'refund')", name="amount_positive"
        ),
        CheckConstraint("refund_won >= 0", name="refund_not_negative"),
        CheckConstraint(
            "payment_id IS NOT NULL OR (refund_won = 0 AND refund_cause IS NULL)",
            name="refund_of_payment",
        ),
        CheckConstraint(
            "tax_free_won >= 0 AND tax_free_won <= amount_won", name="tax_free_within_amount"
        ),
        CheckConstraint("period_start_on < period_end_on", name="period_forward"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[QuoteKind] = mapped_column(default=QuoteKind.FIRST_CHARGE)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"))
    amount_won: Mapped[int]
    tax_free_won: Mapped[int]
    refund_won: Mapped[int] = mapped_column(default=0)
    refund_cause: Mapped[RefundCause | None]
    payment_id: Mapped[int | None]
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    anchor_on: Mapped[date]
    period_start_on: Mapped[date]
    period_end_on: Mapped[date]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    plan: Mapped[Plan] = relationship(lazy="joined", innerjoin=True)
    payment: Mapped[Payment | None] = relationship(
        primaryjoin="foreign(Quote.payment_id) == Payment.id", viewonly=True
    )

    @classmethod
    def of_user(cls, user_id: int, quote_id: int | None) -> "Quote | None":
        """Return this customer's quote."""
        return db.session.scalar(select(cls).filter_by(id=quote_id, user_id=user_id))

    @classmethod
    def of(cls, user_id: int, quote_id: int | None, plan_id: int) -> "Quote | None":
        """Return this customer's quote of this plan."""
        query = select(cls).filter_by(id=quote_id, user_id=user_id, plan_id=plan_id)
        return db.session.scalar(query)

    @classmethod
    def open_for(cls, user: User, plan: Plan, *, now: datetime) -> "Quote":
        """Return today's quote of this plan that stands for a good while yet, or add one."""
        query = select(cls).filter_by(
            user_id=user.id, plan_id=plan.id, anchor_on=seoul_date(now), kind=QuoteKind.FIRST_CHARGE
        )
        query = query.where(cls.expires_at > now + CHECKOUT_LIFETIME / 2)
        found = db.session.scalar(query.order_by(cls.id.desc()).limit(1))
        return found or cls.first_charge(user=user, plan=plan, now=now)

    @classmethod
    def first_charge(cls, *, user: User, plan: Plan, now: datetime) -> "Quote":
        """Add the quote of a subscription that begins today in Seoul."""
        anchor_on = seoul_date(now)
        period = plan.period(anchor_on, 1)
        quote = cls(
            user_id=user.id,
            plan=plan,
            amount_won=plan.price_won,
            tax_free_won=plan.tax_free_won,
            lines=[line("%(plan)s", plan.price_won, plan=plan)],
            anchor_on=anchor_on,
            period_start_on=period.start_on,
            period_end_on=period.end_on,
            created_at=now,
            expires_at=now + CHECKOUT_LIFETIME,
        )
        db.session.add(quote)
        return quote

    @classmethod
    def open_pass_for(cls, user: User, plan: Plan, *, begins_on: date, now: datetime) -> "Quote":
        """Return the quote of a pass from this day on that stands for a good while, or add one."""
        query = select(cls).filter_by(
            user_id=user.id, plan_id=plan.id, anchor_on=begins_on, kind=QuoteKind.PASS
        )
        query = query.where(cls.expires_at > now + CHECKOUT_LIFETIME / 2)
        found = db.session.scalar(query.order_by(cls.id.desc()).limit(1))
        return found or cls._of_plan(
            QuoteKind.PASS,
            user_id=user.id,
            plan=plan,
            anchor_on=begins_on,
            lines=[{"name": plan.name, "won": plan.price_won}],
            now=now,
        )

    @classmethod
    def refund(
        cls,
        payment: Payment,
        *,
        plan: Plan,
        period: Period,
        won: int,
        cause: RefundCause,
        lines: list[dict[str, Any]],
        now: datetime,
    ) -> "Quote":
        """Add the quote of what comes back of a payment to whom leaves today in Seoul."""
        quote = cls(
            kind=QuoteKind.REFUND,
            user_id=payment.user_id,
            plan=plan,
            payment_id=payment.id,
            amount_won=0,
            tax_free_won=0,
            refund_won=won,
            refund_cause=cause,
            lines=lines,
            anchor_on=period.start_on,
            period_start_on=period.start_on,
            period_end_on=period.end_on,
            created_at=now,
            expires_at=refund_expiry(now),
        )
        db.session.add(quote)
        return quote

    @classmethod
    def change_now(
        cls,
        *,
        user_id: int,
        plan: Plan,
        payment: Payment | None,
        refund_won: int,
        lines: list[dict[str, Any]],
        now: datetime,
    ) -> "Quote":
        """Add the quote of another plan that begins today; what is left of a payment comes back."""
        quote = cls._of_plan(
            QuoteKind.CHANGE_NOW,
            user_id=user_id,
            plan=plan,
            anchor_on=seoul_date(now),
            lines=lines,
            now=now,
        )
        quote.expires_at = refund_expiry(now)
        if payment is not None:
            quote.payment_id = payment.id
            quote.refund_won = refund_won
            quote.refund_cause = RefundCause.PLAN_CHANGE
        return quote

    @classmethod
    def change_later(cls, *, user_id: int, plan: Plan, anchor_on: date, now: datetime) -> "Quote":
        """Add the quote of another plan that begins when the paid period is over."""
        return cls._of_plan(
            QuoteKind.CHANGE_LATER,
            user_id=user_id,
            plan=plan,
            anchor_on=anchor_on,
            lines=[line("%(plan)s", plan.price_won, plan=plan)],
            now=now,
        )

    @classmethod
    def price_rise(
        cls, *, user_id: int, plan: Plan, anchor_on: date, period: Period, now: datetime
    ) -> "Quote":
        """Add the quote of a dearer plan for a later period of a term, which goes on."""
        return cls._of_plan(
            QuoteKind.PRICE_RISE,
            user_id=user_id,
            plan=plan,
            anchor_on=anchor_on,
            period=period,
            lines=[line("%(plan)s", plan.price_won, plan=plan)],
            now=now,
        )

    @classmethod
    def _of_plan(
        cls,
        kind: QuoteKind,
        *,
        user_id: int,
        plan: Plan,
        anchor_on: date,
        lines: list[dict[str, Any]],
        now: datetime,
        period: Period | None = None,
    ) -> "Quote":
        period = period or plan.period(anchor_on, 1)
        quote = cls(
            kind=kind,
            user_id=user_id,
            plan=plan,
            amount_won=plan.price_won,
            tax_free_won=plan.tax_free_won,
            refund_won=0,
            lines=lines,
            anchor_on=anchor_on,
            period_start_on=period.start_on,
            period_end_on=period.end_on,
            created_at=now,
            expires_at=now + CHECKOUT_LIFETIME,
        )
        db.session.add(quote)
        return quote

    @property
    def begins_now(self) -> bool:
        """Test whether this is another plan that begins as soon as it is paid for."""
        return self.kind is QuoteKind.CHANGE_NOW

    @property
    def is_price_rise(self) -> bool:
        """Test whether this is a higher price for what goes on: it needs a consent in its days."""
        return self.kind is QuoteKind.PRICE_RISE

    @property
    def period(self) -> Period:
        """Return the days that the amount pays for."""
        return Period(self.period_start_on, self.period_end_on)

    @property
    def is_whole_refund(self) -> bool:
        """Test whether all that was paid comes back."""
        return self.payment is not None and self.refund_won == self.payment.amount_won

    @property
    def is_by_merchant(self) -> bool:
        """Test whether the merchant gives this money back, not the customer asks for it."""
        return self.refund_cause is RefundCause.MERCHANT

    @property
    def is_withdrawal(self) -> bool:
        """Test whether this is 청약철회, not 중도해지."""
        return self.refund_cause is RefundCause.WITHDRAWAL

    def is_open(self, now: datetime) -> bool:
        """Test whether the offer still stands."""
        return now < self.expires_at


def line(
    text: str, won: int, *, plan: Plan | None = None, facts: dict[str, int] | None = None
) -> dict[str, Any]:
    """Return a line of a quote: an amount, and what it is.

    `name` says that in Korean, for good. `text` is the same with places for the numbers in `facts`
    and for the name of `plan`, so that a page can say it in another language.
    """
    values: dict[str, Any] = dict(facts or {})
    if plan is not None:
        values["plan"] = plan.name
    return {
        "name": text % values if values else text,
        "won": won,
        "text": text,
        "facts": values,
        "plan_id": plan.id if plan is not None else None,
    }


def refund_expiry(now: datetime) -> datetime:
    """Return until when a quote that gives money back stands: half an hour, or midnight in Seoul.

    A day more is used at midnight, so the amount is another one.
    """
    return min(now + REFUND_LIFETIME, seoul_instant(seoul_date(now) + timedelta(days=1)))
