"""The calls about payments: look-up, cancel, confirm. One that nobody confirmed is one too."""

import secrets
import sqlite3
import time

from flask import Blueprint, Response, jsonify

from sandbox import back_office, objects, unpaid
from sandbox.api import body, call, lose_answer, merchant
from sandbox.cards import BY_VALUE
from sandbox.clock import written
from sandbox.errors import CODES, TossError
from sandbox.fields import Fields, optional_won, text, whole_number
from sandbox.state import sandbox

blueprint = Blueprint("payment", __name__)


@call(blueprint, "lookup", "GET", "/payments/<payment_key>")
def show(payment_key: str) -> Response:
    """Answer with a payment, found by its key."""
    return _answer_with(_payment("payment_key", payment_key))


@call(blueprint, "lookup", "GET", "/payments/orders/<order_id>")
def show_by_order(order_id: str) -> Response:
    """Answer with a payment, found by the order id of the shop."""
    return _answer_with(_payment("order_id", order_id))


@call(blueprint, "cancel", "POST", "/payments/<payment_key>/cancel")
def cancel(payment_key: str) -> Response:
    """Give back all that is left of a payment, or a part of it."""
    fields = body()
    reason = text(fields, "cancelReason", longest=200)
    with sandbox().ledger.transaction():
        payment = _payment("payment_key", payment_key)
        _refuse_settled(payment, fields)
        write_cancel(payment, reason, _read_amounts(payment, fields))
    return _answer_with(_payment("payment_key", payment_key))


@call(blueprint, "confirm", "POST", "/payments/confirm")
def confirm() -> Response:
    """Take the money of a payment that was authenticated at most ten minutes ago."""
    fields = body()
    payment_key = text(fields, "paymentKey", longest=200)
    order_id = text(fields, "orderId", shortest=6, longest=64, otherwise="INVALID_ORDER_ID")
    amount = whole_number(fields, "amount")
    card = BY_VALUE[_session(payment_key, order_id, amount)["card"]]
    if card.is_slow:
        time.sleep(sandbox().slow_seconds)
    with sandbox().ledger.transaction():
        _session(payment_key, order_id, amount)
        code = card.refused_at_charge
        if code is None:
            _approve(payment_key, amount)
        elif CODES[code][0] < 500:
            unpaid.end(payment_key, "ABORTED", code)
    if code is not None:
        raise TossError(code)
    if card.loses_charge_answer:
        lose_answer()
    return _answer_with(_payment("payment_key", payment_key))


def _session(payment_key: str, order_id: str, amount: int) -> sqlite3.Row:
    """Return the payment to confirm, if it is this order's, of this amount, and young enough.

    :raises TossError: when it is not; nothing moves.
    """
    row = sandbox().ledger.one("SELECT * FROM payments WHERE payment_key = ?", payment_key)
    if row is None:
        raise TossError("NOT_FOUND_PAYMENT_SESSION")
    if row["merchant_id"] != merchant().merchant_id:
        raise TossError("INVALID_API_KEY")
    if row["approved_at"]:
        raise TossError("ALREADY_PROCESSED_PAYMENT")
    if unpaid.end_if_over(row) or row["status"] != "IN_PROGRESS":
        raise TossError("NOT_FOUND_PAYMENT_SESSION")
    if (row["order_id"], row["total_amount"]) != (order_id, amount):
        raise TossError("FORBIDDEN_REQUEST")
    return row


def _approve(payment_key: str, amount: int) -> None:
    ledger, now = sandbox().ledger, written(sandbox().clock.now())
    transaction_key = f"txrd_a01{secrets.token_hex(12)}"
    ledger.run("UPDATE payment_windows SET status = 'DONE' WHERE payment_key = ?", payment_key)
    ledger.run(
        """UPDATE payments SET status = 'DONE', approved_at = ?, last_transaction_key = ?
           WHERE payment_key = ?""",
        now,
        transaction_key,
        payment_key,
    )
    ledger.add(
        "transactions",
        transaction_key=transaction_key,
        merchant_id=merchant().merchant_id,
        payment_key=payment_key,
        status="DONE",
        amount=amount,
        transaction_at=now,
    )
    back_office.tell_payment_changed(payment_key)


