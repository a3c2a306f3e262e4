"""The calls about billing keys: issue, charge, delete."""

import base64
import secrets
import sqlite3
import string
import time

from flask import Blueprint, Response, jsonify

from sandbox import objects
from sandbox.api import body, call, lose_answer, merchant
from sandbox.cards import BY_VALUE
from sandbox.clock import written
from sandbox.errors import TossError
from sandbox.fields import Fields, optional_text, optional_won, text, whole_number
from sandbox.state import sandbox

blueprint = Blueprint("billing", __name__)

SMALLEST_CHARGE = 100
SMALLEST_INSTALLMENT_CHARGE = 50_000

_CUSTOMER_KEY = r"[A-Za-z0-9_\-=.@]*"
_LETTERS = string.ascii_letters + string.digits


@call(blueprint, "issue", "POST", "/billing/authorizations/issue")
def issue() -> Response:
    """Exchange the one-time key of a finished card window for a billing key."""
    fields = body()
    auth_key = text(fields, "authKey", longest=300)
    return _issue(auth_key, _customer_key(fields))


@call(blueprint, "issue", "POST", "/billing/authorizations/card")
def issue_by_card() -> Response:
    """Refuse card numbers: this way of issuing needs a contract that nobody gets any more."""
    raise TossError("NOT_SUPPORTED_METHOD")


@call(blueprint, "issue", "POST", "/billing/authorizations/<auth_key>")
def issue_in_the_old_way(auth_key: str) -> Response:
    """Do as `issue`, with the one-time key in the path."""
    return _issue(auth_key, _customer_key(body()))


@call(blueprint, "charge", "POST", "/billing/<billing_key>")
def charge(billing_key: str) -> Response:
    """Charge the card behind a billing key."""
    charge = _read_charge(body())
    key = _key_to_charge(billing_key, charge["customer_key"])
    card = BY_VALUE[key["card"]]
    if card.refused_at_charge:
        raise TossError(card.refused_at_charge)
    if card.is_slow:
        time.sleep(sandbox().slow_seconds)
    payment = _approve(key, charge)
    if card.loses_charge_answer:
        lose_answer()
    return jsonify(objects.payment(payment, []))


@call(blueprint, "delete", "DELETE", "/billing/<billing_key>")
def delete(billing_key: str) -> Response:
    """Delete a billing key; nothing is charged with it after that."""
    here = sandbox()
    with here.ledger.transaction():
        row = _key(billing_key)
        if row is None:
            raise TossError("NOT_FOUND_BILLING")
        if row["deleted_at"]:
            raise TossError("ALREADY_REMOVED_BILLING_KEY")
        here.ledger.run(
            "UPDATE billing_keys SET deleted_at = ? WHERE billing_key = ?",
            written(here.clock.now()),
            billing_key,
        )
    return Response(status=200)


def _customer_key(fields: Fields) -> str:
    return text(
        fields,
        "customerKey",
        shortest=2,
        longest=300,
        pattern=_CUSTOMER_KEY,
        otherwise="INVALID_CUSTOMER_KEY",
    )


def _issue(auth_key: str, customer_key: str) -> Response:
    window = _use(auth_key, customer_key)
    card = BY_VALUE[window["card"]]
    if card.refused_at_issue:
        raise TossError(card.refused_at_issue)
    here = sandbox()
    billing_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    here.ledger.add(
        "billing_keys",
        billing_key=billing_key,
        merchant_id=merchant().merchant_id,
        customer_key=customer_key,
        card=card.value,
        issued_at=written(here.clock.now()),
    )
    if card.loses_issue_answer:
        lose_answer()
    row = _key(billing_key)
    assert row is not None
    return jsonify(objects.billing(row))


def _use(auth_key: str, customer_key: str) -> sqlite3.Row:
    here = sandbox()
    with here.ledger.transaction():
        window = here.ledger.one(
            """SELECT * FROM windows WHERE auth_key = ? AND customer_key = ? AND merchant_id = ?
               AND auth_key_used_at IS NULL""",
            auth_key,
            customer_key,
            merchant().merchant_id,
        )
        if window is None:
            raise TossError("NOT_FOUND_BILLING")
        here.ledger.run(
            "UPDATE windows SET auth_key_used_at = ? WHERE id = ?",
            written(here.clock.now()),
            window["id"],
        )
    return window


