"""What issuing and charging both know about customers and billing keys."""

import sqlite3

from sandbox.api import merchant
from sandbox.fields import Fields, text
from sandbox.state import sandbox

_CUSTOMER_KEY = r"[A-Za-z0-9_\-=.@]*"


def customer_key_in(fields: Fields) -> str:
    """Return the customer key of a body.

    :raises TossError: when it is missing or not made of the permitted characters
    """
    return text(
        fields,
        "customerKey",
        shortest=2,
        longest=300,
        pattern=_CUSTOMER_KEY,
        otherwise="INVALID_CUSTOMER_KEY",
    )


def find_key(billing_key: str) -> sqlite3.Row | None:
    """Return a billing key of this merchant, deleted or not."""
    return sandbox().ledger.one(
        "SELECT * FROM billing_keys WHERE billing_key = ? AND merchant_id = ?",
        billing_key,
        merchant().merchant_id,
    )
