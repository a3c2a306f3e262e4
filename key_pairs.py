"""Which gateway speaks with which pair of keys: what one pair made, only that pair can undo."""

from flask import current_app

from gateways.pace import Pace
from gateways.payment import PaymentGateway, RequestRejected

BILLING, PASS = "billing", "pass"


def gateway_of(key_pair: str) -> PaymentGateway:
    """Return the gateway of a pair of keys.

    :raises RequestRejected: its keys are not set any more; nothing can be asked of Toss with it.
    """
    name = "pass_gateway" if key_pair == PASS else "payment_gateway"
    gateway: PaymentGateway | None = current_app.extensions[name]
    if gateway is None:
        raise RequestRejected("keys_not_set", f"no keys for {key_pair}", key_pair=True)
    return gateway


def gateways() -> list[PaymentGateway]:
    """Return the gateway of every pair that is set."""
    both = (current_app.extensions["payment_gateway"], current_app.extensions["pass_gateway"])
    return [gateway for gateway in both if gateway is not None]


def keep_pace() -> None:
    """Let the workers of this machine ask Toss no faster than the shop is allowed to, per pair."""
    rate = current_app.config["BILLING_RATE"]
    for gateway in gateways():
        name = f"billing-{gateway.secret_fingerprint}"
        gateway.pace = Pace(rate, name)  # type: ignore[attr-defined]


def sells_passes() -> bool:
    """Test whether passes are on sale at all: their own contract with Toss is there."""
    return current_app.extensions["pass_gateway"] is not None
