"""The call that takes money: charge a billing key."""

import secrets
import sqlite3
import string
import time

from flask import Blueprint, Response, jsonify

from sandbox import objects
from sandbox.api import body, call, lose_answer, merchant
from sandbox.billing_keys import customer_key_in, find_key
from sandbox.cards import BY_VALUE
from sandbox.clock import written
from sandbox.errors import TossError
from sandbox.fields import Fields, optional_text, optional_won, text, whole_number
from sandbox.state import sandbox

blueprint = Blueprint("charge", __name__)

SMALLEST_CHARGE = 100
SMALLEST_INSTALLMENT_CHARGE = 50_000

_LETTERS = string.ascii_letters + string.digits


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
        "customer_key": customer_key_in(fields),
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
    row = find_key(billing_key)
    if row is None:
        raise TossError("INVALID_BILL_KEY_REQUEST")
    if row["deleted_at"]:
        raise TossError("ALREADY_REMOVED_BILLING_KEY")
    if row["customer_key"] != customer_key:
        raise TossError("NOT_MATCHES_CUSTOMER_KEY")
    return row


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
