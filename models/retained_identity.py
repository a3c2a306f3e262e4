"""Who a closed account belonged to: kept apart and encrypted for as long as the law asks."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Model, batch, db
from models.user import User
from models.vault import Vault


class RetainedIdentity(Model):
    """Name and address of one who left, for disputes about contracts and payments.

    The rows of contracts and payments stay under the account's number, which names nobody
    (전자상거래법 6조, five years).
    """

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    ciphertext: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    keep_until_on: Mapped[date] = mapped_column(index=True)

    @classmethod
    def keep(cls, user: User, *, until_on: date, vault: Vault, now: datetime) -> None:
        """Keep who a user is until a day."""
        kept = cls(
            user_id=user.id,
            ciphertext=vault.encrypt(f"{user.name}\n{user.email}"),
            created_at=now,
            keep_until_on=until_on,
        )
        db.session.add(kept)

    @classmethod
    def expired(cls, day: date, *, after: Any = None, limit: int) -> list[Any]:
        """Return (day, id) of identities that are not to be kept any longer."""
        query = select(cls.keep_until_on, cls.user_id).where(cls.keep_until_on <= day)
        return batch(query, after=after, limit=limit)
