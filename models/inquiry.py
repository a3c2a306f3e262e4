"""An inquiry: a question to the shop, and its answer; kept three years (전자상거래법 6조)."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, select, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InvalidTransition, Model, batch, db
from rules.wording import Language

_OPEN_SQL = text("answered_at IS NULL")


class Inquiry(Model):
    """What somebody asked; a stranger's has no user, and is answered by mail only.

    `language` is that of the page that it was asked on.
    """

    __table_args__ = (
        Index("ix_inquiry_open", "id", sqlite_where=_OPEN_SQL, postgresql_where=_OPEN_SQL),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"), index=True)
    name: Mapped[str] = mapped_column(String(50))
    email: Mapped[str] = mapped_column(String(100))
    topic: Mapped[str] = mapped_column(String(20))
    body: Mapped[str] = mapped_column(Text)
    language: Mapped[Language] = mapped_column(default=Language.KOREAN)
    created_at: Mapped[datetime]
    answer: Mapped[str | None] = mapped_column(Text)
    answered_at: Mapped[datetime | None]
    keep_until_on: Mapped[date] = mapped_column(index=True)

    @classmethod
    def of_user(cls, user_id: int) -> list["Inquiry"]:
        """Return what a customer asked, newest first."""
        return list(
            db.session.scalars(select(cls).filter_by(user_id=user_id).order_by(cls.id.desc()))
        )

    @classmethod
    def of_user_with(cls, inquiry_id: int, *, user_id: int) -> "Inquiry | None":
        """Return this customer's inquiry."""
        return db.session.scalar(select(cls).filter_by(id=inquiry_id, user_id=user_id))

    @classmethod
    def unanswered(cls, limit: int | None = None) -> list["Inquiry"]:
        """Return what waits for an answer, the oldest first."""
        query = select(cls).filter_by(answered_at=None).order_by(cls.id).limit(limit)
        return list(db.session.scalars(query))

    @classmethod
    def expired(cls, day: date, *, after: Any = None, limit: int) -> list[Any]:
        """Return (day, id) of inquiries that are not to be kept any longer."""
        query = select(cls.keep_until_on, cls.id).where(cls.keep_until_on <= day)
        return batch(query, after=after, limit=limit)

    @property
    def is_answered(self) -> bool:
        """Test whether the shop has answered."""
        return self.answered_at is not None

    def reply(self, answer: str, *, now: datetime) -> None:
        """Keep the shop's answer, once."""
        if self.is_answered:
            raise InvalidTransition(f"inquiry {self.id} is answered already")
        self.answer = answer
        self.answered_at = now
