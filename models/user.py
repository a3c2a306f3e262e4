"""A user: somebody with an account, as a customer, as Toss's reviewer or as the merchant."""

from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import CheckConstraint, Index, String, select
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Model, beginning_with, db
from rules.wording import Language

_hasher = PasswordHasher()
_ABSENT = _hasher.hash("nobody has this password")


class Role(StrEnum):
    """What an account is for."""

    CUSTOMER = "customer"
    REVIEWER = "reviewer"
    MERCHANT = "merchant"


class User(Model):
    """An account; mails come in its `language`.

    `customer_key` is who it is to Toss: random, and never shown but to its owner.
    """

    __tablename__ = "user_account"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        Index(
            "ix_user_account_email_beginning",
            "email",
            postgresql_ops={"email": "varchar_pattern_ops"},
        ),
        Index(
            "ix_user_account_name_beginning",
            "name",
            postgresql_ops={"name": "varchar_pattern_ops"},
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(100), unique=True)
    name: Mapped[str] = mapped_column(String(50))
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(default=Role.CUSTOMER)
    language: Mapped[Language] = mapped_column(default=Language.KOREAN)
    customer_key: Mapped[str] = mapped_column(String(50), unique=True, default=lambda: str(uuid4()))
    created_at: Mapped[datetime]
    password_changed_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    is_authenticated = True
    is_active = True
    sign_in_token = ""
    """The token of the sign-in that loaded this user: for one request, never stored."""

    def get_id(self) -> str:
        """Return what the cookie holds: the token of this sign-in (Flask-Login asks)."""
        return self.sign_in_token

    @property
    def is_closed(self) -> bool:
        """Test whether its owner left for good."""
        return self.closed_at is not None

    def close(self, *, now: datetime) -> None:
        """Erase who the owner is; the row stays as a number that names nobody."""
        self.email = f"closed-{self.id}@closed.invalid"
        self.name = "탈퇴한 회원"
        self.password_hash = "!"
        self.closed_at = now

    @property
    def is_merchant(self) -> bool:
        """Test whether this account may see the back office."""
        return self.role is Role.MERCHANT

    def set_password(self, password: str, *, now: datetime) -> None:
        """Store a one-way argon2 hash of `password`."""
        self.password_hash = _hasher.hash(password)
        self.password_changed_at = now

    def has_password(self, password: str) -> bool:
        """Test whether `password` is this account's."""
        return _matches(self.password_hash, password)

    @staticmethod
    def normalized_email(text: str) -> str:
        """Return an address as it is stored and compared."""
        return text.strip().lower()

    @classmethod
    def with_email(cls, email: str) -> "User | None":
        """Return the account with this address, whatever its case."""
        return db.session.scalar(select(cls).filter_by(email=cls.normalized_email(email)))

    @classmethod
    def called(cls, beginning: str, *, limit: int) -> list["User"]:
        """Return the accounts whose address or name begins with this text, newest first."""
        by_email = select(cls.id).where(beginning_with(cls.email, beginning.lower()))
        by_name = select(cls.id).where(beginning_with(cls.name, beginning))
        ids = [
            *db.session.scalars(by_email.limit(limit)),
            *db.session.scalars(by_name.limit(limit)),
        ]
        query = select(cls).where(cls.id.in_(ids)).order_by(cls.id.desc())
        return list(db.session.scalars(query.limit(limit)))

    @classmethod
    def with_ids(cls, user_ids: list[int]) -> list["User"]:
        """Return these accounts, newest first."""
        query = select(cls).where(cls.id.in_(user_ids)).order_by(cls.id.desc())
        return list(db.session.scalars(query))

    @classmethod
    def newest(cls, count: int, *, before: int | None = None) -> list["User"]:
        """Return the last accounts, newest first; with `before`, those made before that one."""
        query = select(cls).order_by(cls.id.desc()).limit(count)
        if before is not None:
            query = query.where(cls.id < before)
        return list(db.session.scalars(query))

    @classmethod
    def newest_reviewer(cls) -> "User | None":
        """Return the account that was made last for Toss's reviewer and is still open."""
        query = select(cls).filter_by(role=Role.REVIEWER, closed_at=None)
        return db.session.scalar(query.order_by(cls.id.desc()).limit(1))

    @classmethod
    def with_credentials(cls, email: str, password: str) -> "User | None":
        """Return the account that this pair opens, in the same time whether one exists or not."""
        user = cls.with_email(email)
        if user is None:
            _matches(_ABSENT, password)
            return None
        return user if user.has_password(password) else None


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
