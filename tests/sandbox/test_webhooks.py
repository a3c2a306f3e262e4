"""What "Toss" posts when something happens: its headers, its re-sends, its back office."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


class Taker:
    """A shop's webhook address: it answers what it is told, and keeps what came."""

    def __init__(self) -> None:
        self.status = 200
        self.came: list[tuple[dict[str, str], dict]] = []
        taker = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                names = {name.lower(): value for name, value in self.headers.items()}
                taker.came.append((names, json.loads(body)))
                self.send_response(taker.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def taker(shop) -> Iterator[Taker]:
    taker = Taker()
    thread = threading.Thread(target=lambda: taker.server.serve_forever(poll_interval=0.01))
    thread.start()
    shop.client.put("/_control/webhook", json={"url": taker.url})
    yield taker
    taker.server.shutdown()
    thread.join()
    taker.server.server_close()


@pytest.fixture
def webhooks(app):
    return app.extensions["sandbox"].webhooks


def deliveries(shop):
    return shop.client.get("/_control/ledger").json["deliveries"]


def test_a_charge_is_told_to_nobody(shop, taker, webhooks):
    shop.charge(shop.billing_key())

    assert webhooks.deliver_due() == 0
    assert taker.came == []


def test_a_cancel_is_told_with_the_payment_and_tosss_headers(shop, taker, webhooks):
    payment = shop.charge(shop.billing_key()).json
    shop.cancel(payment["paymentKey"], cancelAmount=3000)

    assert webhooks.deliver_due() == 1
    [(headers, event)] = taker.came
    assert event["eventType"] == "PAYMENT_STATUS_CHANGED"
    assert event["data"]["paymentKey"] == payment["paymentKey"]
    assert event["data"]["status"] == "PARTIAL_CANCELED"
    assert "+" not in event["createdAt"], "no offset, as Toss writes it"
    assert headers["tosspayments-webhook-transmission-id"].startswith("whtrans_")
    assert headers["tosspayments-webhook-transmission-retried-count"] == "0"
    assert "+09:00" in headers["tosspayments-webhook-transmission-time"]
    assert "tosspayments-webhook-signature" not in headers
    assert webhooks.deliver_due() == 0


def test_a_deleted_key_is_told_without_its_customer(shop, taker, webhooks):
    billing_key = shop.billing_key()
    shop.ask("DELETE", f"/v1/billing/{billing_key}")
    webhooks.deliver_due()

    [(_, event)] = taker.came
    assert event["eventType"] == "BILLING_DELETED"
    assert event["data"] == {"billingKey": billing_key, "reason": None}


@pytest.mark.parametrize("status", [201, 302, 404, 500])
def test_anything_but_200_is_sent_again_up_to_seven_times(shop, taker, app, status, monkeypatch):
    webhooks = app.extensions["sandbox"].webhooks
    monkeypatch.setattr(webhooks, "_minute_seconds", 0)
    taker.status = status
    payment = shop.charge(shop.billing_key()).json
    shop.cancel(payment["paymentKey"])

    while webhooks.deliver_due():
        pass

    counts = [head["tosspayments-webhook-transmission-retried-count"] for head, _ in taker.came]
    assert counts == [str(number) for number in range(8)]
    ids = {head["tosspayments-webhook-transmission-id"] for head, _ in taker.came}
    assert len(ids) == 1


def test_the_waits_grow_as_toss_says(shop, taker, webhooks):
    taker.status = 500
    payment = shop.charge(shop.billing_key()).json
    shop.cancel(payment["paymentKey"])
    webhooks.deliver_due()

    [delivery] = deliveries(shop)
    assert delivery["last_status"] == 500
    assert webhooks.deliver_due() == 0, "not before a minute"


def test_a_shop_that_is_away_gets_it_later(shop, taker, webhooks):
    shop.client.put("/_control/webhook", json={"url": "http://127.0.0.1:9/hook"})
    payment = shop.charge(shop.billing_key()).json
    shop.cancel(payment["paymentKey"])
    webhooks.deliver_due()

    [delivery] = deliveries(shop)
    assert delivery["last_status"] is None
    assert delivery["due_at"]


def test_without_an_address_nothing_is_owed(shop):
    payment = shop.charge(shop.billing_key()).json
    shop.cancel(payment["paymentKey"])

    assert deliveries(shop) == []


def test_the_back_office_cancels_and_deletes(shop, taker, webhooks):
    billing_key = shop.billing_key()
    payment = shop.charge(billing_key).json
    path = f"/_control/payments/{payment['paymentKey']}/cancel"

    assert shop.client.post(path, json={"amount": 1000}).status_code == 204
    assert shop.client.post(path, json={"amount": 9000}).status_code == 400
    assert shop.client.post("/_control/payments/x/cancel", json={}).status_code == 404
    assert shop.client.delete(f"/_control/billing-keys/{billing_key}").status_code == 204
    assert shop.client.delete("/_control/billing-keys/x").status_code == 404

    assert shop.order().json["balanceAmount"] == 8900
    assert shop.charge(billing_key, orderId="order-2").json["code"] == "ALREADY_REMOVED_BILLING_KEY"
    assert webhooks.deliver_due() == 2
