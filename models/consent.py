"""A consent: a yes to one text, kept word for word with its time and address."""

import hashlib
from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, lazyload, mapped_column, relationship

from models.base import Model, db
from models.checkout import Checkout
from models.policy_text import PolicyText
from models.quote import Quote


class Consent(Model):
    """Somebody agreed to `text` of `document` in `version`. Rows are only ever added.

    The amount that was shown with it is the quote of `checkout_id`, or `quote_id` where what was
    agreed to is charged without a checkout.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    checkout_id: Mapped[str | None] = mapped_column(ForeignKey("checkout.id"), index=True)
    quote_id: Mapped[int | None] = mapped_column(ForeignKey("quote.id"), index=True)
    document: Mapped[str] = mapped_column(String(30))
    version: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text)
    text_sha256: Mapped[str] = mapped_column(String(64))
    given_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(45))
    policy_text_id: Mapped[int | None] = mapped_column(ForeignKey("policy_text.id"))
    policy_text: Mapped[PolicyText | None] = relationship(lazy="joined")

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
        quote: Quote | None = None,
        policy_text: PolicyText | None = None,
    ) -> "Consent":
        """Add a consent with the hash of its text, and the policy that it speaks of."""
        consent = cls(
            user_id=user_id,
            checkout_id=checkout_id,
            quote_id=quote.id if quote is not None else None,
            document=document,
            version=version,
            text=text,
            text_sha256=hashlib.sha256(text.encode()).hexdigest(),
            given_at=now,
            address=address[:45],
            policy_text=policy_text,
        )
        db.session.add(consent)
        return consent

    @classmethod
    def of_user(cls, user_id: int) -> list["Consent"]:
        """Return a customer's consents, newest first."""
        query = select(cls).filter_by(user_id=user_id).order_by(cls.id.desc())
        return list(db.session.scalars(query))

    @classmethod
    def last_of_user(cls, user_id: int, *, limit: int) -> list["Consent"]:
        """Return a customer's last consents, newest first, without the policies' own words."""
        query = select(cls).filter_by(user_id=user_id).options(lazyload(cls.policy_text))
        return list(db.session.scalars(query.order_by(cls.id.desc()).limit(limit)))

    @classmethod
    def of_user_with(cls, consent_id: int, *, user_id: int) -> "Consent | None":
        """Return this customer's consent."""
        return db.session.scalar(select(cls).filter_by(id=consent_id, user_id=user_id))

    @classmethod
    def for_quote(cls, quote_id: int) -> list["Consent"]:
        """Return what a customer agreed to when this quote was shown."""
        of_quote = select(Checkout.id).filter_by(quote_id=quote_id)
        query = select(cls).where((cls.quote_id == quote_id) | cls.checkout_id.in_(of_quote))
        query = query.order_by(cls.id)
        return list(db.session.scalars(query))
