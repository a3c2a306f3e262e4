"""The window for one payment, and its confirmation within ten minutes."""

import json
from datetime import timedelta
from http.client import HTTPException

import pytest

from sandbox.cards import ALL
from sandbox.payment_words import WORDS
from tests.sandbox.shop import PASS, Shop, authorization, query_of


@pytest.fixture
def shop(client) -> Shop:
    return Shop(client, PASS)


@pytest.fixture
def billing_shop(client) -> Shop:
    return Shop(client)


@pytest.fixture
def later(app):
    clock = app.extensions["sandbox"].clock
    return lambda **time: clock.set(clock.now() + timedelta(**time))


def code_of(answer):
    return answer.status_code, answer.json["code"]


def payments(shop):
    return shop.client.get("/_control/ledger").json["payments"]


def test_what_was_authenticated_is_paid_once_confirmed(shop):
    brought = shop.authenticate()

    assert (brought["orderId"], brought["amount"]) == ("pass-order-1", "5900")
    waiting = shop.order("pass-order-1").json
    assert [waiting[name] for name in ("status", "approvedAt", "receipt")] == [
        "IN_PROGRESS", None, None,
    ]  # fmt: skip
    paid = shop.confirm(brought)
    assert paid.status_code == 200
    assert [paid.json[name] for name in ("status", "type", "mId", "totalAmount", "country")] == [
        "DONE", "NORMAL", "pass_dalbit", 5900, "US",
    ]  # fmt: skip
    assert paid.json["card"]["issuerCode"] == "4V"
    assert shop.order("pass-order-1").json == paid.json


def test_confirming_again_is_refused(shop):
    brought = shop.authenticate()
    shop.confirm(brought)

    assert code_of(shop.confirm(brought)) == (400, "ALREADY_PROCESSED_PAYMENT")
    assert len(payments(shop)) == 1


@pytest.mark.parametrize(
    "changes", [{"amount": 100}, {"amount": 5901}, {"orderId": "pass-order-2"}]
)
def test_another_amount_or_order_is_refused_and_nothing_is_paid(shop, changes):
    brought = shop.authenticate()

    assert code_of(shop.confirm(brought, **changes)) == (403, "FORBIDDEN_REQUEST")
    assert shop.order("pass-order-1").json["status"] == "IN_PROGRESS"


def test_a_key_of_another_merchant_is_refused(shop, billing_shop):
    brought = shop.authenticate()

    assert code_of(billing_shop.confirm(brought)) == (400, "INVALID_API_KEY")
    assert code_of(billing_shop.order("pass-order-1")) == (404, "NOT_FOUND_PAYMENT")


def test_after_ten_minutes_there_is_nothing_to_confirm(shop, later):
    brought = shop.authenticate()
    later(minutes=9, seconds=50)
    assert shop.order("pass-order-1").json["status"] == "IN_PROGRESS"
    later(seconds=15)

    assert code_of(shop.confirm(brought)) == (404, "NOT_FOUND_PAYMENT_SESSION")
    assert shop.order("pass-order-1").json["status"] == "EXPIRED"
    assert code_of(shop.confirm(brought)) == (404, "NOT_FOUND_PAYMENT_SESSION")


@pytest.mark.parametrize(
    ("card", "refusal"),
    [
        ("foreign-no-funds", (403, "REJECT_CARD_PAYMENT")),
        ("foreign-refused", (403, "REJECT_CARD_COMPANY")),
    ],
)
def test_a_refused_card_ends_the_order(shop, card, refusal):
    brought = shop.authenticate(card)

    assert code_of(shop.confirm(brought)) == refusal
    found = shop.order("pass-order-1").json
    assert (found["status"], found["failure"]["code"]) == ("ABORTED", refusal[1])
    assert code_of(shop.confirm(brought)) == (404, "NOT_FOUND_PAYMENT_SESSION")


def test_a_server_error_leaves_the_payment_as_it_was(shop):
    brought = shop.authenticate("foreign-error")

    assert shop.confirm(brought).status_code == 500
    assert shop.order("pass-order-1").json["status"] == "IN_PROGRESS"


