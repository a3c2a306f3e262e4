"""Whether Toss takes the shop's secret key: asked by looking up an order that cannot exist."""

from dataclasses import dataclass

from gateways.payment import PaymentGateway, PaymentGatewayError, RequestRejected

NOBODYS_ORDER = "review-of-the-key-pair"


@dataclass(frozen=True)
class KeyAnswer:
    """What Toss said of the secret key: `is_good` is None where no answer could be had."""

    is_good: bool | None
    code: str = ""


def ask_about_key(gateway: PaymentGateway) -> KeyAnswer:
    """Ask Toss for an order that cannot exist: "not found" is the answer of a good key."""
    try:
        gateway.find_order(NOBODYS_ORDER)
    except RequestRejected as refusal:
        return KeyAnswer(False, refusal.code)
    except PaymentGatewayError as failure:
        return KeyAnswer(None, failure.code)
    return KeyAnswer(True)
