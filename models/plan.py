"""A plan: a name, a price and an interval; a new price is a new plan."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, event, inspect, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import InvalidTransition, Model, db
from models.product import Product
from rules.periods import Interval, Period, nth_period
from rules.won import vat_included


class TaxKind(StrEnum):
    """How the price is taxed: 과세 (VAT included) or 면세."""

    TAXABLE = "taxable"
    TAX_FREE = "tax_free"


class Plan(Model):
    """What is sold. `price_won` includes VAT and never changes; `tax_free_won` is part of it."""

    __table_args__ = (
        CheckConstraint("price_won >= 100", name="price_at_least_100"),
        CheckConstraint(
            "(tax_kind = 'taxable' AND tax_free_won >= 0 AND tax_free_won < price_won)"
            " OR (tax_kind = 'tax_free' AND tax_free_won = price_won)",
            name="tax_free_share",
        ),
        CheckConstraint(
            "(interval = 'month' AND interval_count BETWEEN 1 AND 12)"
            " OR (interval = 'year' AND interval_count = 1)",
            name="at_most_twelve_months",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    slug: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str] = mapped_column(String(50))
    summary: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    features: Mapped[str] = mapped_column(Text)
    price_won: Mapped[int]
    tax_kind: Mapped[TaxKind] = mapped_column(default=TaxKind.TAXABLE)
    tax_free_won: Mapped[int] = mapped_column(default=0)
    interval: Mapped[Interval]
    interval_count: Mapped[int] = mapped_column(default=1)
    position: Mapped[int] = mapped_column(default=0)
    retired_at: Mapped[datetime | None]
    product: Mapped[Product] = relationship(back_populates="plans", lazy="joined", innerjoin=True)

    @classmethod
    def on_sale(cls, slug: str) -> "Plan | None":
        """Return the plan of this slug if it can be bought."""
        return db.session.scalar(select(cls).filter_by(slug=slug, retired_at=None))

    @property
    def is_on_sale(self) -> bool:
        """Test whether this plan can be bought now."""
        return self.retired_at is None

    @property
    def feature_lines(self) -> list[str]:
        """Return what the plan gives, one line each."""
        return [line for line in self.features.splitlines() if line.strip()]

    @property
    def months(self) -> int:
        """Return how many months one payment pays for."""
        return self.interval.months * self.interval_count

    @property
    def vat_won(self) -> int:
        """Return the VAT inside the price."""
        return vat_included(self.price_won, self.tax_free_won)

    def is_step_up_from(self, other: "Plan") -> bool:
        """Test whether this plan is dearer or longer: a change to it begins at once."""
        return self.price_won > other.price_won or self.months > other.months

    def period(self, anchor_on: date, number: int) -> Period:
        """Return period `number` (from 1) of a term begun on `anchor_on`."""
        return nth_period(anchor_on, number, self.interval, self.interval_count)


_FIXED = ("price_won", "tax_kind", "tax_free_won", "interval", "interval_count", "product_id")


@event.listens_for(Plan, "before_update")
def _refuse_another_price(_mapper: Any, _connection: Any, plan: Plan) -> None:
    changed = [name for name in _FIXED if inspect(plan).attrs[name].history.has_changes()]
    if changed:
        raise InvalidTransition(
            f"plan {plan.slug}: {', '.join(changed)} never changes; a new price is a new plan"
        )