@pytest.mark.parametrize(
    ("card", "code"),
    [("foreign-reject", "REJECT_CARD_COMPANY"), ("foreign-abort", "PAY_PROCESS_ABORTED")],
)
def test_a_window_that_fails_names_the_order(shop, card, code):
    answer = shop.client.post(shop.open_payment_window(), data={"card": card})

    assert answer.location.startswith("http://shop.example/passes/fail?order=1&")
    query = query_of(answer.location)
    assert (query["code"], query["orderId"]) == (code, "pass-order-1")
    assert payments(shop) == []


def test_a_closed_window_names_no_order(shop):
    query = query_of(shop.client.post(f"{shop.open_payment_window()}/close").location)

    assert query["code"] == "PAY_PROCESS_CANCELED"
    assert "orderId" not in query


def test_a_second_click_leads_to_the_same_place(shop):
    path = shop.open_payment_window()
    first = shop.client.post(path, data={"card": "visa"}).location

    assert shop.client.post(path, data={"card": "foreign-abort"}).location == first


def test_an_order_authenticated_twice_is_paid_by_the_later_payment(shop):
    first, second = shop.authenticate(), shop.authenticate("jcb")

    assert code_of(shop.confirm(first)) == (404, "NOT_FOUND_PAYMENT_SESSION")
    assert shop.confirm(second).status_code == 200


def test_what_is_void_does_not_expire(shop, later):
    shop.authenticate()
    shop.confirm(shop.authenticate("jcb"))

    answer = shop.client.put("/_control/clock", json={"now": "2099-01-01T00:00:00"})

    assert answer.status_code == 200
    assert shop.order("pass-order-1").json["status"] == "DONE"


def test_a_window_that_was_open_when_its_order_was_paid_pays_nothing(shop):
    other_tab = shop.open_payment_window()
    shop.confirm(shop.authenticate())

    query = query_of(shop.client.post(other_tab, data={"card": "visa"}).location)

    assert (query["code"], query["orderId"]) == ("DUPLICATED_ORDER_ID", "pass-order-1")
    assert shop.order("pass-order-1").json["status"] == "DONE"


def test_a_framed_window_that_is_closed_leads_nowhere(shop):
    path = shop.open_payment_window(windowTarget="iframe")

    assert 'data-address=""' in shop.client.post(f"{path}/close").text


@pytest.mark.parametrize("way", ["open", "closed"])
def test_a_window_that_nobody_paid_in_is_ready_and_expires(shop, later, way):
    path = shop.open_payment_window()
    if way == "closed":
        shop.client.post(f"{path}/close")

    found = shop.order("pass-order-1").json
    assert [found[name] for name in ("status", "method", "card", "easyPay", "approvedAt")] == [
        "READY", None, None, None, None,
    ]  # fmt: skip
    assert code_of(shop.cancel(found["paymentKey"])) == (403, "NOT_CANCELABLE_PAYMENT")
    later(minutes=31)
    assert shop.order("pass-order-1").json["status"] == "EXPIRED"


def test_a_window_that_is_too_old_leads_to_the_fail_url(shop, later):
    path = shop.open_payment_window()
    later(minutes=31)

    query = query_of(shop.client.post(path, data={"card": "visa"}).location)

    assert query["code"] == "PAY_PROCESS_ABORTED"
    assert shop.order("pass-order-1").json["status"] == "EXPIRED"
    assert payments(shop) == []


