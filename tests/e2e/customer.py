"""A customer without a browser: what the pages and the card window ask, over plain HTTP."""

import re
import secrets

import requests

import config
from tests.e2e.shop import Shop

SECONDS = 30


class Customer:
    """Signs up, orders and registers a card; comes back when told to."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.email = f"reader-{secrets.token_hex(6)}@example.com"
        self.http = requests.Session()

    def sign_up(self) -> None:
        values = {
            "csrf_token": self._token("/signup"),
            "email": self.email,
            "name": "김하나",
            "password": "moonlight-reader-1120",
            "age": "y",
            "terms": "y",
        }
        self._post("/signup", values, 303)

    def return_address(self, card: str = "works") -> str:
        """Order, register a card, and return where Toss sends the customer."""
        page = self.get("/checkout/premium-monthly").text
        values = {
            "csrf_token": _value(page, "csrf_token"),
            "quote": _value(page, "quote"),
            "purchase": "y",
            "recurring": "y",
        }
        window = self._post("/checkout/premium-monthly", values, 201).json()
        return self._register(window, card)

    def get(self, path: str) -> requests.Response:
        """GET a page of the shop, or an address, and follow nothing."""
        address = path if path.startswith("http") else self.shop.url + path
        return self.http.get(address, allow_redirects=False, timeout=SECONDS)

    def _register(self, window: dict[str, str], card: str) -> str:
        asked = {"clientKey": config.SANDBOX_CLIENT_KEY, "windowTarget": "self", **window}
        sandbox = self.shop.sandbox_url
        opened = requests.post(
            f"{sandbox}/window/billing",
            json=asked,
            headers={"Origin": self.shop.url},
            timeout=SECONDS,
        ).json()
        sent_back = requests.post(
            sandbox + opened["path"],
            data={"card": card, "identity": "000000"},
            allow_redirects=False,
            timeout=SECONDS,
        )
        return sent_back.headers["Location"]

    def _token(self, path: str) -> str:
        return _value(self.get(path).text, "csrf_token")

    def _post(self, path: str, values: dict[str, str], status: int) -> requests.Response:
        answer = self.http.post(
            self.shop.url + path,
            data=values,
            headers={"Accept": "application/json"},
            allow_redirects=False,
            timeout=SECONDS,
        )
        assert answer.status_code == status, answer.text
        return answer


def _value(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]+)"', page)
    assert found, f"no {name} on the page"
    return found[1]
