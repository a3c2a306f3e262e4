"""A product: what a subscription gives access to; plans are the ways to pay for it."""

from typing import TYPE_CHECKING

from sqlalchemy import JSON, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from models.base import Model, db
from rules.catalogue import stamp_of
from rules.wording import Language

if TYPE_CHECKING:
    from models.plan import Plan


class Product(Model):
    """One thing on sale; a customer has at most one live subscription to it."""

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str] = mapped_column(String(50))
    description: Mapped[str] = mapped_column(Text)
    translations: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON, default=dict)
    position: Mapped[int] = mapped_column(default=0)
    plans: Mapped[list["Plan"]] = relationship(
        back_populates="product", order_by="Plan.position, Plan.id"
    )

    @classmethod
    def in_order(cls) -> list["Product"]:
        """Return every product with its plans, in their order, by two queries."""
        query = select(cls).options(selectinload(cls.plans)).order_by(cls.position, cls.id)
        return list(db.session.scalars(query))

    @classmethod
    def on_sale(cls) -> list["Product"]:
        """Return the products that can be subscribed to, in their order."""
        return [product for product in cls.in_order() if product.plans_on_sale]

    @classmethod
    def with_passes(cls) -> list["Product"]:
        """Return the products that a pass can be bought for, in their order."""
        return [product for product in cls.in_order() if product.passes_on_sale]

    @classmethod
    def lock_catalogue(cls) -> list["Product"]:
        """Return every product in its order, locked: one change of the catalogue at a time.

        Customers who subscribe meanwhile do not wait for it.
        """
        query = select(cls).order_by(cls.position, cls.id).with_for_update(key_share=True)
        return list(db.session.scalars(query.execution_options(populate_existing=True)))

    @property
    def plans_on_sale(self) -> list["Plan"]:
        """Return this product's plans that can be subscribed to now, in their order."""
        return [plan for plan in self.plans if plan.is_on_sale and not plan.is_pass]

    @property
    def passes_on_sale(self) -> list["Plan"]:
        """Return this product's passes that can be bought now, in their order."""
        return [plan for plan in self.plans if plan.is_on_sale and plan.is_pass]

    @property
    def words(self) -> dict[str, str]:
        """Return what may be written anew."""
        return {"name": self.name, "description": self.description}

    @property
    def stamp(self) -> str:
        """Return what changes with the words."""
        return stamp_of(list(self.words.values()))

    def words_in(self, language: Language) -> dict[str, str]:
        """Return the words in a language; what was not translated is Korean."""
        return {**self.words, **self.translations.get(language, {})}
