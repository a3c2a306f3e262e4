"""The card window, and the script that opens it."""

import secrets
import sqlite3
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
)
from werkzeug.wrappers import Response as AnyResponse

from sandbox.cards import ALL, BY_VALUE, Card
from sandbox.clock import written
from sandbox.errors import CODES, TossError
from sandbox.fields import Fields, optional_text, read_body, text
from sandbox.state import sandbox

blueprint = Blueprint("window", __name__)

IDENTITY = "000000"
NAMES = {"CARD": "카드", "TRANSFER": "계좌", "TOSSPAY": "토스페이", "NAVERPAY": "네이버페이"}
WALLETS = {
    "토스페이": "TOSSPAY",
    "TOSSPAY": "TOSSPAY",
    "네이버페이": "NAVERPAY",
    "NAVERPAY": "NAVERPAY",
}
_FOREIGN_CARD = "해외에서 발급된 카드는 등록할 수 없어요. 국내 카드를 골라 주세요."
_OPEN_FOR = timedelta(minutes=30)


@blueprint.get("/v2/standard")
def script() -> Response:
    """Answer with the SDK script."""
    return current_app.send_static_file("sdk.js")


@blueprint.route("/window/billing", methods=["POST", "OPTIONS"])
def open_window() -> Response:
    """Open a card window for the shop's page that asks, and say where it is."""
    if request.method == "OPTIONS":
        return readable_anywhere(Response(status=204))
    try:
        window_id = _open(read_body(request.get_data(), request.content_type))
    except TossError as refusal:
        return readable_anywhere(refusal.response())
    return readable_anywhere(jsonify(path=f"/window/billing/{window_id}"))


@blueprint.get("/window/billing/<window_id>")
def show(window_id: str) -> Response:
    """See the cards to choose from."""
    return _page(_window(window_id))


@blueprint.post("/window/billing/<window_id>")
def register(window_id: str) -> AnyResponse:
    """Register the chosen card and go back to the shop."""
    window = _window(window_id)
    card = BY_VALUE.get(request.form.get("card", ""))
    if card is not None and card.way != window["way"]:
        card = None
    mistakes = _mistakes(card, request.form.get("identity", ""))
    if card is None or mistakes:
        return _page(window, mistakes)
    if card.is_foreign:
        sandbox().ledger.run("UPDATE windows SET foreign_card_tried = 1 WHERE id = ?", window_id)
        return _page(_window(window_id), {"card": _FOREIGN_CARD})
    return leave(window, _finish(window, card))


@blueprint.post("/window/billing/<window_id>/close")
def close(window_id: str) -> AnyResponse:
    """Give up, and go back to the shop's page for failures."""
    window = _window(window_id)
    code = "REJECT_CARD_COMPANY" if window["foreign_card_tried"] else "PAY_PROCESS_CANCELED"
    given_up = failure_address(window, code)
    address = _end(window, given_up)
    is_given_up = address == given_up and not window["foreign_card_tried"]
    return leave(window, address, is_given_up=is_given_up)


def _open(fields: Fields) -> str:
    here = sandbox()
    pair = here.keys.merchant_of(text(fields, "clientKey", longest=100))
    if pair is None:
        raise TossError("INVALID_CLIENT_KEY")
    window_id = secrets.token_urlsafe(24)
    here.ledger.add(
        "windows",
        id=window_id,
        merchant_id=pair.merchant_id,
        customer_key=text(fields, "customerKey", longest=50),
        customer_name=optional_text(
            fields, "customerName", longest=100, otherwise="INVALID_REQUEST"
        ),
        customer_email=optional_text(
            fields, "customerEmail", longest=100, otherwise="INVALID_EMAIL"
        ),
        success_url=address_in(fields, "successUrl"),
        fail_url=address_in(fields, "failUrl"),
        page_origin=request.headers.get("Origin", ""),
        framed=fields.get("windowTarget") == "iframe",
        way=_way(fields),
        opened_at=written(here.clock.now()),
    )
    return window_id


