"""A merchant for the sandbox's tests: it speaks as a shop does."""

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient

from sandbox.keys import BUILT_IN, KeyPair

BILLING, PASS = BUILT_IN
CUSTOMER_KEY = "8a1f4c9e-6d0b-4a57-9f0e-2b1d3c4e5f60"
SUCCESS_URL = "http://shop.example/success?checkout=c1"
FAIL_URL = "http://shop.example/fail?checkout=c1"


class Shop:
    """A merchant that speaks to the sandbox."""

    def __init__(self, client: FlaskClient, pair: KeyPair = BILLING) -> None:
        self.client = client
        self.pair = pair

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """Send one request with this merchant's key."""
        return self.client.open(
            path,
            method=method,
            json=body,
            headers={"Authorization": authorization(self.pair.secret_key), **(headers or {})},
        )

    def open_window(self, **changes: object) -> str:
        """Open a card window as the SDK does, and return its path."""
        asked = {
            "clientKey": self.pair.client_key,
            "customerKey": CUSTOMER_KEY,
            "successUrl": SUCCESS_URL,
            "failUrl": FAIL_URL,
            "windowTarget": "self",
        }
        answer: Any = self.client.post(
            "/window/billing", json=asked | changes, headers={"Origin": "http://shop.example"}
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json["path"])

    def auth_key(self, card: str = "works") -> str:
        """Register a card in the window, and return the one-time key."""
        answer = self.client.post(self.open_window(), data={"card": card, "identity": "000000"})
        return query_of(answer.location)["authKey"]

    def issue(self, auth_key: str, customer_key: str = CUSTOMER_KEY, **headers: str) -> Any:
        """Exchange a one-time key for a billing key."""
        body = {"authKey": auth_key, "customerKey": customer_key}
        return self.ask("POST", "/v1/billing/authorizations/issue", body, headers)

    def billing_key(self, card: str = "works") -> str:
        """Register a card, and return its billing key."""
        return str(self.issue(self.auth_key(card)).json["billingKey"])

    def charge(
        self, billing_key: str, headers: dict[str, str] | None = None, **changes: object
    ) -> Any:
        """Charge 9,900 won, or what the changes say; None leaves a field out."""
        body = {
            "amount": 9900,
            "customerKey": CUSTOMER_KEY,
            "orderId": "order-1",
            "orderName": "프리미엄 월간",
        }
        body = {name: value for name, value in (body | changes).items() if value is not None}
        return self.ask("POST", f"/v1/billing/{billing_key}", body, headers)

    def open_payment_window(self, **changes: object) -> str:
        """Open a window to pay 5,900 won once, as the SDK does, and return its path."""
        asked = {
            "clientKey": self.pair.client_key,
            "customerKey": CUSTOMER_KEY,
            "orderId": "pass-order-1",
            "orderName": "1개월 이용권",
            "amount": 5900,
            "successUrl": "http://shop.example/passes/success",
            "failUrl": "http://shop.example/passes/fail?order=1",
            "windowTarget": "self",
            "useInternationalCardOnly": True,
        }
        answer: Any = self.client.post(
            "/window/payment", json=asked | changes, headers={"Origin": "http://shop.example"}
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json["path"])

    def authenticate(self, card: str = "visa", **changes: object) -> dict[str, str]:
        """Pay in the window with a card, and return what the browser brings back."""
        answer = self.client.post(self.open_payment_window(**changes), data={"card": card})
        return query_of(answer.location)

    def confirm(self, brought: dict[str, str], **changes: object) -> Any:
        """Confirm what the browser brought back."""
        body: dict[str, object] = {
            "paymentKey": brought["paymentKey"],
            "orderId": brought["orderId"],
            "amount": int(brought["amount"]),
        }
        return self.ask("POST", "/v1/payments/confirm", body | changes)

    def cancel(self, payment_key: str, **fields: object) -> Any:
        """Cancel a payment."""
        body = {"cancelReason": "구독 해지", **fields}
        return self.ask("POST", f"/v1/payments/{payment_key}/cancel", body)

    def order(self, order_id: str = "order-1") -> Any:
        """Look a payment up by its order id."""
        return self.ask("GET", f"/v1/payments/orders/{order_id}")


def authorization(secret_key: str) -> str:
    """Return the header for a secret key."""
    return "Basic " + base64.b64encode(f"{secret_key}:".encode()).decode()


def query_of(address: str) -> dict[str, str]:
    """Return the query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
