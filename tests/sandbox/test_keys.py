import base64

import pytest

from sandbox.app import create_app
from sandbox.keys import KeyPair, read_pair
from tests.sandbox.shop import BILLING, Shop


def encoded(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        ("", 403, "INCORRECT_BASIC_AUTH_FORMAT"),
        ("Basic !!!", 403, "INCORRECT_BASIC_AUTH_FORMAT"),
        (encoded(BILLING.secret_key), 403, "INCORRECT_BASIC_AUTH_FORMAT"),
        (encoded(f"{BILLING.secret_key}:x"), 403, "INCORRECT_BASIC_AUTH_FORMAT"),
        (f"Bearer {encoded('a:')[6:]}", 403, "INCORRECT_BASIC_AUTH_FORMAT"),
        (encoded(f"{BILLING.secret_key} + :"), 401, "UNAUTHORIZED_KEY"),
        (encoded("test_sk_unknown:"), 401, "UNAUTHORIZED_KEY"),
        (encoded(f"{BILLING.client_key}:"), 401, "UNAUTHORIZED_KEY"),
        (encoded("test_gsk_widget:"), 400, "INVALID_API_KEY"),
    ],
)
def test_a_wrong_authorization_is_refused(client, header, status, code):
    answer = client.get("/v1/payments/p", headers={"Authorization": header})

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.headers["x-tosspayments-trace-id"]


def test_one_merchant_knows_nothing_of_another(shop, other_shop):
    billing_key = shop.billing_key()
    payment_key = shop.charge(billing_key).json["paymentKey"]

    refusals = [
        other_shop.charge(billing_key, orderId="order-2"),
        other_shop.ask("DELETE", f"/v1/billing/{billing_key}"),
        other_shop.ask("GET", f"/v1/payments/{payment_key}"),
        other_shop.order(),
        other_shop.cancel(payment_key),
        other_shop.issue(shop.auth_key()),
    ]

    assert [answer.json["code"] for answer in refusals] == [
        "INVALID_BILL_KEY_REQUEST",
        "NOT_FOUND_BILLING",
        "NOT_FOUND_PAYMENT",
        "NOT_FOUND_PAYMENT",
        "NOT_FOUND_PAYMENT",
        "NOT_FOUND_BILLING",
    ]


def test_another_pair_of_keys_can_be_given():
    pair = read_pair("live_ck_a:live_sk_b:bill_mine")
    app = create_app(key_pairs=[pair])

    shop = Shop(app.test_client(), pair)

    assert shop.issue(shop.auth_key()).json["mId"] == "bill_mine"
    app.extensions["sandbox"].ledger.close()


@pytest.mark.parametrize(
    "text", ["a:b", "live_ck_a:live_ck_b:m", "x:y:z", f"a_ck_:a_sk_:{'m' * 15}"]
)
def test_a_malformed_pair_is_refused(text):
    with pytest.raises(ValueError):
        read_pair(text)


def test_the_test_code_is_not_for_live_keys():
    pair = KeyPair("live_ck_a", "live_sk_b", "bill_mine")
    app = create_app(key_pairs=[pair])

    answer = Shop(app.test_client(), pair).ask(
        "GET", "/v1/payments/p", headers={"TossPayments-Test-Code": "REJECT_CARD_PAYMENT"}
    )

    assert answer.json["code"] == "NOT_FOUND_PAYMENT"
    app.extensions["sandbox"].ledger.close()
