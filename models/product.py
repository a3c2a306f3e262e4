"""A product: what a subscription gives access to; plans are the ways to pay for it."""

from typing import TYPE_CHECKING

from sqlalchemy import String, Text, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Model, db

if TYPE_CHECKING:
    from models.plan import Plan


class Product(Model):
    """One thing on sale; a customer has at most one live subscription to it."""

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str] = mapped_column(String(50))
    description: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(default=0)
    plans: Mapped[list["Plan"]] = relationship(back_populates="product", order_by="Plan.position")

    @classmethod
    def on_sale(cls) -> list["Product"]:
        """Return the products that have a plan on sale, in their order."""
        products = db.session.scalars(select(cls).order_by(cls.position, cls.id)).all()
        return [product for product in products if product.plans_on_sale]

    @property
    def plans_on_sale(self) -> list["Plan"]:
        """Return this product's plans that can be bought now, in their order."""
        return [plan for plan in self.plans if plan.is_on_sale]
