"""A price offer: a dearer plan that the merchant offers to those who pay for another one."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import InvalidTransition, Model, db
from models.plan import Plan
from models.user import User


class PriceOffer(Model):
    """From `from_plan` to `to_plan`, for each customer with their first renewal from a day on.

    Who does not agree goes on as before; `reason` is what customers read.
    """

    __table_args__ = (CheckConstraint("from_plan_id <> to_plan_id", name="another_plan"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    from_plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"), index=True)
    to_plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"))
    change_on: Mapped[date]
    reason: Mapped[str] = mapped_column(String(200))
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    from_plan: Mapped[Plan] = relationship(
        lazy="joined", innerjoin=True, foreign_keys="PriceOffer.from_plan_id"
    )
    to_plan: Mapped[Plan] = relationship(
        lazy="joined", innerjoin=True, foreign_keys="PriceOffer.to_plan_id"
    )
    created_by: Mapped[User] = relationship()

    @classmethod
    def newest(cls) -> list["PriceOffer"]:
        """Return every offer, newest first."""
        return list(db.session.scalars(select(cls).order_by(cls.id.desc())))

    @classmethod
    def locked(cls, offer_id: int, *, read: bool = False) -> "PriceOffer":
        """Return an offer as it is now, kept from being withdrawn until the commit.

        With `read` others may hold it in the same way. Whoever needs a subscription's lock as
        well takes that one first.
        """
        query = select(cls).filter_by(id=offer_id).with_for_update(of=cls, read=read)
        return db.session.scalars(query.execution_options(populate_existing=True)).one()

    @property
    def is_withdrawn(self) -> bool:
        """Test whether the merchant took it back."""
        return self.withdrawn_at is not None

    def withdraw(self, *, now: datetime) -> None:
        """Take it back: whoever agreed to it keeps their price."""
        if self.is_withdrawn:
            raise InvalidTransition(f"price offer {self.id} is withdrawn already")
        self.withdrawn_at = now
