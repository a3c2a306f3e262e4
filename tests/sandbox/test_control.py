from http.client import RemoteDisconnected

import pytest

from tests.sandbox.shop import CUSTOMER_KEY, authorization


def strike(shop, **fault):
    answer = shop.client.put("/_control/faults", json={"faults": [fault]})
    assert answer.status_code == 200, answer.text


def test_only_this_machine_has_control(client):
    for remote, status in (("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 403)):
        answer = client.get("/_control/ledger", environ_base={"REMOTE_ADDR": remote})
        assert answer.status_code == status


def test_a_status_comes_as_html_and_nothing_is_executed(shop):
    billing_key = shop.billing_key()
    strike(shop, operation="charge", kind="status", status=502, times=1)

    answer = shop.charge(billing_key)

    assert (answer.status_code, answer.mimetype) == (502, "text/html")
    assert shop.client.get("/_control/ledger").json["payments"] == []
    assert shop.charge(billing_key).status_code == 200


def test_a_refused_look_up_is_known_by_its_order_id(shop):
    shop.order("order-7")

    [request] = shop.client.get("/_control/ledger").json["requests"]

    assert (request["order_id"], request["path"]) == ("order-7", "/v1/payments/orders/{order_id}")
    assert (request["status"], request["code"]) == (404, "NOT_FOUND_PAYMENT")


def test_a_code_is_answered_and_nothing_is_executed(shop):
    strike(shop, operation="any", kind="code", code="PROVIDER_ERROR")

    assert shop.charge("unknown").json["code"] == "PROVIDER_ERROR"
    assert shop.order().json["code"] == "PROVIDER_ERROR"


def test_a_mismatch_answers_another_amount_than_was_charged(shop):
    billing_key = shop.billing_key()
    strike(shop, operation="charge", kind="mismatch")

    assert shop.charge(billing_key).json["totalAmount"] == 10900
    assert shop.order().json["totalAmount"] == 9900


def test_garbage_is_no_json_though_the_charge_was_made(shop):
    billing_key = shop.billing_key()
    strike(shop, operation="charge", kind="garbage")

    answer = shop.charge(billing_key)

    assert answer.status_code == 200
    assert answer.get_json(silent=True) is None
    assert shop.order().json["status"] == "DONE"


def test_a_lost_answer_is_one_that_was_executed(shop):
    billing_key = shop.billing_key()
    strike(shop, operation="charge", kind="lost", times=1)

    with pytest.raises(ConnectionAbortedError):
        shop.charge(billing_key, {"Idempotency-Key": "k1"})

    assert shop.order().json["status"] == "DONE"
    assert shop.charge(billing_key, {"Idempotency-Key": "k1"}).json["status"] == "DONE"


def test_faults_are_listed_while_they_can_strike(shop):
    strike(shop, operation="lookup", kind="status", status=503, times=1)
    [before] = shop.client.get("/_control/faults").json["faults"]

    shop.order()

    assert (before["operation"], before["times"]) == ("lookup", 1)
    assert shop.client.get("/_control/faults").json["faults"] == []


@pytest.mark.parametrize(
    "faults",
    [
        [{"operation": "charge", "kind": "no-such-kind"}],
        [{"operation": "no-such-operation", "kind": "lost"}],
        [{"operation": "charge", "kind": "code", "code": "NO_SUCH_CODE"}],
        [{"operation": "charge", "kind": "lost", "misspelt": 1}],
        None,
    ],
)
def test_a_fault_that_does_not_exist_is_refused(client, faults):
    assert client.put("/_control/faults", json={"faults": faults}).status_code == 400


def test_the_clock_can_be_set_and_let_go(shop):
    shop.client.put("/_control/clock", json={"now": "2027-01-31T09:00:00+09:00"})
    payment = shop.charge(shop.billing_key()).json
    assert payment["approvedAt"].startswith("2027-01-31T09:00:0")
    assert payment["paymentKey"].startswith("bill_20270131")

    shop.client.put("/_control/clock", json={"now": None})

    assert not shop.client.get("/_control/clock").json["now"].startswith("2027-01-31")
    assert shop.client.put("/_control/clock", json={"now": "soon"}).status_code == 400


def test_the_ledger_tells_what_was_asked_without_keys_in_paths(shop):
    billing_key = shop.billing_key("no-funds")
    shop.charge(
        billing_key, {"Idempotency-Key": "k1", "TossPayments-Test-Code": "REJECT_CARD_PAYMENT"}
    )

    ledger = shop.client.get("/_control/ledger").json

    assert [request["operation"] for request in ledger["requests"]] == ["issue", "charge"]
    charge = ledger["requests"][1]
    assert charge["order_id"] == "order-1"
    assert charge["path"] == "/v1/billing/{billing_key}"
    assert (charge["status"], charge["code"]) == (403, "REJECT_CARD_PAYMENT")
    assert (charge["idempotency_key"], charge["test_code"]) == ("k1", "REJECT_CARD_PAYMENT")
    assert ledger["billing_keys"][0]["billing_key"] == billing_key
    assert ledger["payments"] == ledger["cancels"] == []


def test_the_ledger_can_be_emptied(shop):
    payment = shop.charge(shop.billing_key()).json
    shop.cancel(payment["paymentKey"])

    shop.client.delete("/_control/ledger")

    assert shop.client.get("/_control/ledger").json == {
        "billing_keys": [],
        "payments": [],
        "cancels": [],
        "requests": [],
        "cash_receipts": [],
        "deliveries": [],
    }


def test_a_card_that_loses_answers_cuts_the_connection(shop, connection):
    auth_key = shop.auth_key("issue-lost")
    issue = ("POST", "/v1/billing/authorizations/issue")
    body = f'{{"authKey": "{auth_key}", "customerKey": "{CUSTOMER_KEY}"}}'
    headers = {
        "Authorization": authorization(shop.pair.secret_key),
        "Content-Type": "application/json",
        "Idempotency-Key": "k1",
    }
    connection.request(*issue, body, headers)
    with pytest.raises((RemoteDisconnected, ConnectionResetError)):
        connection.getresponse()
    connection.close()

    connection.request(*issue, body, headers)

    assert connection.getresponse().status == 200


def test_garbage_is_an_answer_that_ends(shop, connection):
    payment = shop.charge(shop.billing_key()).json
    strike(shop, operation="lookup", kind="garbage")

    connection.request(
        "GET",
        f"/v1/payments/{payment['paymentKey']}",
        headers={"Authorization": authorization(shop.pair.secret_key)},
    )

    answer = connection.getresponse()
    assert int(answer.headers["Content-Length"]) == len(answer.read())


def test_one_connection_serves_many_requests(connection):
    sockets = set()
    for _ in range(3):
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"ok")
        sockets.add(connection.sock)

    assert len(sockets) == 1
    assert None not in sockets


def test_a_body_that_is_too_large_is_refused(connection):
    connection.request("POST", "/v1/payments/confirm", headers={"Content-Length": "1000001"})

    assert connection.getresponse().status == 413
