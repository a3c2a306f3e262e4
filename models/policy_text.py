"""A policy as it was shown: kept once, word for word, for whoever agreed to it."""

import hashlib
from datetime import datetime

from sqlalchemy import String, Text, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Model, db


class PolicyText(Model):
    """The HTML of one version of a policy with the settings of a day. Rows are only ever added."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    version: Mapped[str] = mapped_column(String(20))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    html: Mapped[str] = mapped_column(Text)
    first_shown_at: Mapped[datetime]

    @classmethod
    def keep(cls, *, name: str, version: str, html: str, now: datetime) -> "PolicyText":
        """Return the row of this text; add it if these words were never agreed to before."""
        sha256 = hashlib.sha256(f"{name} {version}\n{html}".encode()).hexdigest()
        found = cls._with(sha256)
        if found is not None:
            return found
        added = cls(name=name, version=version, sha256=sha256, html=html, first_shown_at=now)
        try:
            with db.session.begin_nested():
                db.session.add(added)
        except IntegrityError:
            return db.session.scalars(select(cls).filter_by(sha256=sha256)).one()
        return added

    @classmethod
    def _with(cls, sha256: str) -> "PolicyText | None":
        return db.session.scalar(select(cls).filter_by(sha256=sha256))
