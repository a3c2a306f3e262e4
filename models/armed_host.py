"""An armed host: a machine that may move money with a live key and send the shop's mail."""

from datetime import datetime

from sqlalchemy import Engine, String, select
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Model, db, read_aside


class ArmedHost(Model):
    """A machine and the key that it was armed for; a copy of the database on another is mute."""

    host_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_hmac: Mapped[str] = mapped_column(String(64), primary_key=True)
    armed_at: Mapped[datetime]

    @classmethod
    def arm(cls, host_id: str, key_hmac: str, *, now: datetime) -> None:
        """Let this machine act with this key; safe to repeat."""
        if db.session.get(cls, (host_id, key_hmac)) is None:
            db.session.add(cls(host_id=host_id, key_hmac=key_hmac, armed_at=now))

    @classmethod
    def disarm(cls, host_id: str) -> int:
        """Take the right to act from a machine; return how many keys it had."""
        rows = list(db.session.scalars(select(cls).filter_by(host_id=host_id)))
        for row in rows:
            db.session.delete(row)
        return len(rows)

    @classmethod
    def is_armed(cls, engine: Engine, host_id: str, key_hmac: str) -> bool:
        """Test whether this machine may act with this key."""
        query = select(cls.host_id).filter_by(host_id=host_id, key_hmac=key_hmac)
        return read_aside(engine, query) is not None

    @classmethod
    def all(cls) -> list["ArmedHost"]:
        """Return every armed machine, the oldest first."""
        return list(db.session.scalars(select(cls).order_by(cls.armed_at)))