def test_the_shop_is_told_of_every_end_of_a_payment(shop):
    """Toss contract, section 7: of DONE, ABORTED, EXPIRED and cancels, not of a closed window."""
    shop.client.put("/_control/webhook", json={"url": "http://127.0.0.1:9/hook"})
    shop.client.post(f"{shop.open_payment_window()}/close")
    shop.client.post(shop.open_payment_window(), data={"card": "foreign-abort"})
    shop.confirm(shop.authenticate("foreign-refused"))
    shop.authenticate()
    shop.client.put("/_control/clock", json={"now": "2099-01-01T00:00:00"})
    paid = shop.confirm(shop.authenticate()).json
    shop.cancel(paid["paymentKey"], cancelAmount=900)
    shop.cancel(paid["paymentKey"])

    deliveries = shop.client.get("/_control/ledger").json["deliveries"]
    events = [json.loads(delivery["body"]) for delivery in deliveries]

    assert {event["eventType"] for event in events} == {"PAYMENT_STATUS_CHANGED"}
    assert [event["data"]["status"] for event in events] == [
        "ABORTED", "ABORTED", "EXPIRED", "EXPIRED", "DONE", "PARTIAL_CANCELED", "PARTIAL_CANCELED",
    ]  # fmt: skip
    assert {event["data"]["orderId"] for event in events} == {"pass-order-1"}


def test_a_paid_order_opens_no_window(shop):
    shop.confirm(shop.authenticate())
    fields = {
        "clientKey": PASS.client_key, "customerKey": "customer", "orderId": "pass-order-1",
        "orderName": "x", "amount": 5900, "successUrl": "http://a/", "failUrl": "http://a/",
    }  # fmt: skip

    answer = shop.client.post("/window/payment", json=fields)

    assert code_of(answer) == (400, "DUPLICATED_ORDER_ID")


@pytest.mark.parametrize("language", WORDS)
def test_the_window_speaks_the_language_that_it_is_asked_in(shop, language):
    path, words = shop.open_payment_window(language=language), WORDS[language]
    page = shop.client.get(path).text

    assert f'<html lang="{words["lang"]}">' in page
    assert all(words[name] in page for name in ("notice", "legend", "pay"))
    assert "₩5,900 KRW" in page
    assert "≈ $4.21 USD" in page
    mistaken = shop.client.post(path, data={"card": "works"})
    assert mistaken.status_code == 400
    assert words["mistake"] in mistaken.text


def test_each_window_offers_its_own_cards(shop):
    pages = {
        "FOREIGN": shop.client.get(shop.open_payment_window()).text,
        "DOMESTIC": shop.client.get(shop.open_payment_window(useInternationalCardOnly=False)).text,
    }

    for way, page in pages.items():
        offered = {card.value for card in ALL if f'id="card-{card.value}"' in page}
        assert offered == {card.value for card in ALL if card.way == way}
    assert "USD" not in pages["DOMESTIC"]


def test_a_wallet_answers_without_a_card(shop):
    paid = shop.confirm(shop.authenticate("domestic-wallet", useInternationalCardOnly=False)).json

    assert (paid["card"], paid["easyPay"]["provider"]) == (None, "토스페이")


def test_what_was_never_confirmed_cannot_be_given_back(shop):
    brought = shop.authenticate()
    assert code_of(shop.cancel(brought["paymentKey"])) == (403, "NOT_CANCELABLE_PAYMENT")

    shop.confirm(brought)
    part = shop.cancel(brought["paymentKey"], cancelAmount=900)
    assert part.json["status"] == "PARTIAL_CANCELED"
    assert shop.cancel(brought["paymentKey"]).json["balanceAmount"] == 0


def test_a_request_lost_before_it_arrived_did_nothing(shop, connection):
    brought = shop.authenticate()
    fault = {"operation": "confirm", "kind": "lost_before", "times": 1}
    shop.client.put("/_control/faults", json={"faults": [fault]})
    body = {"paymentKey": brought["paymentKey"], "orderId": "pass-order-1", "amount": 5900}
    headers = {"Authorization": authorization(PASS.secret_key), "Content-Type": "application/json"}

    connection.request("POST", "/v1/payments/confirm", json.dumps(body), headers)
    with pytest.raises((HTTPException, OSError)):
        connection.getresponse()

    asked = [one["operation"] for one in shop.client.get("/_control/ledger").json["requests"]]
    assert "confirm" not in asked
    assert shop.order("pass-order-1").json["status"] == "IN_PROGRESS"
    assert shop.confirm(brought).status_code == 200
