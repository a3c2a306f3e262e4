"""A second factor: the app on the merchant's phone that shows a new code every thirty seconds."""

from datetime import datetime

import pyotp
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import ForeignKey, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Model, db
from models.user import User
from models.vault import Vault

STEPS_OFF = 1
"""A phone's clock may be half a minute off, either way."""


class SecondFactor(Model):
    """What an account shares with its owner's phone (TOTP, RFC 6238), encrypted at rest.

    `confirmed_at` stands once a code of it was right; `last_step` is the newest code's number, so
    that no code opens anything twice.
    """

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    ciphertext: Mapped[str] = mapped_column(Text)
    last_step: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]

    @classmethod
    def of(cls, user: User, *, vault: Vault, now: datetime) -> "SecondFactor":
        """Return the locked second factor of `user`, drawn here where there was none."""
        factor = cls._locked(user)
        if factor is None:
            secret = vault.encrypt(pyotp.random_base32())
            factor = cls(user_id=user.id, ciphertext=secret, last_step=0, created_at=now)
            db.session.add(factor)
        return factor

    @classmethod
    def forget(cls, user: User) -> bool:
        """Delete the second factor of `user`; the next sign-in draws a new one."""
        factor = cls._locked(user)
        if factor is not None:
            db.session.delete(factor)
        return factor is not None

    @classmethod
    def _locked(cls, user: User) -> "SecondFactor | None":
        db.session.execute(select(User.id).filter_by(id=user.id).with_for_update())
        return db.session.get(cls, user.id, populate_existing=True)

    @property
    def is_confirmed(self) -> bool:
        """Test whether its owner has shown a code of it."""
        return self.confirmed_at is not None

    def secret(self, vault: Vault) -> str:
        """Return what the owner's phone is to know, in base 32."""
        return vault.decrypt(self.ciphertext)

    def accept(self, code: str, *, vault: Vault, moment: datetime) -> bool:
        """Test a code of six digits at the real `moment`; one that was right is right only once."""
        totp = pyotp.TOTP(self.secret(vault))
        try:
            step = totp.verify_and_get_timecode(code, for_time=moment, valid_window=STEPS_OFF)
        except OTPVerificationError:
            return False
        if step <= self.last_step:
            return False
        self.last_step = step
        self.confirmed_at = self.confirmed_at or moment
        return True
