"""An audit entry: who did what to which record, and when. Rows are only ever added."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, select, text, tuple_
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from models.base import Model, batch, db
from models.user import User

_OFFICE_SQL = text("action LIKE 'back_office.%'")


class AuditEntry(Model):
    """One act of a person or a program; `facts` holds ids and amounts, never a secret.

    The database refuses to change an entry, and to remove one within a year (migration 0013).
    """

    __table_args__ = (
        Index("ix_audit_entry_subject", "subject_type", "subject_id"),
        Index(
            "ix_audit_entry_office",
            "at",
            "id",
            sqlite_where=_OFFICE_SQL,
            postgresql_where=_OFFICE_SQL,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"), index=True)
    action: Mapped[str] = mapped_column(String(50))
    subject_type: Mapped[str] = mapped_column(String(30))
    subject_id: Mapped[str] = mapped_column(String(50))
    address: Mapped[str | None] = mapped_column(String(45))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    actor: Mapped[User | None] = relationship()

    @classmethod
    def write(
        cls,
        action: str,
        *,
        subject_type: str,
        subject_id: int | str,
        now: datetime,
        actor_id: int | None = None,
        address: str | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        """Add an entry to the log."""
        entry = cls(
            at=now,
            actor_id=actor_id,
            action=action,
            subject_type=subject_type,
            subject_id=str(subject_id),
            address=address,
            facts=facts or {},
        )
        db.session.add(entry)

    @classmethod
    def about(cls, subjects: Iterable[tuple[str, int | str]]) -> list["AuditEntry"]:
        """Return what was done with these records (type and id), the oldest first."""
        wanted = [(kind, str(number)) for kind, number in subjects]
        query = select(cls).where(tuple_(cls.subject_type, cls.subject_id).in_(wanted))
        query = query.options(joinedload(cls.actor)).order_by(cls.id)
        return list(db.session.scalars(query))

    @classmethod
    def old_visits(cls, *, before: datetime, after: Any = None, limit: int) -> list[Any]:
        """Return (instant, id) of what was seen and done in the back office before."""
        query = select(cls.at, cls.id).where(_OFFICE_SQL, cls.at < before)
        return batch(query, after=after, limit=limit)

    @property
    def is_visit(self) -> bool:
        """Test whether this tells of a page of the back office."""
        return self.action.startswith("back_office.")

    @classmethod
    def newest(cls, count: int, *, before: int | None = None) -> list["AuditEntry"]:
        """Return the last entries, newest first; with `before`, those that are older than it."""
        query = select(cls).options(joinedload(cls.actor)).order_by(cls.id.desc()).limit(count)
        if before is not None:
            query = query.where(cls.id < before)
        return list(db.session.scalars(query))
