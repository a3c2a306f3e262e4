"""A sign-in: one browser in which somebody is signed in, until it ends here."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, String, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Model, batch, db
from models.user import User

LIFETIME = timedelta(days=14)
BACK_OFFICE_IDLE = timedelta(minutes=30)
BACK_OFFICE_LONGEST = timedelta(hours=8)


class SignIn(Model):
    """The server's side of a session cookie; the cookie's token is kept as a hash only.

    The back office is open in it from the second factor on, for half an hour after each page and
    for eight hours in all.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(255))
    second_factor_at: Mapped[datetime | None]
    back_office_until: Mapped[datetime | None]
    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)

    @classmethod
    def begin(cls, user: User, *, address: str, user_agent: str, now: datetime) -> str:
        """Add a sign-in of `user` and return its token, which is stored nowhere."""
        token = secrets.token_urlsafe(32)
        sign_in = cls(
            token_hash=_hash(token),
            user_id=user.id,
            created_at=now,
            expires_at=now + LIFETIME,
            address=address[:45],
            user_agent=user_agent[:255],
        )
        db.session.add(sign_in)
        return token

    @classmethod
    def with_token(cls, token: str, *, now: datetime) -> "SignIn | None":
        """Return the sign-in of this token, unless it ended or ran out."""
        query = select(cls).filter_by(token_hash=_hash(token), ended_at=None)
        return db.session.scalar(query.where(cls.expires_at > now))

    @classmethod
    def end_all(cls, user: User, *, now: datetime) -> None:
        """End every sign-in of `user`, wherever it is."""
        db.session.execute(
            update(cls).where(cls.user_id == user.id, cls.ended_at.is_(None)).values(ended_at=now)
        )

    @classmethod
    def of_user(cls, user_id: int, *, now: datetime) -> list["SignIn"]:
        """Return where a user is signed in now, newest first."""
        query = select(cls).filter_by(user_id=user_id, ended_at=None).where(cls.expires_at > now)
        return list(db.session.scalars(query.order_by(cls.id.desc())))

    @classmethod
    def outdated(cls, *, before: datetime, after: Any = None, limit: int) -> list[Any]:
        """Return (instant, id) of sign-ins that ran out before and are not to be kept."""
        query = select(cls.expires_at, cls.id).where(cls.expires_at < before)
        return batch(query, after=after, limit=limit)

    def is_of(self, token: str) -> bool:
        """Test whether this is the sign-in of this token."""
        return self.token_hash == _hash(token)

    def open_back_office(self, *, now: datetime) -> None:
        """Let this browser into the back office: its user has shown the second factor."""
        self.second_factor_at = now
        self.stay_in_back_office(now=now)

    def is_in_back_office(self, *, now: datetime) -> bool:
        """Test whether the back office is open in this browser."""
        return self.back_office_until is not None and now < self.back_office_until

    def stay_in_back_office(self, *, now: datetime) -> None:
        """Keep the back office open: another of its pages was asked for."""
        assert self.second_factor_at is not None
        self.back_office_until = min(
            now + BACK_OFFICE_IDLE, self.second_factor_at + BACK_OFFICE_LONGEST
        )

    def end(self, *, now: datetime) -> None:
        """Make this sign-in's cookie worthless."""
        self.ended_at = self.ended_at or now


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
