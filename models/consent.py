"""A consent: a yes to one text, kept word for word with its time and address."""

import hashlib
from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Model, db


class Consent(Model):
    """Somebody agreed to `text` of `document` in `version`. Rows are only ever added."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    checkout_id: Mapped[str | None] = mapped_column(ForeignKey("checkout.id"), index=True)
    document: Mapped[str] = mapped_column(String(30))
    version: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text)
    text_sha256: Mapped[str] = mapped_column(String(64))
    given_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(45))

    @classmethod
    def give(
        cls,
        *,
        user_id: int,
        document: str,
        version: str,
        text: str,
        now: datetime,
        address: str,
        checkout_id: str | None = None,
    ) -> "Consent":
        """Add a consent with the hash of its text."""
        consent = cls(
            user_id=user_id,
            checkout_id=checkout_id,
            document=document,
            version=version,
            text=text,
            text_sha256=hashlib.sha256(text.encode()).hexdigest(),
            given_at=now,
            address=address[:45],
        )
        db.session.add(consent)
        return consent
