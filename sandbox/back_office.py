"""What a merchant does in Toss's own back office: give money back, delete a billing key."""

import sqlite3

from sandbox import objects
from sandbox.clock import written
from sandbox.state import sandbox


def tell_payment_changed(payment_key: str) -> None:
    """Tell the shop how a payment stands now."""
    ledger = sandbox().ledger
    payment = ledger.one("SELECT * FROM payments WHERE payment_key = ?", payment_key) or ledger.one(
        "SELECT * FROM unauthenticated WHERE payment_key = ?", payment_key
    )
    assert payment is not None
    cancels = ledger.all("SELECT * FROM cancels WHERE payment_key = ? ORDER BY rowid", payment_key)
    sandbox().webhooks.tell("PAYMENT_STATUS_CHANGED", objects.payment(payment, cancels))


def delete_key(row: sqlite3.Row) -> None:
    """Delete a billing key and tell the shop; nothing is charged with it after that."""
    here = sandbox()
    here.ledger.run(
        "UPDATE billing_keys SET deleted_at = ? WHERE billing_key = ?",
        written(here.clock.now()),
        row["billing_key"],
    )
    here.webhooks.tell("BILLING_DELETED", {"billingKey": row["billing_key"], "reason": None})
