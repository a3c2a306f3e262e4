"""Every documented refusal of Toss, and every unclear answer, says whether money moved."""

import json

import pytest

from gateways.payment import (
    AlreadyRequested,
    BillingKeyRejected,
    CardDeclined,
    OutcomeUnknown,
    RequestRejected,
    SessionEnded,
)
from gateways.toss_codes import CODES

CONTRACT = """
NOT_FOUND_BILLING 404 END
INVALID_CARD_NUMBER 400 HARD
INVALID_CARD_EXPIRATION 400 HARD
INVALID_CARD_PASSWORD 400 FIX
INVALID_CARD_IDENTITY 400 FIX
INVALID_BIRTH_DAY_FORMAT 400 FIX
NOT_SUPPORTED_CARD_TYPE 400 HARD
NOT_REGISTERED_CARD_COMPANY 400 HARD
INVALID_REJECT_CARD 400 HARD
INVALID_STOPPED_CARD 400 HARD
INVALID_CARD_LOST_OR_STOLEN 400 HARD
INVALID_CARD 400 FIX
INVALID_CARD_COMPANY 400 FIX
INVALID_BILL_KEY_REQUEST 400 HARD
INVALID_BILLING_AUTH 400 END
ALREADY_REMOVED_BILLING_KEY 400 HARD
EXCEED_MAX_AUTH_COUNT 403 HARD
REJECT_CARD_COMPANY 403 HARD
REJECT_CARD_PAYMENT 403 SOFT
REJECT_ACCOUNT_PAYMENT 403 SOFT
EXCEED_MAX_DAILY_PAYMENT_COUNT 400 SOFT
EXCEED_MAX_PAYMENT_AMOUNT 400 SOFT
EXCEED_MAX_AMOUNT 400 SOFT
EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT 400 SOFT
EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT 400 SOFT
EXCEED_UNKNOWN_CASE 400 SOFT
EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT 400 SOFT
EXCEED_MAX_ONE_DAY_AMOUNT 403 SOFT
NOT_AVAILABLE_BANK 403 RT
NOT_AVAILABLE_PAYMENT 400 RT
MAINTAINED_METHOD 400 RT
RESTRICTED_TRANSFER_ACCOUNT 400 SOFT
USER_ACCOUNT_ON_HOLD 400 HARD
INVALID_ACCOUNT_INFO_RE_REGISTER 400 HARD
REJECT_TOSSPAY_INVALID_ACCOUNT 403 HARD
INVALID_PASSWORD 403 FIX
FDS_ERROR 403 FIX
CARD_PROCESSING_ERROR 400 RT
PROVIDER_ERROR 400 RT
DUPLICATED_ORDER_ID 400 OK-dup
ALREADY_PROCESSED_PAYMENT 400 OK-dup
ALREADY_COMPLETED_PAYMENT 400 OK-dup
DUPLICATED_REQUEST 400 OK-dup
IDEMPOTENT_REQUEST_PROCESSING 409 same-key
INVALID_IDEMPOTENCY_KEY 400 CFG
NOT_MATCHES_CUSTOMER_KEY 400 CFG
BELOW_MINIMUM_AMOUNT 400 CFG
BELOW_ZERO_AMOUNT 400 CFG
EXCEEDS_TRANSFER_AMOUNT_MAXIMUM 400 CFG
INVALID_REQUEST 400 CFG
INVALID_REQUIRED_PARAM 400 CFG
REQUIRED_AMOUNT 400 CFG
INVALID_CURRENCY 400 CFG
INVALID_ORDER_ID 400 CFG
INVALID_ORDER_NAME 400 CFG
INVALID_CUSTOMER_KEY 400 CFG
INVALID_CARD_INSTALLMENT_PLAN 400 CFG
EXCEED_MAX_CARD_INSTALLMENT_PLAN 400 CFG
EXCEED_MIN_CARD_INSTALLMENT_PLAN 400 CFG
NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT 400 CFG
NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN 400 CFG
NOT_ALLOWED_INSTALLMENT_BELOW_AMOUNT 400 CFG
INVALID_CARD_INSTALLMENT_AMOUNT 400 CFG
NOT_ALLOWED_POINT_USE 400 FIX
NOT_SUPPORTED_METHOD 400 KEYS
NOT_SUPPORTED_PROCESS 400 KEYS
NOT_SUPPORTED_USD 400 CFG
NOT_FOUND_TERMINAL_ID 400 KEYS
NOT_REGISTERED_BUSINESS 400 KEYS
INVALID_UNREGISTERED_SUBMALL 400 KEYS
INVALID_API_KEY 400 KEYS
INVALID_CLIENT_KEY 400 KEYS
INVALID_AUTHORIZE_AUTH 400 KEYS
API_VERSION_UPDATE_NEEDED 400 KEYS
INVALID_TEST_CODE 400 CFG
UNAUTHORIZED_KEY 401 KEYS
INCORRECT_BASIC_AUTH_FORMAT 403 KEYS
FORBIDDEN_REQUEST 403 CFG
FORBIDDEN_CONSECUTIVE_REQUEST 403 RT
NOT_FOUND_MERCHANT 404 KEYS
NOT_FOUND_MERCHANT_INTEGRATION 404 KEYS
NOT_FOUND_HTTP_METHOD 404 CFG
NOT_FOUND_PAYMENT 404 CFG
NOT_FOUND_PAYMENT_SESSION 404 END
UNAPPROVED_ORDER_ID 400 CFG
INVALID_PAYMENT_KEY 400 CFG
PAY_PROCESS_CANCELED 400 END
PAY_PROCESS_ABORTED 400 END
FAILED_BILL_KEY_AUTH_CREATION 500 unknown
FAILED_INTERNAL_SYSTEM_PROCESSING 500 unknown
FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING 500 unknown
COMMON_ERROR 500 unknown
UNKNOWN_ERROR 500 unknown
UNKNOWN_PAYMENT_ERROR 500 unknown
FAILED_METHOD_HANDLING 500 unknown
FAILED_CARD_COMPANY_RESPONSE 500 unknown
FAILED_BILLING_AUTO_CANCEL 500 unknown
FAILED_HASH_DATA_CREATION 500 unknown
FAILED_DB_PROCESSING 500 unknown
INVALID_DATE 400 CFG
INVALID_TRANSACTION_KEY 400 CFG
EXCEED_MAX_QUERY_LIMIT 400 CFG
INVALID_PAGING_KEY 400 CFG
"""

