"""A customer without a browser: what the pages and the card window ask, over plain HTTP."""

import re
import secrets
import time
from typing import Any

import pyotp
import requests

import config
from bin.shop import Shop

SECONDS = 30
PASSWORD = "moonlight-reader-1120"
DOOR = "/admin/second-factor"


class Customer:
    """Signs up, orders and registers a card; comes back when told to."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.email = f"reader-{secrets.token_hex(6)}@example.com"
        self.http = requests.Session()
        self.http.headers["Connection"] = "close"  # gunicorn ends idle ones at any moment
        self.http.headers["X-Forwarded-For"] = f"198.51.100.{secrets.randbelow(254) + 1}"

    def sign_up(self) -> None:
        values = {
            "csrf_token": self._token("/signup"),
            "email": self.email,
            "name": "김하나",
            "password": PASSWORD,
            "age": "y",
            "terms": "y",
        }
        self._post("/signup", values, 303)

    def log_in(self) -> None:
        """Log in to the account that there is."""
        token = self._token("/login")
        self._post("/login", {"csrf_token": token, "email": self.email, "password": PASSWORD}, 303)

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

    def pass_address(self, card: str = "visa") -> str:
        """Order a pass, pay in the window, and return where Toss sends the customer."""
        path = "/passes/pass-1-month/checkout"
        page = self.get(path).text
        names = ("csrf_token", "quote", "beside")
        values = {name: _value(page, name) for name in names} | {"purchase": "y"}
        window = self._post(path, values, 201).json()
        asked = {
            **window,
            "clientKey": config.SANDBOX_PASS_CLIENT_KEY,
            "windowTarget": "self",
            "amount": window["amount"]["value"],
            "useInternationalCardOnly": window["card"]["useInternationalCardOnly"],
        }
        return self._leave_window("payment", asked, {"card": card})

    @property
    def cookie(self) -> str:
        """Return the Cookie header of the customer's browser."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.http.cookies)

    @staticmethod
    def stranger(address: str) -> requests.Response:
        """GET an address as somebody without a cookie does."""
        return requests.get(address, headers={"Accept-Encoding": "identity"}, timeout=SECONDS)

    def subscribe(self) -> None:
        """Sign up, order, register a card that works, and wait for the paid subscription."""
        self.sign_up()
        self.get(self.return_address())
        self.wait_until_subscribed()

    def wait_until_subscribed(self, seconds: float = SECONDS) -> None:
        """Return once my subscription says that it runs.

        :raises TimeoutError: it did not in time.
        """
        deadline = time.monotonic() + seconds
        while "이용 중" not in self.get("/subscription").text:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.email} is not subscribed after {seconds:g} s")
            time.sleep(0.2)

    def get(self, path: str) -> requests.Response:
        """GET a page of the shop, or an address, and follow nothing."""
        address = path if path.startswith("http") else self.shop.url + path
        return self.http.get(address, allow_redirects=False, timeout=SECONDS)

    def post(self, path: str, **fields: str) -> None:
        """Press the button of a page that has one form, and expect it to be accepted."""
        self._post(path, {"csrf_token": self._token(path), **fields}, 303)

    def links(self, path: str) -> list[str]:
        """Return where the links of a page lead."""
        return re.findall(r'<a [^>]*href="([^"]+)"', self.get(path).text)

    def _register(self, window: dict[str, str], card: str) -> str:
        asked = {"clientKey": config.SANDBOX_CLIENT_KEY, "windowTarget": "self", **window}
        return self._leave_window("billing", asked, {"card": card, "identity": "000000"})

    def _leave_window(self, name: str, asked: dict[str, Any], typed: dict[str, str]) -> str:
        """Open one of the sandbox's windows, type, and return where it leads."""
        sandbox = self.shop.sandbox_url
        opened = requests.post(
            f"{sandbox}/window/{name}",
            json=asked,
            headers={"Origin": self.shop.url},
            timeout=SECONDS,
        ).json()
        sent_back = requests.post(
            sandbox + opened["path"],
            data=typed,
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


class Merchant(Customer):
    """The shop's owner, made here; in whose browser the back office is open, unless not entered."""

    def __init__(self, shop: Shop, *, enters: bool = True) -> None:
        super().__init__(shop)
        self.email = f"owner-{secrets.token_hex(6)}@example.com"
        made = ["users", "create", "--role", "merchant", "--name", "문서연", "--password-stdin"]
        shop.flask(*made, "--email", self.email, typed=PASSWORD)
        self.log_in()
        if enters:
            self.enter()

    def enter(self) -> None:
        """Register a phone and show its code."""
        secret = re.search(r"<code>([A-Z2-7]{32})</code>", self.get(DOOR).text)
        assert secret, "no key for the phone"
        self._post(
            DOOR, {"csrf_token": self._token(DOOR), "code": pyotp.TOTP(secret[1]).now()}, 303
        )


def _value(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]+)"', page)
    assert found, f"no {name} on the page"
    return found[1]
