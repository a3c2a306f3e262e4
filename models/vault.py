"""Secrets at rest: encrypted with rotation, and found again by a keyed fingerprint."""

import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, MultiFernet


class Vault:
    """Encrypts with the newest secret and reads with every one that is configured."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._fernet = MultiFernet([Fernet(secret) for secret in secrets])

    def encrypt(self, plain: str) -> str:
        """Return `plain` encrypted; the same text never encrypts to the same value twice."""
        return self._fernet.encrypt(plain.encode()).decode()

    def decrypt(self, ciphertext: str) -> str:
        """Return what was encrypted.

        :raises cryptography.fernet.InvalidToken: none of the configured secrets opens it.
        """
        return self._fernet.decrypt(ciphertext.encode()).decode()

    def fingerprint(self, plain: str) -> str:
        """Return the HMAC of `plain` under the newest secret, as 64 hex digits."""
        return self._fingerprint(self._secrets[0], plain)

    def fingerprints(self, plain: str) -> list[str]:
        """Return the HMACs of `plain` under every secret, to find rows older than a rotation."""
        return [self._fingerprint(secret, plain) for secret in self._secrets]

    @staticmethod
    def _fingerprint(secret: bytes, plain: str) -> str:
        return hmac.new(b"fingerprint:" + secret, plain.encode(), hashlib.sha256).hexdigest()
