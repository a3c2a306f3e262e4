import threading

from sandbox.app import create_app
from tests.sandbox.shop import Shop

KEY = {"Idempotency-Key": "k1"}


def ledger_of(shop):
    return shop.client.get("/_control/ledger").json


def test_the_same_key_repeats_the_answer_byte_for_byte(shop):
    billing_key = shop.billing_key()
    first = shop.charge(billing_key, KEY)

    second = shop.charge(billing_key, KEY, orderId="order-2", amount=100)

    assert second.get_data() == first.get_data()
    assert second.headers["idempotency-key"] == "k1"
    assert second.headers["x-tosspayments-trace-id"] != first.headers["x-tosspayments-trace-id"]
    assert len(ledger_of(shop)["payments"]) == 1


def test_an_issued_billing_key_is_answered_again(shop):
    auth_key = shop.auth_key()

    answers = [shop.issue(auth_key, **KEY) for _ in range(2)]

    assert answers[0].get_data() == answers[1].get_data()
    assert len(ledger_of(shop)["billing_keys"]) == 1


def test_a_refusal_is_repeated_even_when_the_body_is_right(shop):
    billing_key = shop.billing_key()
    refused = shop.charge(billing_key, KEY, amount=99)

    again = shop.charge(billing_key, KEY)

    assert (again.status_code, again.get_data()) == (400, refused.get_data())
    assert shop.charge(billing_key, {"Idempotency-Key": "k2"}).status_code == 200


def test_a_server_error_is_not_kept(shop):
    billing_key = shop.billing_key()
    shop.client.put(
        "/_control/faults",
        json={
            "faults": [
                {"operation": "charge", "kind": "code", "code": "COMMON_ERROR", "times": 1},
                {"operation": "charge", "kind": "status", "status": 502, "times": 1},
            ]
        },
    )

    answers = [shop.charge(billing_key, KEY).status_code for _ in range(3)]

    assert answers == [500, 502, 200]


def test_another_address_is_another_request(shop):
    first = shop.charge(shop.billing_key(), KEY)

    second = shop.charge(shop.billing_key(), KEY, orderId="order-2")

    assert (first.json["orderId"], second.json["orderId"]) == ("order-1", "order-2")


def test_another_merchant_is_another_request(shop, other_shop):
    first = shop.issue(shop.auth_key(), **KEY)

    second = other_shop.issue(other_shop.auth_key(), **KEY)

    assert (first.json["mId"], second.json["mId"]) == ("bill_dalbit", "pass_dalbit")


def test_a_key_may_have_300_characters_and_no_more(shop):
    billing_key = shop.billing_key()

    refused = shop.charge(billing_key, {"Idempotency-Key": "k" * 301})
    accepted = shop.charge(billing_key, {"Idempotency-Key": "k" * 300})

    assert (refused.status_code, refused.json["code"]) == (400, "INVALID_IDEMPOTENCY_KEY")
    assert accepted.status_code == 200


def test_a_misspelt_header_is_ignored(shop):
    billing_key = shop.billing_key()
    shop.charge(billing_key, {"Idempotent-Key": "k1"})

    again = shop.charge(billing_key, {"Idempotent-Key": "k1"})

    assert again.json["code"] == "DUPLICATED_ORDER_ID"


def test_a_request_in_progress_is_not_executed_again(app, shop):
    billing_key = shop.billing_key()
    shop.client.put(
        "/_control/faults",
        json={"faults": [{"operation": "charge", "kind": "hang", "seconds": 30, "times": 1}]},
    )
    answers = []
    first = threading.Thread(
        target=lambda: answers.append(Shop(app.test_client()).charge(billing_key, KEY))
    )
    first.start()
    waiting = "SELECT 1 FROM answers WHERE status IS NULL"
    while not app.extensions["sandbox"].ledger.one(waiting):
        assert first.is_alive()

    meanwhile = shop.charge(billing_key, KEY)
    shop.client.put("/_control/faults", json={"faults": []})
    first.join(timeout=5)
    afterwards = shop.charge(billing_key, KEY)

    assert meanwhile.status_code == 409
    assert meanwhile.json["code"] == "IDEMPOTENT_REQUEST_PROCESSING"
    assert answers[0].status_code == 200
    assert afterwards.get_data() == answers[0].get_data()
    assert len(ledger_of(shop)["payments"]) == 1


def test_an_answer_is_kept_for_15_days(shop):
    billing_key = shop.billing_key()
    shop.client.put("/_control/clock", json={"now": "2026-03-01T09:00:00+09:00"})
    first = shop.charge(billing_key, KEY)
    shop.client.put("/_control/clock", json={"now": "2026-03-16T08:59:00+09:00"})
    within = shop.charge(billing_key, KEY)
    shop.client.put("/_control/clock", json={"now": "2026-03-16T09:01:00+09:00"})
    after = shop.charge(billing_key, KEY)

    assert within.get_data() == first.get_data()
    assert after.json["code"] == "DUPLICATED_ORDER_ID"


def test_answers_survive_a_restart_and_unfinished_requests_do_not(tmp_path):
    path = str(tmp_path / "sandbox.sqlite")
    before = create_app(path)
    shop = Shop(before.test_client())
    billing_key = shop.billing_key()
    first = shop.charge(billing_key, KEY)
    ledger = before.extensions["sandbox"].ledger
    ledger.add("answers", scope="unfinished", first_asked_at="2999-01-01")
    ledger.close()

    after = create_app(path)

    assert Shop(after.test_client()).charge(billing_key, KEY).get_data() == first.get_data()
    assert not after.extensions["sandbox"].ledger.one("SELECT 1 FROM answers WHERE status IS NULL")
    after.extensions["sandbox"].ledger.close()
