"""Know the payments that were asked for in a window, and end those whose time is over."""

import sqlite3
from datetime import datetime, timedelta

from sandbox import back_office
from sandbox.state import sandbox

OPEN_FOR = timedelta(minutes=30)
CONFIRM_WITHIN = timedelta(minutes=10)

_WAITING = ("READY", "IN_PROGRESS")


def find(column: str, value: str, merchant_id: str) -> sqlite3.Row | None:
    """Return a payment of a merchant, paid or not; of an order the one that got farthest."""
    ledger = sandbox().ledger
    found = ledger.one(
        f"SELECT * FROM payments WHERE {column} = ? AND merchant_id = ?", value, merchant_id
    ) or ledger.one(
        f"SELECT * FROM unauthenticated WHERE {column} = ? AND merchant_id = ?"
        " ORDER BY number DESC LIMIT 1",
        value,
        merchant_id,
    )
    if found is not None and end_if_over(found):
        return find(column, value, merchant_id)
    return found


def is_over(window: sqlite3.Row) -> bool:
    """Test whether a window was open, or its payment waited to be confirmed, for too long."""
    if window["status"] == "IN_PROGRESS":
        since, longest = window["authenticated_at"], CONFIRM_WITHIN
    else:
        since, longest = window["opened_at"], OPEN_FOR
    return sandbox().clock.now() - datetime.fromisoformat(since) > longest


def end_if_over(payment: sqlite3.Row) -> bool:
    """End a payment that waited too long; True where that was so."""
    if payment["status"] not in _WAITING:
        return False
    window = sandbox().ledger.one(
        "SELECT * FROM payment_windows WHERE payment_key = ?", payment["payment_key"]
    )
    if window is None or not is_over(window):
        return False
    end(payment["payment_key"], "EXPIRED")
    return True


def end_all_over() -> None:
    """End every payment that waited too long, as Toss does without being asked."""
    for window in sandbox().ledger.all(
        "SELECT * FROM payment_windows WHERE status IN ('READY', 'IN_PROGRESS')"
    ):
        end_if_over(window)


def end(payment_key: str, status: str, fail_code: str | None = None) -> None:
    """Let a payment come to nothing, and tell the shop."""
    ledger = sandbox().ledger
    ledger.run(
        "UPDATE payment_windows SET status = ?, fail_code = ? WHERE payment_key = ?",
        status,
        fail_code,
        payment_key,
    )
    ledger.run("UPDATE payments SET status = ? WHERE payment_key = ?", status, payment_key)
    back_office.tell_payment_changed(payment_key)
