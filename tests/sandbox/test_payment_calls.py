import pytest


def code_of(answer):
    return answer.status_code, answer.json["code"]


@pytest.fixture
def payment(shop):
    return shop.charge(shop.billing_key(), amount=10000).json


def test_an_unknown_payment_is_not_found(shop):
    assert code_of(shop.ask("GET", "/v1/payments/unknown")) == (404, "NOT_FOUND_PAYMENT")
    assert code_of(shop.order("unknown")) == (404, "NOT_FOUND_PAYMENT")
    assert code_of(shop.cancel("unknown")) == (404, "NOT_FOUND_PAYMENT")


def test_a_whole_cancel_ends_the_payment(shop, payment):
    canceled = shop.cancel(payment["paymentKey"], refundableAmount=10000).json

    assert (canceled["status"], canceled["balanceAmount"]) == ("CANCELED", 0)
    assert (canceled["suppliedAmount"], canceled["vat"], canceled["totalAmount"]) == (0, 0, 10000)
    [cancel] = canceled["cancels"]
    assert cancel["cancelAmount"] == 10000
    assert cancel["refundableAmount"] == 0
    assert cancel["cancelReason"] == "구독 해지"
    assert cancel["cancelStatus"] == "DONE"
    assert cancel["transactionKey"] == canceled["lastTransactionKey"]
    again = shop.cancel(payment["paymentKey"])
    assert code_of(again) == (400, "ALREADY_CANCELED_PAYMENT")


def test_parts_and_then_the_rest_stay_partially_canceled(shop, payment):
    part = shop.cancel(payment["paymentKey"], cancelAmount=3000).json
    rest = shop.cancel(payment["paymentKey"]).json

    assert (part["status"], part["balanceAmount"]) == ("PARTIAL_CANCELED", 7000)
    assert (part["suppliedAmount"], part["vat"]) == (6364, 636)
    assert (rest["status"], rest["balanceAmount"]) == ("PARTIAL_CANCELED", 0)
    assert [cancel["cancelAmount"] for cancel in rest["cancels"]] == [3000, 7000]
    again = shop.cancel(payment["paymentKey"])
    assert code_of(again) == (403, "NOT_CANCELABLE_AMOUNT")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"cancelAmount": 10001}, 403, "NOT_CANCELABLE_AMOUNT"),
        ({"cancelAmount": 0}, 400, "BELOW_ZERO_AMOUNT"),
        ({"cancelAmount": -1}, 400, "BELOW_ZERO_AMOUNT"),
        ({"cancelAmount": "3000"}, 400, "INVALID_REQUEST"),
        ({"refundableAmount": 9999}, 400, "NOT_MATCHES_REFUNDABLE_AMOUNT"),
        ({"cancelReason": None}, 400, "INVALID_REQUIRED_PARAM"),
        ({"cancelReason": "x" * 201}, 400, "INVALID_REQUEST"),
        ({"currency": "USD"}, 400, "INVALID_CURRENCY"),
        ({"refundReceiveAccount": {"bank": "20"}}, 400, "INVALID_REQUEST"),
        ({"cancelAmount": 3000, "taxFreeAmount": 1}, 403, "NOT_CANCELABLE_AMOUNT"),
    ],
)
def test_a_wrong_cancel_is_refused_and_changes_nothing(shop, payment, fields, status, code):
    assert code_of(shop.cancel(payment["paymentKey"], **fields)) == (status, code)
    assert shop.order().json == payment


def test_a_cancel_gives_back_no_more_of_the_taxed_part_than_is_left(shop):
    payment = shop.charge(shop.billing_key(), amount=10000, taxFreeAmount=10000).json

    refused = shop.cancel(payment["paymentKey"], cancelAmount=3000)
    part = shop.cancel(payment["paymentKey"], cancelAmount=3000, taxFreeAmount=3000).json

    assert code_of(refused) == (403, "NOT_CANCELABLE_AMOUNT")
    assert (part["taxFreeAmount"], part["suppliedAmount"], part["vat"]) == (7000, 0, 0)


def test_a_whole_cancel_takes_the_tax_free_part_along(shop):
    payment = shop.charge(shop.billing_key(), amount=10000, taxFreeAmount=3000).json

    canceled = shop.cancel(payment["paymentKey"]).json

    assert canceled["taxFreeAmount"] == 0
    assert canceled["cancels"][0]["taxFreeAmount"] == 3000


def test_a_payment_with_a_tax_exempt_part_is_canceled_whole_or_not_at_all(shop):
    payment = shop.charge(shop.billing_key(), amount=10000, taxExemptionAmount=300).json

    part = shop.cancel(payment["paymentKey"], cancelAmount=3000)

    assert payment["isPartialCancelable"] is False
    assert code_of(part) == (403, "NOT_ALLOWED_PARTIAL_REFUND")
    assert shop.cancel(payment["paymentKey"]).json["status"] == "CANCELED"


def test_there_is_nothing_to_confirm(shop, other_shop, payment):
    body = {"paymentKey": "unknown", "orderId": "order-1", "amount": 10000}
    paid = body | {"paymentKey": payment["paymentKey"]}

    unknown = shop.ask("POST", "/v1/payments/confirm", body)
    again = shop.ask("POST", "/v1/payments/confirm", paid)
    of_another = other_shop.ask("POST", "/v1/payments/confirm", paid)

    assert code_of(unknown) == (404, "NOT_FOUND_PAYMENT_SESSION")
    assert code_of(again) == (400, "ALREADY_PROCESSED_PAYMENT")
    assert code_of(of_another) == (400, "INVALID_API_KEY")


def listed(shop, start="2000-01-01T00:00:00", end="2099-12-31T23:59:59", **more):
    query = "&".join(f"{name}={value}" for name, value in more.items())
    return shop.ask("GET", f"/v1/transactions?startDate={start}&endDate={end}&{query}")


def test_a_cancel_is_a_transaction_of_its_own(shop, payment):
    canceled = shop.cancel(payment["paymentKey"], cancelAmount=3000).json

    rows = listed(shop).json

    assert [(row["status"], row["amount"]) for row in rows] == [
        ("DONE", 10000),
        ("PARTIAL_CANCELED", 3000),
    ]
    assert {row["orderId"] for row in rows} == {"order-1"}
    assert rows[1]["transactionKey"] == canceled["lastTransactionKey"]


def test_the_list_goes_on_after_a_transaction(shop, other_shop, payment):
    shop.cancel(payment["paymentKey"], cancelAmount=3000)
    [first] = listed(shop, limit=1).json

    [second] = listed(shop, startingAfter=first["transactionKey"]).json

    assert second["status"] == "PARTIAL_CANCELED"
    assert listed(other_shop).json == []
    assert listed(shop, end="2000-01-02T00:00:00").json == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"start": "2026-01-01T00:00:00%2B09:00"}, "INVALID_DATE"),
        ({"end": "2026-01-01T00:00:00Z"}, "INVALID_DATE"),
        ({"start": "2026-13-01T00:00:00"}, "INVALID_DATE"),
        ({"start": "2026-01-01"}, "INVALID_DATE"),
        ({"start": ""}, "INVALID_DATE"),
        ({"startingAfter": "unknown"}, "INVALID_TRANSACTION_KEY"),
        ({"limit": "0"}, "INVALID_REQUEST"),
        ({"limit": "5001"}, "EXCEED_MAX_QUERY_LIMIT"),
    ],
)
def test_a_wrong_question_about_transactions_is_refused(shop, query, code):
    assert code_of(listed(shop, **query)) == (400, code)