def _read_charge(fields: Fields) -> Fields:
    amount = whole_number(fields, "amount")
    if amount < 0:
        raise TossError("BELOW_ZERO_AMOUNT")
    if amount < SMALLEST_CHARGE:
        raise TossError("BELOW_MINIMUM_AMOUNT")
    tax_free = optional_won(fields, "taxFreeAmount") or 0
    exemption = optional_won(fields, "taxExemptionAmount") or 0
    if tax_free + exemption > amount:
        raise TossError("INVALID_REQUEST")
    optional_text(fields, "customerIp", longest=45, otherwise="INVALID_REQUEST")
    return {
        "customer_key": _customer_key(fields),
        "order_id": text(
            fields,
            "orderId",
            shortest=6,
            longest=64,
            pattern=r"[A-Za-z0-9_\-]*",
            otherwise="INVALID_ORDER_ID",
        ),
        "order_name": text(fields, "orderName", longest=100, otherwise="INVALID_ORDER_NAME"),
        "customer_name": optional_text(
            fields, "customerName", longest=100, otherwise="INVALID_REQUEST"
        ),
        "customer_email": optional_text(
            fields,
            "customerEmail",
            longest=100,
            pattern=r"[^@\s]+@[^@\s]+",
            otherwise="INVALID_EMAIL",
        ),
        "total_amount": amount,
        "balance_amount": amount,
        "tax_free_amount": tax_free,
        "tax_exemption_amount": exemption,
        "installment_months": _installment_months(fields, amount),
    }


def _installment_months(fields: Fields, amount: int) -> int:
    if fields.get("cardInstallmentPlan") is None:
        return 0
    months = whole_number(fields, "cardInstallmentPlan")
    if months not in (0, *range(2, 13)):
        raise TossError("INVALID_CARD_INSTALLMENT_PLAN")
    if months and amount < SMALLEST_INSTALLMENT_CHARGE:
        raise TossError("NOT_ALLOWED_INSTALLMENT_BELOW_AMOUNT")
    return months


def _key_to_charge(billing_key: str, customer_key: object) -> sqlite3.Row:
    row = _key(billing_key)
    if row is None:
        raise TossError("INVALID_BILL_KEY_REQUEST")
    if row["deleted_at"]:
        raise TossError("ALREADY_REMOVED_BILLING_KEY")
    if row["customer_key"] != customer_key:
        raise TossError("NOT_MATCHES_CUSTOMER_KEY")
    return row


def _key(billing_key: str) -> sqlite3.Row | None:
    return sandbox().ledger.one(
        "SELECT * FROM billing_keys WHERE billing_key = ? AND merchant_id = ?",
        billing_key,
        merchant().merchant_id,
    )


def _approve(key: sqlite3.Row, charge: Fields) -> sqlite3.Row:
    here = sandbox()
    now = here.clock.now()
    payment_key = f"bill_{now:%Y%m%d%H%M%S}{_random_letters(5)}"
    transaction_key = f"txrd_a01{_random_letters(24).lower()}"
    with here.ledger.transaction():
        _refuse_used_order_id(charge["order_id"])
        _key_to_charge(key["billing_key"], charge["customer_key"])
        here.ledger.add(
            "payments",
            payment_key=payment_key,
            merchant_id=key["merchant_id"],
            type="BILLING",
            billing_key=key["billing_key"],
            card=key["card"],
            status="DONE",
            last_transaction_key=transaction_key,
            secret=f"ps_{_random_letters(28)}",
            requested_at=written(now),
            approved_at=written(now),
            **charge,
        )
        here.ledger.add(
            "transactions",
            transaction_key=transaction_key,
            merchant_id=key["merchant_id"],
            payment_key=payment_key,
            status="DONE",
            amount=charge["total_amount"],
            transaction_at=written(now),
        )
        row = here.ledger.one("SELECT * FROM payments WHERE payment_key = ?", payment_key)
    assert row is not None
    return row


def _refuse_used_order_id(order_id: object) -> None:
    if sandbox().ledger.one(
        "SELECT 1 FROM payments WHERE merchant_id = ? AND order_id = ?",
        merchant().merchant_id,
        order_id,
    ):
        raise TossError("DUPLICATED_ORDER_ID")


def _random_letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))
