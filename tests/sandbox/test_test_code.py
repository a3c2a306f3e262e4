import pytest

from sandbox.errors import CODES


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("REJECT_CARD_PAYMENT", 403),
        ("ALREADY_PROCESSED_PAYMENT", 400),
        ("DUPLICATED_ORDER_ID", 400),
        ("IDEMPOTENT_REQUEST_PROCESSING", 409),
        ("FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING", 500),
        ("COMMON_ERROR", 500),
        ("UNAUTHORIZED_KEY", 401),
        ("NOT_FOUND_PAYMENT", 404),
    ],
)
def test_a_test_code_is_answered_before_anything_is_checked(shop, code, status):
    answer = shop.ask("POST", "/v1/billing/unknown", None, {"TossPayments-Test-Code": code})

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.json["message"] == CODES[code][1]


def test_an_unknown_test_code_is_refused(shop):
    answer = shop.charge(shop.billing_key(), {"TossPayments-Test-Code": "NO_SUCH_CODE"})

    assert (answer.status_code, answer.json["code"]) == (400, "INVALID_TEST_CODE")


def test_nothing_is_charged_with_a_test_code(shop):
    shop.charge(shop.billing_key(), {"TossPayments-Test-Code": "COMMON_ERROR"})

    assert shop.client.get("/_control/ledger").json["payments"] == []


def test_every_code_has_a_status_and_a_sentence():
    for code, (status, message) in CODES.items():
        assert status in (400, 401, 403, 404, 409, 500), code
        assert 0 < len(message) <= 510, code