CONTRACT_OF_CANCEL = """
ALREADY_CANCELED_PAYMENT 400 OK-dup
ALREADY_REFUND_PAYMENT 400 OK-dup
ALREADY_REFUNDING_PAYMENT 400 OK-dup
NOT_CANCELABLE_AMOUNT 403 OK-dup
NOT_MATCHES_REFUNDABLE_AMOUNT 400 CFG
NOT_CANCELABLE_PAYMENT 403 CFG
NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER 403 CFG
EXCEED_MAX_REFUND_DUE 403 CFG
NOT_ALLOWED_PARTIAL_REFUND 403 CFG
NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT 403 CFG
NOT_SUPPORTED_REFUND 403 CFG
NOT_ALLOWED_REFUND_BANK 403 CFG
EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT 400 CFG
INVALID_REFUND_AMOUNT 400 CFG
REFUND_REJECTED 400 CFG
FORBIDDEN_BANK_REFUND_REQUEST 400 CFG
EXCEED_CANCEL_LIMIT 403 CFG
EXCEED_MAX_REFUND_AMOUNT 403 CFG
INVALID_BANK 400 CFG
INVALID_REFUND_ACCOUNT_INFO 400 CFG
INVALID_REFUND_ACCOUNT_NUMBER 400 CFG
FAILED_REFUND_PROCESS 500 unknown
FAILED_METHOD_HANDLING_CANCEL 500 unknown
FAILED_PARTIAL_REFUND 500 unknown
PROVIDER_ERROR 400 RT
NOT_AVAILABLE_BANK 403 RT
FORBIDDEN_CONSECUTIVE_REQUEST 403 RT
FORBIDDEN_REQUEST 403 CFG
NOT_FOUND_PAYMENT 404 CFG
UNAUTHORIZED_KEY 401 KEYS
IDEMPOTENT_REQUEST_PROCESSING 409 same-key
"""

