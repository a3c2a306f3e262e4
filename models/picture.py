"""A picture that the merchant uploaded: its bytes, under the hash of them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy import LargeBinary, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Model, db
from models.plan import Plan


@dataclass(frozen=True)
class PictureFile:
    """A picture as the shop itself encoded it."""

    content: bytes
    content_type: str
    width: int
    height: int

    @cached_property
    def sha256(self) -> str:
        """Return what the picture is called."""
        return hashlib.sha256(self.content).hexdigest()


class Picture(Model):
    """A picture; the same bytes are kept once and never change.

    They lie in the database, so that back-ups and every web machine have them, and are read only
    where they are asked for.
    """

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    content_type: Mapped[str] = mapped_column(String(20))
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime]

    @classmethod
    def keep(cls, file: PictureFile, *, now: datetime) -> None:
        """Add a picture, unless the same is there."""
        if db.session.get(cls, file.sha256) is None:
            picture = cls(
                sha256=file.sha256,
                content=file.content,
                content_type=file.content_type,
                width=file.width,
                height=file.height,
                created_at=now,
            )
            db.session.add(picture)
            db.session.flush()

    @classmethod
    def drop_unused(cls, *, but: str | None) -> None:
        """Delete every picture that no plan shows, but this one."""
        shown = select(Plan.id).where(Plan.picture_sha256 == cls.sha256).exists()
        query = delete(cls).where(~shown, cls.sha256 != (but or ""))
        db.session.execute(query.execution_options(synchronize_session=False))
