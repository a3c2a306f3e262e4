"""The calls about billing keys: issue and delete."""

import base64
import secrets
import sqlite3

from flask import Blueprint, Response, jsonify

from sandbox import back_office, objects
from sandbox.api import body, call, lose_answer, merchant
from sandbox.billing_keys import customer_key_in, find_key
from sandbox.cards import BY_VALUE, Card
from sandbox.clock import written
from sandbox.errors import TossError
from sandbox.fields import text
from sandbox.state import sandbox

blueprint = Blueprint("billing", __name__)


@call(blueprint, "issue", "POST", "/billing/authorizations/issue")
def issue() -> Response:
    """Exchange the one-time key of a finished card window for a billing key."""
    fields = body()
    auth_key = text(fields, "authKey", longest=300)
    return _issue(auth_key, customer_key_in(fields))


@call(blueprint, "issue", "POST", "/billing/authorizations/card")
def issue_by_card() -> Response:
    """Refuse card numbers: this way of issuing needs a contract that nobody gets any more."""
    raise TossError("NOT_SUPPORTED_METHOD")


@call(blueprint, "issue", "POST", "/billing/authorizations/<auth_key>")
def issue_in_the_old_way(auth_key: str) -> Response:
    """Do as `issue`, with the one-time key in the path."""
    return _issue(auth_key, customer_key_in(body()))


@call(blueprint, "delete", "DELETE", "/billing/<billing_key>")
def delete(billing_key: str) -> Response:
    """Delete a billing key; nothing is charged with it after that."""
    here = sandbox()
    with here.ledger.transaction():
        row = find_key(billing_key)
        if row is None:
            raise TossError("NOT_FOUND_BILLING")
        if row["deleted_at"]:
            raise TossError("ALREADY_REMOVED_BILLING_KEY")
        back_office.delete_key(row)
    return Response(status=200)


def _issue(auth_key: str, customer_key: str) -> Response:
    here = sandbox()
    now = written(here.clock.now())
    with here.ledger.transaction():
        window = _use(auth_key, customer_key, now)
        card = BY_VALUE[window["card"]]
        if not card.refused_at_issue:
            return _answer_with(_add_key(window, now), card)
    raise TossError(card.refused_at_issue)


def _use(auth_key: str, customer_key: str, now: str) -> sqlite3.Row:
    ledger = sandbox().ledger
    window = ledger.one(
        """SELECT * FROM windows WHERE auth_key = ? AND customer_key = ? AND merchant_id = ?
           AND auth_key_used_at IS NULL""",
        auth_key,
        customer_key,
        merchant().merchant_id,
    )
    if window is None:
        raise TossError("NOT_FOUND_BILLING")
    ledger.run("UPDATE windows SET auth_key_used_at = ? WHERE id = ?", now, window["id"])
    return window


def _add_key(window: sqlite3.Row, now: str) -> sqlite3.Row:
    ledger = sandbox().ledger
    copied = ("merchant_id", "customer_key", "customer_name", "customer_email", "card")
    number = ledger.add(
        "billing_keys",
        billing_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        issued_at=now,
        **{name: window[name] for name in copied},
    )
    [row] = ledger.all("SELECT * FROM billing_keys WHERE rowid = ?", number)
    return row


def _answer_with(billing_key: sqlite3.Row, card: Card) -> Response:
    if card.loses_issue_answer:
        lose_answer()
    return jsonify(objects.billing(billing_key))