def _payment(column: str, value: str) -> sqlite3.Row:
    row = unpaid.find(column, value, merchant().merchant_id)
    if row is None:
        raise TossError("NOT_FOUND_PAYMENT")
    return row


def _answer_with(payment: sqlite3.Row) -> Response:
    cancels = sandbox().ledger.all(
        "SELECT * FROM cancels WHERE payment_key = ? ORDER BY rowid", payment["payment_key"]
    )
    return jsonify(objects.payment(payment, cancels))


def _refuse_settled(payment: sqlite3.Row, fields: Fields) -> None:
    if not payment["approved_at"]:
        raise TossError("NOT_CANCELABLE_PAYMENT")
    if payment["status"] == "CANCELED":
        raise TossError("ALREADY_CANCELED_PAYMENT")
    if payment["balance_amount"] == 0:
        raise TossError("NOT_CANCELABLE_AMOUNT")
    if fields.get("currency") not in (None, "KRW"):
        raise TossError("INVALID_CURRENCY")
    if fields.get("refundReceiveAccount") is not None:
        raise TossError("INVALID_REQUEST")
    expected = optional_won(fields, "refundableAmount")
    if expected is not None and expected != payment["balance_amount"]:
        raise TossError("NOT_MATCHES_REFUNDABLE_AMOUNT")


def _read_amounts(payment: sqlite3.Row, fields: Fields) -> tuple[int, int, int]:
    """Return what to give back: in all, tax-free, tax-exempt."""
    balance = payment["balance_amount"]
    free_left, exempt_left = payment["tax_free_amount"], payment["tax_exemption_amount"]
    amount = optional_won(fields, "cancelAmount")
    tax_free = optional_won(fields, "taxFreeAmount")
    exempt = optional_won(fields, "taxExemptionAmount")
    if amount == 0:
        raise TossError("BELOW_ZERO_AMOUNT")
    if amount is None and tax_free is None and exempt is None:
        return balance, free_left, exempt_left
    amount, tax_free, exempt = amount or balance, tax_free or 0, exempt or 0
    if amount < balance and exempt_left:
        raise TossError("NOT_ALLOWED_PARTIAL_REFUND")
    _refuse_more_than_is_left(
        (balance - free_left - exempt_left, amount - tax_free - exempt),
        (free_left, tax_free),
        (exempt_left, exempt),
    )
    return amount, tax_free, exempt


def _refuse_more_than_is_left(*parts: tuple[int, int]) -> None:
    if any(not 0 <= wanted <= left for left, wanted in parts):
        raise TossError("NOT_CANCELABLE_AMOUNT")


def write_cancel(payment: sqlite3.Row, reason: str, amounts: tuple[int, int, int]) -> None:
    """Give back these won, in all, tax-free, tax-exempt, and tell the shop of it."""
    amount, tax_free, exempt = amounts
    ledger, now = sandbox().ledger, written(sandbox().clock.now())
    is_whole = amount == payment["total_amount"]
    status = "CANCELED" if is_whole else "PARTIAL_CANCELED"
    transaction_key = f"txrd_a01{secrets.token_hex(12)}"
    balance = payment["balance_amount"] - amount
    ledger.add(
        "transactions",
        transaction_key=transaction_key,
        merchant_id=payment["merchant_id"],
        payment_key=payment["payment_key"],
        status=status,
        amount=amount,
        transaction_at=now,
    )
    ledger.add(
        "cancels",
        transaction_key=transaction_key,
        payment_key=payment["payment_key"],
        cancel_amount=amount,
        cancel_reason=reason,
        tax_free_amount=tax_free,
        tax_exemption_amount=exempt,
        refundable_amount=balance,
        canceled_at=now,
    )
    ledger.run(
        """UPDATE payments SET status = ?, balance_amount = ?, tax_free_amount = ?,
           tax_exemption_amount = ?, last_transaction_key = ? WHERE payment_key = ?""",
        status,
        balance,
        payment["tax_free_amount"] - tax_free,
        payment["tax_exemption_amount"] - exempt,
        transaction_key,
        payment["payment_key"],
    )
    back_office.tell_payment_changed(payment["payment_key"])
