"""What Toss's card window is opened with, and why it is not opened."""

from typing import Any

from flask import current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from models import Checkout
from models.checkout import WayToPay

WAY_NAMES = {
    WayToPay.CARD: _l("신용·체크카드"),
    WayToPay.TRANSFER: _l("계좌이체"),
    WayToPay.TOSSPAY: _l("토스페이"),
    WayToPay.NAVERPAY: _l("네이버페이"),
}
NO_WAY = _l("결제 수단을 골라 주세요.")
_METHODS: dict[WayToPay, dict[str, str]] = {
    WayToPay.CARD: {},
    WayToPay.TRANSFER: {"method": "TRANSFER"},
    WayToPay.TOSSPAY: {"method": "CARD", "flowMode": "DIRECT", "easyPay": "TOSSPAY"},
    WayToPay.NAVERPAY: {"method": "CARD", "flowMode": "DIRECT", "easyPay": "NAVERPAY"},
}
NEEDS_SCRIPT = _l("카드 등록창을 열려면 브라우저에서 자바스크립트를 켜 주세요.")
NOT_ARMED = _l("지금은 카드를 등록할 수 없어요. 잠시 후 다시 시도하거나 고객센터로 알려 주세요.")


def wants_json() -> bool:
    """Test whether the request came from the page's script."""
    return request.accept_mimetypes.best == "application/json"


def may_open() -> bool:
    """Test whether this host may charge at all: a copy of the shop opens no window."""
    return bool(current_app.extensions["arming"].may_act())


def opened(checkout: Checkout) -> ResponseReturnValue:
    """Answer what the script opens the window with."""
    origin = current_app.config["PUBLIC_URL"]
    parameters = {
        "customerKey": checkout.user.customer_key,
        "customerName": checkout.user.name,
        "customerEmail": checkout.user.email,
        "successUrl": origin + url_for("checkout.success", checkout=checkout.id),
        "failUrl": origin + url_for("checkout.fail", checkout=checkout.id),
    }
    return jsonify({**parameters, **_METHODS[checkout.way]}), 201


def offered() -> list[WayToPay]:
    """Return the ways to pay that the merchant has contracts for, cards first."""
    return [WayToPay(way) for way in current_app.config["WAYS_TO_PAY"]]


def chosen() -> WayToPay | None:
    """Return the way that was chosen on the page; None where it is none that is offered."""
    ways = offered()
    if len(ways) == 1:
        return ways[0]
    return next((way for way in ways if way == request.form.get("way")), None)


def refused(message: str, status: int) -> ResponseReturnValue:
    """Answer the script why the window stays closed."""
    return jsonify(message=str(message), reload=status == 409), status


def settings() -> dict[str, Any]:
    """Return what a page needs to open the window."""
    return {
        "client_key": current_app.config["TOSS_CLIENT_KEY"],
        "sdk_url": current_app.config["TOSS_SDK_URL"],
        "ways": [(str(way), str(WAY_NAMES[way])) for way in offered()],
    }


def again(checkout: Checkout | None) -> str | None:
    """Return where the customer can try once more."""
    if checkout is None:
        return None
    if checkout.is_card_change:
        return url_for("card.edit")
    if checkout.is_plan_change:
        return url_for("plan_change.edit", to=checkout.plan.slug)
    return url_for("checkout.new", plan=checkout.plan.slug)
