"""A breaker: Toss refuses a pair of keys, so nothing is charged with it for a while."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, String, select
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Model, batch, db

PROBE_EVERY = timedelta(minutes=10)


class Breaker(Model):
    """Stands while a pair of keys or its contract is refused; gone when a probe went through."""

    key_pair: Mapped[str] = mapped_column(String(10), primary_key=True)
    code: Mapped[str] = mapped_column(String(100))
    opened_at: Mapped[datetime]
    next_probe_at: Mapped[datetime]

    @classmethod
    def open(cls, key_pair: str, *, code: str, now: datetime) -> bool:
        """Stop charging with this pair; False where that was decided before."""
        known = db.session.get(cls, key_pair, populate_existing=True)
        if known is not None:
            return False
        breaker = cls(
            key_pair=key_pair, code=code[:100], opened_at=now, next_probe_at=now + PROBE_EVERY
        )
        db.session.add(breaker)
        return True

    @classmethod
    def open_for(cls, key_pair: str) -> Select[Any]:
        """Return the query that finds the breaker of this pair."""
        return select(cls.key_pair).filter_by(key_pair=key_pair)

    @classmethod
    def all_open(cls) -> list["Breaker"]:
        """Return the pairs that are refused now."""
        return list(db.session.scalars(select(cls).order_by(cls.key_pair)))

    @classmethod
    def is_open(cls, key_pair: str) -> bool:
        """Test whether nothing is charged with this pair now."""
        return db.session.scalar(cls.open_for(key_pair)) is not None

    @classmethod
    def to_probe(cls, *, now: datetime, after: Any = None, limit: int) -> list[Any]:
        """Return the pairs that may be tried again now."""
        query = select(cls.key_pair).where(cls.next_probe_at <= now)
        return batch(query, after=after, limit=limit)

    def postpone_probe(self, *, now: datetime) -> None:
        """Note that the pair is still refused."""
        self.next_probe_at = now + PROBE_EVERY

    def close(self) -> None:
        """Let charging go on."""
        db.session.delete(self)
