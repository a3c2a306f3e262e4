"""The call that lists what is paid out to the merchant, and when."""

import re
from datetime import date, datetime, timedelta

from flask import Blueprint, Response, jsonify, request

from sandbox import objects
from sandbox.api import call, merchant
from sandbox.clock import KOREA, written
from sandbox.errors import TossError
from sandbox.settling import paid_out_on
from sandbox.state import sandbox

blueprint = Blueprint("settlement", __name__)

LONGEST_PAGE = 5000
_LONGEST_WAIT = timedelta(days=14)
_A_DAY = timedelta(days=1)


@call(blueprint, "settlements", "GET", "/settlements")
def settlements() -> Response:
    """Answer with approvals and cancels, below zero, of some days, from the day after them on."""
    first, last = _sold_days(_day("startDate"), _day("endDate"), _date_type())
    page, size = _number("page", 1), _number("size", 100)
    if size > LONGEST_PAGE:
        raise TossError("EXCEED_MAX_QUERY_LIMIT")
    rows = sandbox().ledger.all(
        """SELECT transactions.*, payments.order_id, payments.approved_at, payments.card,
                  payments.total_amount, payments.balance_amount, payments.installment_months,
                  cancels.cancel_amount, cancels.cancel_reason, cancels.tax_free_amount,
                  cancels.tax_exemption_amount, cancels.refundable_amount, cancels.canceled_at
           FROM transactions JOIN payments USING (payment_key)
           LEFT JOIN cancels USING (transaction_key)
           WHERE transactions.merchant_id = ? AND transaction_at >= ? AND transaction_at < ?
           ORDER BY number LIMIT ? OFFSET ?""",
        merchant().merchant_id,
        _midnight(first),
        _midnight(min(last + _A_DAY, sandbox().clock.now().date())),
        size,
        (page - 1) * size,
    )
    return jsonify([objects.settlement(row) for row in rows])


def _sold_days(start: date, end: date, date_type: str) -> tuple[date, date]:
    """Return the first and the last day of the sales that are asked about."""
    if date_type == "soldDate":
        return start, end
    first = start - _LONGEST_WAIT
    while paid_out_on(first) < start:
        first += _A_DAY
    last = end
    while paid_out_on(last) > end:
        last -= _A_DAY
    return first, last


def _day(name: str) -> date:
    given = request.args.get(name, "")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", given):
        raise TossError("INVALID_DATE")
    try:
        found = date.fromisoformat(given)
    except ValueError:
        raise TossError("INVALID_DATE") from None
    if not 2000 <= found.year <= 2100:
        raise TossError("INVALID_DATE")
    return found


def _date_type() -> str:
    given = request.args.get("dateType", "soldDate")
    if given not in ("soldDate", "paidOutDate"):
        raise TossError("INVALID_REQUEST")
    return given


def _number(name: str, default: int) -> int:
    given = request.args.get(name, str(default))
    if not re.fullmatch(r"[1-9][0-9]{0,8}", given):
        raise TossError("INVALID_REQUEST")
    return int(given)


def _midnight(day: date) -> str:
    return written(datetime.combine(day, datetime.min.time(), tzinfo=KOREA))
