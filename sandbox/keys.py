"""Know the merchants, each by its pair of keys."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.errors import TossError


@dataclass(frozen=True)
class KeyPair:
    """What Toss hands out with one contract."""

    client_key: str
    secret_key: str
    merchant_id: str

    @property
    def is_test(self) -> bool:
        """Test whether this pair is for testing."""
        return self.secret_key.startswith("test_")


BUILT_IN = (
    KeyPair(
        "test_ck_dalbit0sandbox0billing0key", "test_sk_dalbit0sandbox0billing0key", "bill_dalbit"
    ),
    KeyPair(
        "test_ck_dalbit0sandbox0pass0key00", "test_sk_dalbit0sandbox0pass0key00", "pass_dalbit"
    ),
)


class KeyRing:
    """All pairs that are accepted here."""

    def __init__(self, pairs: Iterable[KeyPair]) -> None:
        self._by_secret = {pair.secret_key: pair for pair in pairs}
        self._by_client = {pair.client_key: pair for pair in self._by_secret.values()}

    def authenticate(self, authorization: str | None) -> KeyPair:
        """Return the merchant that an Authorization header speaks for.

        :raises TossError: when the header is malformed or its key is not accepted
        """
        secret_key = _user_of(authorization)
        if "_gsk_" in secret_key:
            raise TossError("INVALID_API_KEY")
        if secret_key not in self._by_secret:
            raise TossError("UNAUTHORIZED_KEY")
        return self._by_secret[secret_key]

    def merchant_of(self, client_key: str) -> KeyPair | None:
        """Return the merchant whose page shows this client key."""
        return self._by_client.get(client_key)


def read_pair(text: str) -> KeyPair:
    """Read "client key:secret key:merchant id".

    :raises ValueError: when it is anything else
    """
    client_key, secret_key, merchant_id = text.split(":")
    if "_ck_" not in client_key or "_sk_" not in secret_key or not 0 < len(merchant_id) <= 14:
        raise ValueError(text)
    return KeyPair(client_key, secret_key, merchant_id)


def _user_of(authorization: str | None) -> str:
    scheme, _, credentials = (authorization or "").partition(" ")
    try:
        user, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise TossError("INCORRECT_BASIC_AUTH_FORMAT") from None
    if scheme.lower() != "basic" or not colon or password:
        raise TossError("INCORRECT_BASIC_AUTH_FORMAT")
    return user
