"""A plan: a name, a price and an interval; a new price is a new plan.

A pass is one that is paid once.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, Text, event, inspect, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import InvalidTransition, Model, db
from models.product import Product
from rules.catalogue import stamp_of
from rules.periods import Interval, Period, nth_period
from rules.won import vat_included
from rules.wording import Language


class PlanKind(StrEnum):
    """How a plan is paid: again and again until somebody says stop, or once for a fixed time."""

    SUBSCRIPTION = "subscription"
    PASS = "pass"


class TaxKind(StrEnum):
    """How the price is taxed: 과세 (VAT included) or 면세."""

    TAXABLE = "taxable"
    TAX_FREE = "tax_free"


class Plan(Model):
    """What is sold. `price_won` includes VAT and never changes; `tax_free_won` is part of it.

    A plan is never deleted: contracts and payments refer to it. `retired_at` says since when it is
    not on sale, be it not yet or no more.
    """

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
        CheckConstraint("kind <> 'pass' OR interval = 'month'", name="pass_by_the_month"),
        CheckConstraint(
            "(picture_sha256 IS NULL) = (picture_alt IS NULL)", name="picture_with_words"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    kind: Mapped[PlanKind] = mapped_column(default=PlanKind.SUBSCRIPTION)
    slug: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str] = mapped_column(String(50))
    summary: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    features: Mapped[str] = mapped_column(Text)
    translations: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON, default=dict)
    price_won: Mapped[int]
    tax_kind: Mapped[TaxKind] = mapped_column(default=TaxKind.TAXABLE)
    tax_free_won: Mapped[int] = mapped_column(default=0)
    interval: Mapped[Interval]
    interval_count: Mapped[int] = mapped_column(default=1)
    position: Mapped[int] = mapped_column(default=0)
    retired_at: Mapped[datetime | None]
    picture_sha256: Mapped[str | None] = mapped_column(ForeignKey("picture.sha256"))
    picture_alt: Mapped[str | None] = mapped_column(String(120))
    product: Mapped[Product] = relationship(back_populates="plans", lazy="joined", innerjoin=True)

    @classmethod
    def on_sale(cls, slug: str, kind: PlanKind = PlanKind.SUBSCRIPTION) -> "Plan | None":
        """Return the plan of this slug and kind if it can be bought."""
        return db.session.scalar(select(cls).filter_by(slug=slug, kind=kind, retired_at=None))

    @classmethod
    def all(cls, kind: PlanKind = PlanKind.SUBSCRIPTION) -> list["Plan"]:
        """Return every plan of a kind that there is or was, in the order of the catalogue."""
        query = select(cls).filter_by(kind=kind).join(cls.product)
        return list(db.session.scalars(query.order_by(Product.position, cls.position, cls.id)))

    @classmethod
    def locked(cls, plan_id: int) -> "Plan":
        """Return a plan, its row locked until the commit."""
        return db.session.get_one(cls, plan_id, with_for_update={"of": cls})

    @property
    def is_on_sale(self) -> bool:
        """Test whether this plan can be bought now."""
        return self.retired_at is None

    @property
    def is_pass(self) -> bool:
        """Test whether this is paid once, for a fixed time."""
        return self.kind is PlanKind.PASS

    @property
    def words(self) -> dict[str, str]:
        """Return what may be written anew."""
        return {
            "name": self.name,
            "summary": self.summary,
            "description": self.description,
            "features": self.features,
        }

    @property
    def stamp(self) -> str:
        """Return what changes with the words."""
        return stamp_of(list(self.words.values()))

    def words_in(self, language: Language) -> dict[str, str]:
        """Return the words in a language; what was not translated is Korean."""
        return {**self.words, **self.translations.get(language, {})}

    @property
    def picture_stamp(self) -> str:
        """Return what changes with the picture and the words that stand for it."""
        return stamp_of([self.picture_sha256 or "", self.picture_alt or ""])

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

    def retire(self, *, now: datetime) -> None:
        """Sell it no more; who subscribes goes on at its price."""
        if not self.is_on_sale:
            raise InvalidTransition(f"plan {self.slug} is not on sale")
        self.retired_at = now

    def put_on_sale(self) -> None:
        """Sell it, for the first time or again, at the price that it was made with."""
        if self.is_on_sale:
            raise InvalidTransition(f"plan {self.slug} is on sale")
        self.retired_at = None

    def is_step_up_from(self, other: "Plan") -> bool:
        """Test whether this plan is dearer or longer: a change to it begins at once."""
        return self.price_won > other.price_won or self.months > other.months

    def is_dearer_than(self, other: "Plan") -> bool:
        """Test whether this is a higher price for the same product and the same interval."""
        ours = (self.product_id, self.interval, self.interval_count)
        theirs = (other.product_id, other.interval, other.interval_count)
        return ours == theirs and self.price_won > other.price_won

    def period(self, anchor_on: date, number: int) -> Period:
        """Return period `number` (from 1) of a term begun on `anchor_on`."""
        return nth_period(anchor_on, number, self.interval, self.interval_count)


_FIXED = (
    "kind",
    "price_won",
    "tax_kind",
    "tax_free_won",
    "interval",
    "interval_count",
    "product_id",
)


@event.listens_for(Plan, "before_update")
def _refuse_another_price(_mapper: Any, _connection: Any, plan: Plan) -> None:
    changed = [name for name in _FIXED if inspect(plan).attrs[name].history.has_changes()]
    if changed:
        raise InvalidTransition(
            f"plan {plan.slug}: {', '.join(changed)} never changes; a new price is a new plan"
        )