MEANINGS = {
    "SOFT": (CardDeclined, {}),
    "HARD": (BillingKeyRejected, {}),
    "FIX": (BillingKeyRejected, {}),
    "END": (SessionEnded, {}),
    "CFG": (RequestRejected, {"key_pair": False}),
    "KEYS": (RequestRejected, {"key_pair": True}),
    "OK-dup": (AlreadyRequested, {"transient": False}),
    "RT": (OutcomeUnknown, {"transient": True}),
    "same-key": (OutcomeUnknown, {"transient": False}),
    "unknown": (OutcomeUnknown, {"transient": False}),
}

ELSEWHERE = [
    ("issue_billing_key", "NOT_FOUND_BILLING", 404, "END"),
    ("issue_billing_key", "INVALID_EMAIL", 400, "FIX"),
    ("issue_billing_key", "INVALID_CARD_NUMBER", 400, "FIX"),
    ("issue_billing_key", "REJECT_ACCOUNT_PAYMENT", 403, "HARD"),
    ("issue_billing_key", "REJECT_CARD_COMPANY", 403, "HARD"),
    ("issue_billing_key", "UNAUTHORIZED_KEY", 401, "KEYS"),
    ("issue_billing_key", "NOT_SUPPORTED_METHOD", 400, "KEYS"),
    ("issue_billing_key", "FAILED_BILL_KEY_AUTH_CREATION", 500, "unknown"),
    ("issue_billing_key", "FAILED_DB_PROCESSING", 500, "unknown"),
    ("charge", "INVALID_EMAIL", 400, "CFG"),
    ("confirm", "ALREADY_PROCESSED_PAYMENT", 400, "OK-dup"),
    ("confirm", "NOT_FOUND_PAYMENT_SESSION", 404, "END"),
    ("confirm", "NOT_FOUND_PAYMENT_SESSION", 500, "unknown"),
    ("confirm", "PAY_PROCESS_ABORTED", 400, "END"),
    ("confirm", "REJECT_CARD_COMPANY", 403, "HARD"),
    ("confirm", "FORBIDDEN_REQUEST", 403, "CFG"),
    ("confirm", "REJECT_CARD_PAYMENT", 403, "SOFT"),
    ("confirm", "NOT_FOUND_PAYMENT", 404, "CFG"),
    ("confirm", "INVALID_CARD_INSTALLMENT_PLAN", 400, "FIX"),
    ("confirm", "INVALID_API_KEY", 400, "CFG"),
    ("confirm", "UNAUTHORIZED_KEY", 401, "KEYS"),
    ("cancel", "NOT_SUPPORTED_METHOD", 400, "CFG"),
    ("cancel", "REJECT_CARD_PAYMENT", 403, "unknown"),
    ("find_payment", "UNAUTHORIZED_KEY", 401, "KEYS"),
    ("find_payment", "FORBIDDEN_CONSECUTIVE_REQUEST", 403, "RT"),
    ("find_payment", "INVALID_STOPPED_CARD", 400, "unknown"),
    ("find_payment", "NOT_FOUND_PAYMENT", 500, "unknown"),
    ("find_payment", "NOT_FOUND_PAYMENT_SESSION", 404, "unknown"),
    ("find_order", "INVALID_ORDER_ID", 400, "CFG"),
    ("find_order", "COMMON_ERROR", 500, "unknown"),
    ("delete_billing_key", "NOT_SUPPORTED_METHOD", 400, "CFG"),
    ("delete_billing_key", "A_NEW_CODE", 403, "CFG"),
    ("delete_billing_key", "INVALID_CARD_COMPANY", 400, "CFG"),
    ("delete_billing_key", "UNAUTHORIZED_KEY", 401, "KEYS"),
    ("delete_billing_key", "PROVIDER_ERROR", 400, "unknown"),
    ("delete_billing_key", "TOO_MANY", 429, "unknown"),
    ("delete_billing_key", "COMMON_ERROR", 500, "unknown"),
    ("delete_billing_key", "NOT_FOUND_BILLING", 502, "unknown"),
]


def rows(table):
    return [(code, int(status), said) for code, status, said in map(str.split, lines(table))]


def lines(table):
    return table.strip().splitlines()


def assert_means(error, code, status, said):
    kind, attributes = MEANINGS[said]
    assert type(error) is kind
    assert (error.code, error.http_status, error.trace_id) == (code, status, "trace-1")
    assert {name: getattr(error, name) for name in attributes} == attributes


