"""Another server that speaks Toss's contract: other keys, other paths, the older API version.

It shares nothing with the sandbox. Its script and its API have origins of their own; its card
window is a page. What a customer presses there is what happens next.
"""

import base64
import json
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from flask import Flask, Response, abort, request
from werkzeug.serving import make_server

CLIENT_KEY, SECRET_KEY = "test_ck_other0client0key0000", "test_sk_other0secret0key0000"
SEOUL = timezone(timedelta(hours=9))
SCRIPT = """
window.TossPayments = (clientKey) => ({
  payment: ({ customerKey }) => ({
    requestBillingAuth: async (asked) => {
      if (asked.method !== "CARD" || !asked.successUrl) throw { code: "INVALID_PARAMETERS" };
      const order = new URLSearchParams({ clientKey, customerKey, ...asked });
      window.location.href = "%s/register-a-card?" + order;
      await new Promise(() => {});
    },
  }),
});
"""
CHOICES = {"well": "잘 되는 카드", "poor": "잔액이 없는 카드", "slow-tongue": "답을 잃는 카드"}


class OtherToss:
    """The server, and what it did: `keys` issued and `payments` made."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, Any]] = {}
        self.payments: dict[str, dict[str, Any]] = {}
        self._choices: dict[str, str] = {}
        self._replays: dict[str, tuple[int, Any]] = {}
        self._lock = threading.Lock()
        self._api = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self._sdk = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self.url = f"http://127.0.0.1:{self._api.server_port}"
        self.sdk_url = f"http://127.0.0.1:{self._sdk.server_port}/a-script/of-its-own.js"
        for server in (self._api, self._sdk):
            threading.Thread(target=server.serve_forever, daemon=True).start()

    @property
    def settings(self) -> dict[str, str]:
        """What a shop must be told to use this server: Toss's settings, and no others."""
        return {
            "TOSS_API_BASE": self.url,
            "TOSS_SDK_URL": self.sdk_url,
            "TOSS_CLIENT_KEY": CLIENT_KEY,
            "TOSS_SECRET_KEY": SECRET_KEY,
        }

    def close(self) -> None:
        """Stop listening."""
        for server in (self._api, self._sdk):
            server.shutdown()
            server.server_close()

    def _app(self) -> Flask:
        app = Flask(__name__)
        app.get("/a-script/of-its-own.js")(self._script)
        app.get("/register-a-card")(self._window)
        app.post("/v1/billing/authorizations/issue")(self._issue_once)
        app.post("/v1/billing/<path:key>")(self._charge_once)
        app.delete("/v1/billing/<path:key>")(self._delete)
        app.get("/v1/payments/orders/<order>")(self._by_order)
        return app

    def _script(self) -> Response:
        return Response(SCRIPT % self.url, mimetype="text/javascript")

    def _issue_once(self) -> Response:
        return self._once(self._issue)

    def _charge_once(self, key: str) -> Response:
        return self._once(lambda body: self._charge(key, body))

    def _window(self) -> str:
        links = []
        for choice, words in CHOICES.items():
            auth_key = f"auth-{uuid4()}"
            self._choices[auth_key] = choice
            back = f"{request.args['successUrl']}&customerKey={request.args['customerKey']}"
            links.append(f'<p><a href="{back}&authKey={auth_key}">{words}</a></p>')
        gone = f"{request.args['failUrl']}&code=PAY_PROCESS_CANCELED&message=closed"
        name = request.args["customerName"]
        head = '<!doctype html><html lang="ko"><link rel="icon" href="data:,">'
        return f'{head}<title>창</title><h1>{name}</h1>{"".join(links)}<a href="{gone}">닫기</a>'

    def _once(self, act: Callable[[dict[str, Any]], tuple[int, Any]]) -> Response:
        self._authenticate()
        key = request.headers["Idempotency-Key"]
        with self._lock:
            if key not in self._replays:
                self._replays[key] = act(request.get_json())
                if self._replays[key][1].pop("_lost", False):
                    request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        status, body = self._replays[key]
        return Response(json.dumps(body), status, mimetype="application/json")

    def _issue(self, body: dict[str, Any]) -> tuple[int, Any]:
        choice = self._choices.pop(body["authKey"], None)
        if choice is None:
            return 400, {"code": "NOT_FOUND_PAYMENT_SESSION", "message": "모르는 인증이에요"}
        key = base64.urlsafe_b64encode(uuid4().bytes).decode()
        issued = {
            "mId": "other",
            "customerKey": body["customerKey"],
            "authenticatedAt": datetime.now(SEOUL).isoformat(timespec="seconds"),
            "method": "카드",
            "billingKey": key,
            "cardCompany": "현대",
            "cardNumber": "43301234****123*",
            "card": {"company": "현대", "number": "43301234****123*", "cardType": "신용"},
        }
        self.keys[key] = {**issued, "choice": choice}
        return 200, {**issued, "_lost": choice == "slow-tongue"}

    def _charge(self, key: str, body: dict[str, Any]) -> tuple[int, Any]:
        known = self.keys.get(key)
        if known is None or known["customerKey"] != body["customerKey"]:
            return 400, {"code": "NOT_MATCHES_CUSTOMER_KEY", "message": "다른 고객이에요"}
        if known["choice"] == "poor":
            return 403, {"code": "REJECT_ACCOUNT_PAYMENT", "message": "잔액이 부족해요"}
        if body["orderId"] in self.payments:
            return 400, {"code": "DUPLICATED_ORDER_ID", "message": "이미 있는 주문이에요"}
        paid = self.payments[body["orderId"]] = _payment(body)
        return 200, {**paid, "_lost": known["choice"] == "slow-tongue"}

    def _delete(self, key: str) -> Any:
        self._authenticate()
        self.keys.pop(key, None)
        return {}

    def _by_order(self, order: str) -> Any:
        self._authenticate()
        if order in self.payments:
            return self.payments[order]
        return {"code": "NOT_FOUND_PAYMENT", "message": "없는 결제예요"}, 404

    def _authenticate(self) -> None:
        expected = "Basic " + base64.b64encode(f"{SECRET_KEY}:".encode()).decode()
        if request.headers.get("Authorization") != expected:
            abort(401)


def _payment(body: dict[str, Any]) -> dict[str, Any]:
    now = datetime.now(SEOUL).isoformat(timespec="seconds")
    taxed = body["amount"] - body.get("taxFreeAmount", 0)
    supplied = round(taxed / 1.1)
    return {
        "version": "2022-06-08",
        "mId": "other",
        "type": "BILLING",
        "status": "DONE",
        "paymentKey": f"pay_{uuid4().hex}",
        "orderId": body["orderId"],
        "orderName": body["orderName"],
        "method": "카드",
        "currency": "KRW",
        "totalAmount": body["amount"],
        "balanceAmount": body["amount"],
        "suppliedAmount": supplied,
        "vat": taxed - supplied,
        "taxFreeAmount": body.get("taxFreeAmount", 0),
        "requestedAt": now,
        "approvedAt": now,
        "lastTransactionKey": uuid4().hex,
        "card": {"company": "현대", "number": "43301234****123*", "approveNo": "00000000"},
        "receipt": None,
        "cancels": None,
        "failure": None,
        "isPartialCancelable": True,
    }
