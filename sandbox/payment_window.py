"""The window in which a customer pays once, in four languages, with a card from abroad or here.

Nothing is paid in it: it authenticates, and the shop has ten minutes to confirm.
"""

import secrets
import sqlite3

from flask import Blueprint, Response, abort, jsonify, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from sandbox import unpaid
from sandbox.cards import ALL, BY_VALUE, Card
from sandbox.clock import written
from sandbox.errors import TossError
from sandbox.fields import Fields, optional_text, optional_won, read_body, text, whole_number
from sandbox.payment_words import OUTCOMES, WORDS
from sandbox.state import sandbox
from sandbox.window import (
    address_in,
    failure_address,
    guarded,
    leave,
    readable_anywhere,
    with_query,
)

blueprint = Blueprint("payment_window", __name__)

_WON_FOR_A_DOLLAR = 1400


@blueprint.route("/window/payment", methods=["POST", "OPTIONS"])
def open_window() -> Response:
    """Open a window for the shop's page that asks, and say where it is."""
    if request.method == "OPTIONS":
        return readable_anywhere(Response(status=204))
    try:
        window_id = _open(read_body(request.get_data(), request.content_type))
    except TossError as refusal:
        return readable_anywhere(refusal.response())
    return readable_anywhere(jsonify(path=f"/window/payment/{window_id}"))


@blueprint.get("/window/payment/<window_id>")
def show(window_id: str) -> Response:
    """See what can be paid with."""
    return _page(_window(window_id))


@blueprint.post("/window/payment/<window_id>")
def authenticate(window_id: str) -> AnyResponse:
    """Authenticate a payment with the chosen card, and go back to the shop."""
    window = _window(window_id)
    card = BY_VALUE.get(request.form.get("card", ""))
    if card is None or card.way != window["way"]:
        return _page(window, is_mistaken=True)
    with sandbox().ledger.transaction():
        window = _window(window_id)
        address = window["leads_to"] or _end(window, _outcome(window, card))
    return leave(window, address)


@blueprint.post("/window/payment/<window_id>/close")
def close(window_id: str) -> AnyResponse:
    """Give up, and go back to the shop's page for failures, which is not told the order."""
    with sandbox().ledger.transaction():
        window = _window(window_id)
        given_up = failure_address(window, "PAY_PROCESS_CANCELED")
        address = window["leads_to"] or _end(window, given_up)
    return leave(window, address, is_given_up=address == given_up)


def _open(fields: Fields) -> str:
    here = sandbox()
    pair = here.keys.merchant_of(text(fields, "clientKey", longest=100))
    if pair is None:
        raise TossError("INVALID_CLIENT_KEY")
    order_id = text(
        fields,
        "orderId",
        shortest=6,
        longest=64,
        pattern=r"[A-Za-z0-9_\-=]*",
        otherwise="INVALID_ORDER_ID",
    )
    amount = whole_number(fields, "amount")
    if amount < 100:
        raise TossError("BELOW_MINIMUM_AMOUNT")
    if _is_paid(pair.merchant_id, order_id):
        raise TossError("DUPLICATED_ORDER_ID")
    window_id = secrets.token_urlsafe(24)
    here.ledger.add(
        "payment_windows",
        id=window_id,
        merchant_id=pair.merchant_id,
        customer_key=text(fields, "customerKey", longest=50),
        customer_name=optional_text(
            fields, "customerName", longest=100, otherwise="INVALID_REQUEST"
        ),
        customer_email=optional_text(
            fields, "customerEmail", longest=100, otherwise="INVALID_EMAIL"
        ),
        order_id=order_id,
        order_name=text(fields, "orderName", longest=100, otherwise="INVALID_ORDER_NAME"),
        amount=amount,
        tax_free_amount=optional_won(fields, "taxFreeAmount") or 0,
        success_url=address_in(fields, "successUrl"),
        fail_url=address_in(fields, "failUrl"),
        page_origin=request.headers.get("Origin", ""),
        framed=fields.get("windowTarget") == "iframe",
        way="FOREIGN" if fields.get("useInternationalCardOnly") else "DOMESTIC",
        language=_language(fields),
        shows_estimate=fields.get("showEstimatedAmount") is not False,
        payment_key=f"tgen_{here.clock.now():%Y%m%d%H%M%S}{secrets.token_hex(4)}",
        opened_at=written(here.clock.now()),
    )
    return window_id


