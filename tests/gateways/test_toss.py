"""What the gateway sends to Toss, what it makes of the answers, and what it never shows."""

import base64
import hashlib
import json
import logging
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateways.connection import MAX_BODY_BYTES
from gateways.payment import (
    AlreadyRequested,
    BillingKeyRejected,
    CardDeclined,
    OutcomeUnknown,
    PaymentGatewayError,
    RequestRejected,
)
from gateways.toss import TossGateway

SECRET_KEY = "test_sk_PLANTED0secret0key"
OPERATIONS = [
    "issue_billing_key",
    "charge",
    "confirm",
    "cancel",
    "find_payment",
    "find_order",
    "delete_billing_key",
]
READING = [operation for operation in OPERATIONS if operation != "delete_billing_key"]


@pytest.fixture
def answers(recording: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a recorded answer to the usual request of an operation."""
    files = {
        "issue_billing_key": ("issue-billing-card-2023-02", {"customerKey": "customer-PLANTED"}),
        "charge": ("charge-billing-live-2024-10", {"orderId": "order_000001"}),
        "confirm": ("confirm-2026-06", {}),
        "cancel": ("cancel-full-2025-06", {}),
        "find_payment": ("cancel-full-2025-06", {}),
        "find_order": ("charge-billing-live-2024-10", {"orderId": "order_000001"}),
    }

    def answer_to(operation: str) -> Any:
        name, changes = files[operation]
        return {**recording(name), **changes}

    return answer_to


@pytest.mark.parametrize(
    ("operation", "method", "path", "body"),
    [
        (
            "issue_billing_key",
            "POST",
            "/v1/billing/authorizations/issue",
            {"authKey": "auth-PLANTED", "customerKey": "customer-PLANTED"},
        ),
        (
            "charge",
            "POST",
            "/v1/billing/billing%2FPLANTED%3D",
            {
                "customerKey": "customer-PLANTED",
                "amount": 10000,
                "orderId": "order_000001",
                "orderName": "프리미엄 월 구독",
                "taxFreeAmount": 3000,
                "customerName": "홍길동",
                "customerEmail": "PLANTED@example.com",
            },
        ),
        (
            "confirm",
            "POST",
            "/v1/payments/confirm",
            {"paymentKey": "tgen_1", "orderId": "order_000001", "amount": 50000},
        ),
        (
            "cancel",
            "POST",
            "/v1/payments/tgen_20250606021349bXZN7/cancel",
            {
                "cancelReason": "구매자 변심 (r1)",
                "cancelAmount": 50000,
                "taxFreeAmount": 0,
                "refundableAmount": 50000,
            },
        ),
        ("find_payment", "GET", "/v1/payments/tgen_20250606021349bXZN7", None),
        ("find_order", "GET", "/v1/payments/orders/order_000001", None),
        ("delete_billing_key", "DELETE", "/v1/billing/billing%2FPLANTED%3D", None),
    ],
)
def test_each_call_is_sent_as_the_contract_says(
    toss, script, ask, answers, operation, method, path, body
):
    script.answer(200, b"" if operation == "delete_billing_key" else answers(operation))

    ask(toss, operation)

    [sent] = script.received
    assert (sent.method, sent.path, sent.body) == (method, path, body)
    assert sent.headers["accept"] == "application/json"
    assert "tosspayments-test-code" not in sent.headers
    if method == "POST":
        name = "issue" if operation == "issue_billing_key" else operation
        assert sent.headers["idempotency-key"] == f"{name}-1"
        assert sent.headers["content-type"] == "application/json"
    else:
        assert "idempotency-key" not in sent.headers


def test_the_secret_key_is_sent_as_the_documented_test_vector(script, server_url, ask):
    toss = TossGateway(secret_key="test_sk_zXLkKEypNArWmo50nX3lmeaxYG5R", api_base=server_url)
    script.refuse(404, "NOT_FOUND_PAYMENT")

    ask(toss, "find_order")
    toss.close()

    expected = "Basic dGVzdF9za196WExrS0V5cE5BcldtbzUwblgzbG1lYXhZRzVSOg=="
    assert script.received[0].headers["authorization"] == expected


def test_the_environment_cannot_send_a_call_elsewhere(
    toss, script, ask, monkeypatch, tmp_path, free_port
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    script.refuse(404, "NOT_FOUND_PAYMENT")

    assert ask(toss, "find_order") is None
    assert script.received[0].headers["authorization"].startswith("Basic dGVzdF9za19QTEFOVEVE")


@pytest.mark.parametrize("trusted", [True, False])
def test_a_call_goes_only_to_a_server_with_a_trusted_name(
    tls_url, script, certificate, monkeypatch, ask, trusted
):
    if trusted:
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    script.refuse(404, "NOT_FOUND_PAYMENT")
    gateway = TossGateway(secret_key=SECRET_KEY, api_base=tls_url, timeout_seconds=10)

    with nullcontext() if trusted else pytest.raises(OutcomeUnknown, match="connection"):
        assert ask(gateway, "find_order") is None
    gateway.close()

    assert len(script.received) == trusted


def test_cookies_are_not_carried_from_one_customers_call_to_the_next(toss, script, ask):
    script.answer(404, {"code": "NOT_FOUND_PAYMENT"}, Set_Cookie="session=somebody; Path=/")

    ask(toss, "find_order")
    ask(toss, "find_order")

    assert "cookie" not in script.received[1].headers


def test_connections_are_kept_and_used_again(toss, script, ask):
    script.refuse(404, "NOT_FOUND_PAYMENT")
    ask(toss, "find_order")
    started = threading.active_count()

    for _ in range(20):
        ask(toss, "find_order")

    assert threading.active_count() == started, "the server starts a thread for each connection"


def test_many_threads_share_one_gateway(toss, script, answers, charge_request):
    script.answer(200, answers("charge"))

    with ThreadPoolExecutor(16) as pool:
        paid = list(
            pool.map(
                lambda n: toss.charge(replace(charge_request, idempotency_key=f"k{n}")), range(64)
            )
        )

    assert {payment.status for payment in paid} == {"DONE"}
    assert {sent.headers["idempotency-key"] for sent in script.received} == {
        f"k{n}" for n in range(64)
    }


def test_long_names_are_cut_and_long_addresses_left_out(toss, script, answers, charge_request):
    script.answer(200, answers("charge"))
    request = replace(charge_request, customer_name="가" * 101, customer_email="a" * 95 + "@b.com")

    toss.charge(request)

    assert script.received[0].body["customerName"] == "가" * 100
    assert "customerEmail" not in script.received[0].body


def test_a_customer_without_a_name_is_sent_without_one(toss, script, answers, charge_request):
    script.answer(200, answers("charge"))

    toss.charge(replace(charge_request, customer_name="", customer_email=""))

    assert not {"customerName", "customerEmail"} & set(script.received[0].body)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_won": 0},
        {"amount_won": -9900},
        {"amount_won": "9900"},
        {"amount_won": 9900.0},
        {"amount_won": True},
        {"tax_free_won": -1},
        {"tax_free_won": 10001},
        {"customer_key": "a"},
        {"customer_key": "a" * 51},
        {"customer_key": "customer key"},
        {"customer_key": "고객"},
        {"customer_key": "customer\n"},
        {"order_id": "short"},
        {"order_id": "a" * 65},
        {"order_id": "order=0001"},
        {"order_id": "order_0001\n"},
        {"order_name": ""},
        {"order_name": "가" * 101},
        {"billing_key": ".."},
        {"billing_key": ""},
        {"billing_key": "a" * 201},
        {"idempotency_key": ""},
        {"idempotency_key": "a" * 301},
        {"idempotency_key": "key\r\nX-Forged: 1"},
    ],
)
def test_a_charge_that_toss_would_refuse_for_its_form_is_never_sent(
    toss, script, charge_request, changes
):
    with pytest.raises(RequestRejected) as raised:
        toss.charge(replace(charge_request, **changes))

    assert raised.value.code == "invalid_request"
    assert "PLANTED" not in str(raised.value)
    assert script.received == []


@pytest.mark.parametrize("changes", [{"reason": ""}, {"reason": "가" * 201}, {"amount_won": 0}])
def test_a_cancel_that_toss_would_refuse_for_its_form_is_never_sent(
    toss, script, cancel_request, changes
):
    with pytest.raises(RequestRejected, match="invalid_request"):
        toss.cancel(replace(cancel_request, **changes))

    assert script.received == []


@pytest.mark.parametrize("auth_key", ["", "a" * 301])
def test_an_auth_key_that_no_window_gives_is_never_sent(toss, script, issue_request, auth_key):
    with pytest.raises(BillingKeyRejected, match="invalid_request"):
        toss.issue_billing_key(replace(issue_request, auth_key=auth_key))

    assert script.received == []


@pytest.mark.parametrize("payment_key", ["", ".", "..", "a b", "가", "a" * 201])
def test_a_payment_key_cannot_lead_to_another_path(toss, script, payment_key):
    with pytest.raises(RequestRejected, match="invalid_request"):
        toss.find_payment(payment_key)

    assert script.received == []


def test_a_path_part_is_encoded_whole(toss, script):
    script.refuse(404, "NOT_FOUND_PAYMENT")

    toss.find_payment("../orders/x?y=1#z%2e")

    assert script.received[0].path == "/v1/payments/..%2Forders%2Fx%3Fy%3D1%23z%252e"


def test_a_billing_key_is_read(toss, script, ask, answers):
    script.answer(200, answers("issue_billing_key"), x_tosspayments_trace_id="trace-1")

    issued = ask(toss, "issue_billing_key")

    assert issued.billing_key == "JQFG7vbvL6xRfn0K5cilsxODHSdiIVHdmQLbVs62fSE="
    assert (issued.method, issued.m_id, issued.trace_id) == ("카드", "tvivarepublica4", "trace-1")
    assert (issued.card.issuer_code, issued.card.issuer_name) == ("91", "농협")
    assert (issued.card.number, issued.card.card_type) == ("54611120****611*", "체크")


@pytest.mark.parametrize(
    ("changes", "card"),
    [
        ({"card": None}, ("54611120****611*", None, "농협")),
        ({"card": {"company": "현대", "number": "4330****1234"}}, ("4330****1234", None, "현대")),
        ({"card": {"issuerCode": "W1", "number": "4330****1234"}}, ("4330****1234", "W1", "우리")),
        (
            {"card": {"issuerCode": "ZZ", "number": "4330****1234"}, "cardCompany": None},
            ("4330****1234", "ZZ", "카드"),
        ),
    ],
)
def test_cards_of_both_generations_are_understood(toss, script, ask, answers, changes, card):
    script.answer(200, {**answers("issue_billing_key"), **changes})

    found = ask(toss, "issue_billing_key").card

    assert (found.number, found.issuer_code, found.issuer_name) == card


def test_an_account_has_no_card(toss, script, ask, answers):
    body = answers("issue_billing_key") | {"method": "계좌이체", "card": None}
    del body["cardNumber"], body["cardCompany"]
    script.answer(200, body)

    issued = ask(toss, "issue_billing_key")

    assert (issued.method, issued.card) == ("계좌이체", None)


def test_a_charge_is_read(toss, script, ask, answers):
    script.answer(200, answers("charge"), x_tosspayments_trace_id="trace-1")

    paid = ask(toss, "charge")

    assert paid.is_done and not paid.is_canceled and not paid.is_failed
    assert (paid.payment_key, paid.order_id) == ("bill_20241024192259xAbC1", "order_000001")
    assert (paid.total_won, paid.balance_won, paid.supplied_won) == (10000, 10000, 9091)
    assert (paid.vat_won, paid.tax_free_won) == (909, 0)
    assert (paid.type, paid.method, paid.currency) == ("BILLING", "카드", "KRW")
    assert (paid.m_id, paid.version) == ("bill_merchant1", "2022-11-16")
    assert paid.approved_at == datetime(2024, 10, 24, 10, 22, 59, tzinfo=UTC)
    assert (paid.card.issuer_code, paid.card.issuer_name) == ("15", "카카오뱅크")
    assert (paid.approve_no, paid.trace_id) == ("00000000", "trace-1")
    assert paid.last_transaction_key == "0123456789ABCDEF0123456789ABCDEF"
    assert paid.receipt_url.startswith("https://dashboard.tosspayments.com/receipt/")
    assert "ps_" not in repr(paid)


def test_a_charge_of_the_old_generation_is_read(toss, script, ask, answers):
    body = answers("charge") | {"version": "2022-06-08", "transactionKey": "OLD"}
    body["card"] = {"company": "현대", "number": "433012******1234", "approveNo": "1"}
    body["card"]["receiptUrl"] = "https://dashboard.tosspayments.com/sales-slip?transactionId=1"
    del body["lastTransactionKey"], body["receipt"], body["isPartialCancelable"]
    script.answer(200, body)

    paid = ask(toss, "charge")

    assert (paid.card.issuer_code, paid.card.issuer_name) == (None, "현대")
    assert (paid.version, paid.last_transaction_key) == ("2022-06-08", "OLD")
    assert paid.receipt_url == "https://dashboard.tosspayments.com/sales-slip?transactionId=1"
    assert paid.is_partial_cancelable


def test_a_cancel_is_read(toss, script, ask, answers):
    script.answer(200, answers("cancel"))

    payment = ask(toss, "cancel")

    [cancel] = payment.cancels
    assert payment.is_canceled and (payment.total_won, payment.balance_won) == (50000, 0)
    assert (cancel.amount_won, cancel.balance_won, cancel.tax_free_won) == (50000, 0, 0)
    assert (cancel.reason, cancel.status) == ("구매자 변심", "DONE")
    assert cancel.transaction_key == payment.last_transaction_key
    assert cancel.canceled_at == datetime(2025, 6, 5, 17, 15, 19, tzinfo=UTC)
    assert payment.card is None


def test_a_failed_payment_is_read(toss, script, ask, answers):
    failure = {"code": "REJECT_CARD_PAYMENT", "message": "한도초과\x00"}
    changes = {"status": "ABORTED", "approvedAt": None, "method": None, "failure": failure}
    script.answer(200, answers("find_order") | changes)

    found = ask(toss, "find_order")

    assert found.is_failed and found.approved_at is None and found.method is None
    assert (found.failure_code, found.failure_message) == ("REJECT_CARD_PAYMENT", "한도초과")


def test_what_a_later_version_adds_is_passed_over(toss, script, ask, answers):
    changes = {"status": "PARTLY_SETTLED", "easyPay": "토스페이", "news": [{}], "method": "CARD"}
    script.answer(200, answers("charge") | changes | {"version": None})

    paid = ask(toss, "charge")

    assert (paid.status, paid.method, paid.version) == ("PARTLY_SETTLED", "카드", None)
    assert not (paid.is_done or paid.is_canceled or paid.is_failed)


@pytest.mark.parametrize(
    "written", ["2024-10-24T19:22:59", "2024-10-24T10:22:59Z", "2024-10-24T19:22:59.000000+09:00"]
)
def test_a_moment_without_an_offset_is_korean_time(toss, script, ask, answers, written):
    script.answer(200, answers("charge") | {"approvedAt": written})

    assert ask(toss, "charge").approved_at == datetime(2024, 10, 24, 10, 22, 59, tzinfo=UTC)


def test_another_amount_or_order_is_answered_as_it_came(toss, script, ask, answers):
    script.answer(200, answers("charge") | {"orderId": "another", "totalAmount": 1})

    paid = ask(toss, "charge")

    asked = {"order_id": "order_000001", "amount_won": 10000, "tax_free_won": 0}
    assert paid.differences(**asked, type="BILLING", method="카드") == (
        "orderId: order_000001 != another",
        "totalAmount: 10000 != 1",
    )


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        *[("issue_billing_key", name) for name in ("billingKey", "customerKey", "mId", "method")],
        *[
            (operation, name)
            for operation in ("charge", "confirm", "cancel", "find_payment", "find_order")
            for name in (
                ("paymentKey", "orderId", "type", "status", "currency", "mId")
                + ("totalAmount", "balanceAmount", "suppliedAmount", "vat", "taxFreeAmount")
            )
        ],
    ],
)
@pytest.mark.parametrize("wrong", ["missing", None, 1.5, True, [], "", "x" * 301, -1])
def test_an_answer_without_an_expected_field_leaves_it_open(
    toss, script, ask, answers, shop_log, operation, field, wrong
):
    body = answers(operation) | {field: wrong}
    if wrong == "missing":
        del body[field]
    script.answer(200, body)

    with pytest.raises(OutcomeUnknown) as raised:
        ask(toss, operation)

    error = raised.value
    assert (error.code, error.http_status, error.transient) == ("broken_answer", 200, False)
    assert field in error.message
    [advice] = [record.getMessage() for record in shop_log() if record.levelname == "ERROR"]
    assert field in advice and "개발자센터" in advice
    assert body.get("version", "(not named)") in advice


@pytest.mark.parametrize(
    "changes",
    [
        {"approvedAt": "yesterday"},
        {"approvedAt": 20241024},
        {"totalAmount": 10**400},
        {"cancels": {}},
        {"cancels": [None]},
        {"cancels": [{"cancelAmount": 1}]},
        {"orderId": "order\x00"},
        {"paymentKey": "\ud800"},
    ],
)
def test_an_answer_of_other_types_leaves_it_open(toss, script, ask, answers, changes):
    script.answer(200, json.dumps(answers("charge") | changes))

    with pytest.raises(OutcomeUnknown, match="broken_answer"):
        ask(toss, "charge")


@pytest.mark.parametrize(
    "body",
    [b"", b"OK", b"null", b"[]", b"{}", b'{"orderId": "order_000001"', b"\xff", b"[" * 100_000]
    + [b'{"totalAmount": NaN}', b'{"a": 1, "a": 2}', b"<html>", b" " * (MAX_BODY_BYTES + 1)],
)
@pytest.mark.parametrize("operation", READING)
def test_a_body_that_is_no_answer_leaves_it_open(toss, script, ask, operation, body):
    script.answer(200, body)

    with pytest.raises(OutcomeUnknown, match="broken_answer"):
        ask(toss, operation)


def test_a_name_that_stands_twice_leaves_it_open(toss, script, ask, answers):
    twice = json.dumps(answers("charge"))[:-1] + ', "totalAmount": 10000}'
    script.answer(200, twice)

    with pytest.raises(OutcomeUnknown, match="broken_answer"):
        ask(toss, "charge")


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ("issue_billing_key", "customerKey"),
        ("cancel", "paymentKey"),
        ("find_payment", "paymentKey"),
        ("find_order", "orderId"),
    ],
)
def test_an_answer_about_something_else_leaves_it_open(
    toss, script, ask, answers, operation, field
):
    script.answer(200, answers(operation) | {field: "another"})

    with pytest.raises(OutcomeUnknown, match=field):
        ask(toss, operation)


@pytest.mark.parametrize(
    ("url", "is_kept"),
    [
        ("https://dashboard.tosspayments.com/receipt?x=1", True),
        ("https://dashboard-sandbox.tosspayments.com/receipt", True),
        ("http://dashboard.tosspayments.com/receipt", False),
        ("https://dashboard.tosspayments.com.evil.example/", False),
        ("https://eviltosspayments.com/", False),
        ("https://a@dashboard.tosspayments.com/", False),
        ("https://dashboard.tosspayments.com:8443/", False),
        ("https://evil.example/?.tosspayments.com", False),
        ("https://evil.example\\.tosspayments.com/", False),
        ("javascript:alert(1)//.tosspayments.com", False),
        ("//dashboard.tosspayments.com/", False),
        ("https://[dashboard.tosspayments.com/", False),
        ("https://dashboard.tosspayments.com/" + "a" * 500, False),
        ({"url": "https://dashboard.tosspayments.com/"}, False),
        (None, False),
    ],
)
def test_a_receipt_link_leads_to_toss_or_nowhere(toss, script, ask, answers, url, is_kept):
    script.answer(200, answers("charge") | {"receipt": {"url": url}})

    assert ask(toss, "charge").receipt_url == (url if is_kept else None)


def test_a_receipt_link_may_lead_to_the_server_that_was_asked(
    toss, script, ask, answers, server_url
):
    url = f"{server_url}/receipts/1"
    script.answer(200, answers("charge") | {"receipt": {"url": url}})

    assert ask(toss, "charge").receipt_url == url


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_server_that_nobody_reaches_leaves_it_open(ask, free_port, operation):
    toss = TossGateway(secret_key=SECRET_KEY, api_base=f"http://127.0.0.1:{free_port}")

    with pytest.raises(OutcomeUnknown) as raised:
        ask(toss, operation)

    assert (raised.value.code, raised.value.transient) == ("connection", False)


def test_a_connection_that_ends_before_the_answer_leaves_it_open(toss, script, ask):
    script.misbehave(lambda wire: None)

    with pytest.raises(OutcomeUnknown, match="connection"):
        ask(toss, "charge")

    assert len(script.received) == 1, "a POST is never sent twice by itself"


def test_an_answer_that_ends_early_leaves_it_open(toss, script, ask):
    script.misbehave(lambda wire: wire.write(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"or'))

    with pytest.raises(OutcomeUnknown, match="connection"):
        ask(toss, "charge")


def test_an_answer_that_is_not_http_leaves_it_open(toss, script, ask):
    script.misbehave(lambda wire: wire.write(b"220 mail.example ESMTP\r\n"))

    with pytest.raises(OutcomeUnknown, match="connection"):
        ask(toss, "charge")


def test_a_body_in_a_broken_encoding_leaves_it_open(toss, script, ask):
    script.answer(200, b"not gzip", Content_Encoding="gzip")

    with pytest.raises(OutcomeUnknown, match="broken_answer"):
        ask(toss, "charge")


def test_a_silent_server_leaves_it_open_in_time(hasty_toss, script, ask):
    heard = threading.Event()
    script.misbehave(lambda wire: heard.wait(10))

    started = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="timeout"):
        ask(hasty_toss, "charge")
    heard.set()

    assert time.monotonic() - started < 2


def test_a_dripping_server_cannot_stretch_the_time_limit(hasty_toss, script, ask, drip):
    script.misbehave(drip)

    started = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="timeout"):
        ask(hasty_toss, "charge")

    assert time.monotonic() - started < 2


def test_a_dripping_body_cannot_stretch_the_time_limit(hasty_toss, script, ask, drip):
    def dripping_body(wire: Any) -> None:
        wire.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")
        drip(wire)

    script.misbehave(dripping_body)

    started = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="timeout"):
        ask(hasty_toss, "charge")

    assert time.monotonic() - started < 2


def test_a_test_code_goes_with_a_test_key_only(script, server_url, ask):
    script.refuse(403, "REJECT_CARD_PAYMENT")
    toss = TossGateway(secret_key=SECRET_KEY, api_base=server_url, test_code="REJECT_CARD_PAYMENT")

    with pytest.raises(CardDeclined):
        ask(toss, "charge")
    toss.close()

    assert script.received[0].headers["tosspayments-test-code"] == "REJECT_CARD_PAYMENT"
    with pytest.raises(ValueError, match="test_"):
        TossGateway(secret_key="live_sk_1", api_base=server_url, test_code="REJECT_CARD_PAYMENT")


@pytest.mark.parametrize(
    "secret_key", ["", "test_sk_a\n", "test sk", "test_sk_a:", "\ufefftest_sk"]
)
def test_a_secret_key_that_cannot_be_a_header_is_refused(server_url, secret_key):
    with pytest.raises(ValueError, match="secret key") as raised:
        TossGateway(secret_key=secret_key, api_base=server_url)

    assert not secret_key.strip() or secret_key not in str(raised.value)


@pytest.mark.parametrize("api_base", ["", "api.tosspayments.com", "ftp://toss.example", "https://"])
def test_an_api_base_that_is_no_web_address_is_refused(api_base):
    with pytest.raises(ValueError, match="base URL"):
        TossGateway(secret_key=SECRET_KEY, api_base=api_base)


def test_the_fingerprint_tells_keys_apart_and_shows_neither(server_url):
    toss = TossGateway(secret_key=SECRET_KEY, api_base=server_url, key_pair="pass")

    assert toss.secret_fingerprint == hashlib.sha256(SECRET_KEY.encode()).hexdigest()[:16]
    assert (toss.key_pair, toss.timeout_seconds) == ("pass", 65.0)


def test_each_call_is_one_line_of_the_log(toss, script, ask, answers, caplog, shop_log):
    caplog.set_level(logging.DEBUG)
    script.answer(200, answers("charge"), x_tosspayments_trace_id="trace-1, trace-2\n forged")
    ask(toss, "charge")
    script.refuse(403, "REJECT_CARD_PAYMENT")
    with pytest.raises(CardDeclined):
        ask(toss, "charge")
    script.refuse(400, "DUPLICATED_ORDER_ID")
    with pytest.raises(AlreadyRequested):
        ask(toss, "charge")

    done, declined, unclear = (record.getMessage() for record in shop_log())
    beginning = "toss charge order=order_000001 http=200 code=- trace=trace-1,trace-2"
    assert done.startswith(beginning) and "version=2022-11-16 ms=" in done
    assert "http=403 code=REJECT_CARD_PAYMENT" in declined
    assert "http=400 code=DUPLICATED_ORDER_ID" in unclear
    assert [record.levelname for record in shop_log()] == ["INFO", "INFO", "WARNING"]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "way", ["answer", "refusal", "echo", "broken", "cut", "headers", "refused"]
)
def test_no_key_and_no_person_reaches_a_log_or_an_error(
    toss, script, ask, answers, caplog, free_port, operation, way
):
    caplog.set_level(logging.DEBUG)
    prepare: dict[str, Callable[[], Any]] = {
        "answer": lambda: script.answer(
            200, b"" if operation == "delete_billing_key" else answers(operation)
        ),
        "refusal": lambda: script.refuse(403, "REJECT_CARD_PAYMENT"),
        "echo": lambda: script.echo(400, "INVALID_REQUEST"),
        "broken": lambda: script.echo(200, "INVALID_REQUEST"),
        "cut": lambda: script.misbehave(lambda wire: None),
        "headers": lambda: script.misbehave(
            lambda wire: wire.write(b"HTTP/1.1 200 OK\r\nbroken header\r\nLocation: x\r\n\r\n{}")
        ),
        "refused": lambda: None,
    }
    prepare[way]()
    if way == "refused":
        toss = TossGateway(secret_key=SECRET_KEY, api_base=f"http://127.0.0.1:{free_port}")

    shown = []
    try:
        ask(toss, operation)
    except PaymentGatewayError as error:
        shown += [repr(error), str(error), *map(str, vars(error).values())]
        shown += traceback.format_exception(error)
        assert error.__context__ is None and error.__cause__ is None

    shown += [f"{record.name} {record.getMessage()} {vars(record)}" for record in caplog.records]
    text = "\n".join(shown)
    planted = ["PLANTED", "홍길동", base64.b64encode(SECRET_KEY.encode()).decode()[:-4]]
    assert text and [word for word in planted if word in text] == []