def refusal(toss, script, ask, operation, status, code):
    body = {"code": code, "message": "안내 문구", "data": None}
    script.answer(status, body, x_tosspayments_trace_id="trace-1")
    with pytest.raises(Exception) as raised:
        ask(toss, operation)
    return raised.value


@pytest.mark.parametrize(("code", "status", "said"), rows(CONTRACT))
def test_a_refused_charge_says_whether_money_moved(toss, script, ask, code, status, said):
    error = refusal(toss, script, ask, "charge", status, code)

    assert_means(error, code, status, said)
    assert error.message == "안내 문구"


@pytest.mark.parametrize(("code", "status", "said"), rows(CONTRACT_OF_CANCEL))
def test_a_refused_cancel_says_whether_money_moved(toss, script, ask, code, status, said):
    assert_means(refusal(toss, script, ask, "cancel", status, code), code, status, said)


@pytest.mark.parametrize(("operation", "code", "status", "said"), ELSEWHERE)
def test_a_code_is_read_by_what_was_asked(toss, script, ask, operation, code, status, said):
    assert_means(refusal(toss, script, ask, operation, status, code), code, status, said)


@pytest.mark.parametrize("operation", ["find_payment", "find_order"])
def test_a_payment_that_toss_does_not_know_is_none(toss, script, ask, operation):
    script.refuse(404, "NOT_FOUND_PAYMENT")

    assert ask(toss, operation) is None


@pytest.mark.parametrize(
    ("status", "code"), [(404, "NOT_FOUND_BILLING"), (400, "ALREADY_REMOVED_BILLING_KEY")]
)
def test_a_billing_key_that_is_gone_counts_as_deleted(toss, script, ask, status, code):
    script.refuse(status, code)

    ask(toss, "delete_billing_key")


def test_the_table_holds_the_documented_codes_and_no_others():
    documented = {code for code, _, _ in rows(CONTRACT) + rows(CONTRACT_OF_CANCEL)}

    assert set(CODES) == documented | {"INVALID_EMAIL"}


def test_every_recorded_refusal_is_in_the_table(recording):
    assert {error["body"]["code"] for error in recording("errors")} <= set(CODES)


@pytest.mark.parametrize("status", [200, 300, 302, 500, 502, 503])
@pytest.mark.parametrize("code", ["REJECT_CARD_PAYMENT", "INVALID_REQUEST", "UNAUTHORIZED_KEY"])
def test_a_refusal_counts_only_in_a_4xx(toss, script, ask, status, code):
    error = refusal(toss, script, ask, "charge", status, code)

    assert (type(error), error.transient) == (OutcomeUnknown, False)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 422, 429, 500, 503, 599])
def test_an_unknown_code_leaves_it_open_whatever_its_status(toss, script, ask, status):
    error = refusal(toss, script, ask, "charge", status, "SOMETHING_NEW_IN_2027")

    assert_means(error, "SOMETHING_NEW_IN_2027", status, "unknown")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><h1>Bad Gateway</h1></html>",
        b'{"code": "REJECT_CARD_PAYMENT", "mess',
        b'{"code": "REJECT_CARD_PAYMENT", "code": "DUPLICATED_ORDER_ID"}',
        b'["REJECT_CARD_PAYMENT"]',
        b'"REJECT_CARD_PAYMENT"',
        b'{"code": ["REJECT_CARD_PAYMENT"]}',
        b'{"code": 403}',
        b'{"code": null, "message": null}',
        b'{"message": "REJECT_CARD_PAYMENT"}',
        b'{"code": "REJECT_CARD_PAYMENT\\nINFO forged"}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_an_error_without_a_code_leaves_it_open(toss, script, ask, status, body):
    script.answer(status, body)

    with pytest.raises(OutcomeUnknown) as raised:
        ask(toss, "charge")

    error = raised.value
    assert (error.code, error.http_status, error.transient) == ("broken_answer", status, False)


@pytest.mark.parametrize("status", [201, 202, 204, 301, 302, 303, 307, 308])
def test_only_a_200_is_an_answer(toss, script, ask, recording, status):
    body = b"" if status == 204 else json.dumps(recording("charge-billing-live-2024-10")).encode()
    script.answer(status, body, Location="/v1/billing/elsewhere")

    with pytest.raises(OutcomeUnknown) as raised:
        ask(toss, "charge")

    assert raised.value.code == "broken_answer"
    assert len(script.received) == 1