def _language(fields: Fields) -> str:
    asked = fields.get("language", "KO")
    if asked not in WORDS:
        raise TossError("INVALID_REQUEST")
    return str(asked)


def _window(window_id: str) -> sqlite3.Row:
    window = sandbox().ledger.one("SELECT * FROM payment_windows WHERE id = ?", window_id)
    if window is None:
        abort(404)
    return window


def _page(window: sqlite3.Row, *, is_mistaken: bool = False) -> Response:
    shows_dollars = window["way"] == "FOREIGN" and window["shows_estimate"]
    page = render_template(
        "payment_window.html",
        window=window,
        words=WORDS[window["language"]],
        outcomes=OUTCOMES[window["language"]],
        cards=[card for card in ALL if card.way == window["way"]],
        dollars=f"{window['amount'] / _WON_FOR_A_DOLLAR:.2f}" if shows_dollars else None,
        is_mistaken=is_mistaken,
        is_over=bool(window["leads_to"]) or unpaid.is_over(window),
    )
    return guarded(make_response(page, 400 if is_mistaken else 200), window)


def _outcome(window: sqlite3.Row, card: Card) -> str:
    """Return where a card leads, after what it does."""
    if unpaid.is_over(window):
        unpaid.end(window["payment_key"], "EXPIRED")
        return _refusal(window, "PAY_PROCESS_ABORTED")
    if _is_paid(window["merchant_id"], window["order_id"]):
        return _abort(window, "DUPLICATED_ORDER_ID")
    if card.fail_code:
        return _abort(window, card.fail_code)
    _add_payment(window, card)
    return with_query(
        window["success_url"],
        paymentType="NORMAL",
        orderId=window["order_id"],
        paymentKey=window["payment_key"],
        amount=str(window["amount"]),
    )


def _abort(window: sqlite3.Row, code: str) -> str:
    unpaid.end(window["payment_key"], "ABORTED", code)
    return _refusal(window, code)


def _refusal(window: sqlite3.Row, code: str) -> str:
    return with_query(failure_address(window, code), orderId=window["order_id"])


def _end(window: sqlite3.Row, address: str) -> str:
    """Keep where a window leads: a second click leads there too."""
    sandbox().ledger.run(
        "UPDATE payment_windows SET leads_to = ? WHERE id = ?", address, window["id"]
    )
    return address


def _is_paid(merchant_id: str, order_id: str) -> bool:
    paid = "SELECT 1 FROM payments WHERE merchant_id = ? AND order_id = ? AND approved_at != ''"
    return sandbox().ledger.one(paid, merchant_id, order_id) is not None


def _add_payment(window: sqlite3.Row, card: Card) -> None:
    """Add a payment that waits for its confirmation; an earlier one of the order is void."""
    ledger, order = sandbox().ledger, (window["merchant_id"], window["order_id"])
    ledger.run(
        """UPDATE payment_windows SET status = 'VOID'
           WHERE merchant_id = ? AND order_id = ? AND status = 'IN_PROGRESS'""",
        *order,
    )
    ledger.run(
        "DELETE FROM payments WHERE merchant_id = ? AND order_id = ? AND approved_at = ''", *order
    )
    ledger.run(
        "UPDATE payment_windows SET status = 'IN_PROGRESS', authenticated_at = ? WHERE id = ?",
        written(sandbox().clock.now()),
        window["id"],
    )
    copied = ("payment_key", "merchant_id", "customer_key", "customer_name", "customer_email",
              "order_id", "order_name", "tax_free_amount")  # fmt: skip
    ledger.add(
        "payments",
        type="NORMAL",
        card=card.value,
        status="IN_PROGRESS",
        total_amount=window["amount"],
        balance_amount=window["amount"],
        tax_exemption_amount=0,
        installment_months=0,
        last_transaction_key="",
        secret=f"ps_{secrets.token_hex(14)}",
        requested_at=window["opened_at"],
        approved_at="",
        **{name: window[name] for name in copied},
    )
