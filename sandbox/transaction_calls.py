"""The call that lists what was approved and canceled."""

import re
from datetime import datetime

from flask import Blueprint, Response, jsonify, request

from sandbox import objects
from sandbox.api import call, merchant
from sandbox.clock import KOREA, written
from sandbox.errors import TossError
from sandbox.state import sandbox

blueprint = Blueprint("transaction", __name__)

LONGEST_LIST = 5000


@call(blueprint, "transactions", "GET", "/transactions")
def transactions() -> Response:
    """Answer with approvals and cancels of a time, oldest first; a cancel is a row of its own."""
    rows = sandbox().ledger.all(
        """SELECT transactions.*, payments.order_id, payments.customer_key, payments.card
           FROM transactions JOIN payments USING (payment_key)
           WHERE transactions.merchant_id = ? AND transaction_at BETWEEN ? AND ? AND number > ?
           ORDER BY number LIMIT ?""",
        merchant().merchant_id,
        _moment("startDate"),
        _moment("endDate"),
        _number_of(request.args.get("startingAfter")),
        _limit(),
    )
    return jsonify([objects.transaction(row) for row in rows])


def _moment(name: str) -> str:
    given = request.args.get(name, "")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", given):
        raise TossError("INVALID_DATE")
    try:
        return written(datetime.fromisoformat(given).replace(tzinfo=KOREA))
    except ValueError:
        raise TossError("INVALID_DATE") from None


def _number_of(transaction_key: str | None) -> int:
    if not transaction_key:
        return 0
    row = sandbox().ledger.one(
        "SELECT number FROM transactions WHERE transaction_key = ? AND merchant_id = ?",
        transaction_key,
        merchant().merchant_id,
    )
    if row is None:
        raise TossError("INVALID_TRANSACTION_KEY")
    return int(row["number"])


def _limit() -> int:
    given = request.args.get("limit", "100")
    if not given.isdecimal() or int(given) < 1:
        raise TossError("INVALID_REQUEST")
    if int(given) > LONGEST_LIST:
        raise TossError("EXCEED_MAX_QUERY_LIMIT")
    return int(given)