def _way(fields: Fields) -> str:
    if fields.get("method", "CARD") == "TRANSFER":
        return "TRANSFER"
    if fields.get("flowMode") != "DIRECT":
        return "CARD"
    wallet = WALLETS.get(text(fields, "easyPay", longest=20))
    if wallet is None:
        raise TossError("INVALID_REQUEST")
    return wallet


def address_in(fields: Fields, name: str) -> str:
    """Return a web address that must be there.

    :raises TossError: when it is none
    """
    address = text(fields, name, longest=2000)
    if urlsplit(address).scheme not in ("http", "https"):
        raise TossError("INVALID_REQUEST")
    return address


def readable_anywhere(answer: Response) -> Response:
    """Let the script of every page read an answer."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
    return answer


def _window(window_id: str) -> sqlite3.Row:
    window = sandbox().ledger.one("SELECT * FROM windows WHERE id = ?", window_id)
    if window is None:
        abort(404)
    return window


def _page(window: sqlite3.Row, mistakes: dict[str, str] | None = None) -> Response:
    page = render_template(
        "window.html",
        window=window,
        cards=[card for card in ALL if card.way == window["way"]],
        name=NAMES[window["way"]],
        chosen=request.form.get("card", ""),
        mistakes=mistakes or {},
        is_over=bool(window["leads_to"]) or _is_expired(window),
    )
    return guarded(make_response(page, 400 if mistakes else 200), window)


def _mistakes(card: Card | None, identity: str) -> dict[str, str]:
    mistakes = {}
    if card is None:
        mistakes["card"] = "등록할 카드를 골라 주세요."
    if identity != IDENTITY:
        mistakes["identity"] = (
            "본인인증 번호가 맞지 않아요. 모의 결제창에서는 000000을 입력해 주세요."
        )
    return mistakes


def _finish(window: sqlite3.Row, card: Card) -> str:
    if _is_expired(window):
        return _end(window, failure_address(window, "PAY_PROCESS_ABORTED"))
    if card.fail_code:
        return _end(window, failure_address(window, card.fail_code))
    auth_key = f"bln_{secrets.token_urlsafe(32)}"
    address = with_query(
        window["success_url"], customerKey=window["customer_key"], authKey=auth_key
    )
    return _end(window, address, card=card.value, auth_key=auth_key)


def _end(
    window: sqlite3.Row, address: str, card: str | None = None, auth_key: str | None = None
) -> str:
    """Return where the window leads, which its first ending decides."""
    ledger = sandbox().ledger
    with ledger.transaction():
        ledger.run(
            """UPDATE windows SET leads_to = ?, card = ?, auth_key = ?
               WHERE id = ? AND leads_to IS NULL""",
            address,
            card,
            auth_key,
            window["id"],
        )
        return str(_window(window["id"])["leads_to"])


def failure_address(window: sqlite3.Row, code: str) -> str:
    """Return where a window leads that came to nothing."""
    return with_query(window["fail_url"], code=code, message=CODES[code][1])


def with_query(address: str, **added: str) -> str:
    """Return an address with more in its query."""
    parts = urlsplit(address)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *added.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))


def leave(window: sqlite3.Row, address: str, *, is_given_up: bool = False) -> AnyResponse:
    """Go back to the shop, out of the frame too; a frame that is given up just closes."""
    if not window["framed"]:
        return redirect(address, 303)
    page = render_template("leaving.html", window=window, address="" if is_given_up else address)
    return guarded(make_response(page), window)


def guarded(answer: Response, window: sqlite3.Row) -> Response:
    """Let only the shop's page frame a window."""
    ancestor = window["page_origin"] if window["framed"] and window["page_origin"] else "'none'"
    answer.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; frame-ancestors {ancestor}"
    )
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _is_expired(window: sqlite3.Row) -> bool:
    return sandbox().clock.now() - datetime.fromisoformat(window["opened_at"]) > _OPEN_FOR
