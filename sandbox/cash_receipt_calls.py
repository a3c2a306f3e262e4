"""The calls about cash receipts (현금영수증): issue and cancel; the tax office always says yes."""

import secrets
import sqlite3

from flask import Blueprint, Response, jsonify

from sandbox.api import body, call, merchant
from sandbox.clock import written
from sandbox.errors import TossError
from sandbox.fields import text, whole_number
from sandbox.state import sandbox

blueprint = Blueprint("cash_receipt", __name__)


@call(blueprint, "receipt", "POST", "/cash-receipts")
def issue_receipt() -> Response:
    """Issue a cash receipt for a transfer."""
    fields, here = body(), sandbox()
    identity = text(fields, "customerIdentityNumber", shortest=10, longest=30)
    kind, amount = text(fields, "type", longest=10), whole_number(fields, "amount")
    order_id = text(fields, "orderId", shortest=6, longest=64, otherwise="INVALID_ORDER_ID")
    text(fields, "orderName", longest=100, otherwise="INVALID_ORDER_NAME")
    if kind not in ("소득공제", "지출증빙") or amount <= 0 or not identity.isdigit():
        raise TossError("INVALID_REQUEST")
    receipt_key = f"cash_{secrets.token_hex(12)}"
    here.ledger.add(
        "cash_receipts",
        receipt_key=receipt_key,
        merchant_id=merchant().merchant_id,
        order_id=order_id,
        type=kind,
        amount=amount,
        issued_at=written(here.clock.now()),
    )
    return _answer(_receipt(receipt_key), amount, "CONFIRM")


@call(blueprint, "receipt", "POST", "/cash-receipts/<receipt_key>/cancel")
def cancel_receipt(receipt_key: str) -> Response:
    """Cancel a cash receipt, or a part of it."""
    fields, here = body(), sandbox()
    with here.ledger.transaction():
        receipt = _receipt(receipt_key)
        left = receipt["amount"] - receipt["canceled_amount"]
        amount = whole_number(fields, "amount") if "amount" in fields else left
        if not 0 < amount <= left:
            raise TossError("INVALID_REQUEST")
        here.ledger.run(
            "UPDATE cash_receipts SET canceled_amount = canceled_amount + ? WHERE receipt_key = ?",
            amount,
            receipt_key,
        )
    return _answer(_receipt(receipt_key), amount, "CANCEL")


def _receipt(receipt_key: str) -> sqlite3.Row:
    row = sandbox().ledger.one(
        "SELECT * FROM cash_receipts WHERE receipt_key = ? AND merchant_id = ?",
        receipt_key,
        merchant().merchant_id,
    )
    if row is None:
        raise TossError("INVALID_REQUEST")
    return row


def _answer(receipt: sqlite3.Row, amount: int, transaction_type: str) -> Response:
    return jsonify(
        receiptKey=receipt["receipt_key"],
        orderId=receipt["order_id"],
        type=receipt["type"],
        issueNumber=receipt["receipt_key"][-9:],
        issueStatus="COMPLETED",
        transactionType=transaction_type,
        amount=amount,
        taxFreeAmount=0,
        receiptUrl=None,
        failure=None,
        requestedAt=receipt["issued_at"],
    )
