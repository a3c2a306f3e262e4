"""One set of stories that every payment gateway tells alike.

They run against the fake, and with Toss's client against the sandbox and against recorded answers
of Toss, whose ids and won are exchanged for those that were asked for.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests

from gateways.fake import FakeGateway
from gateways.payment import (
    AlreadyRequested,
    BillingKeyRejected,
    CancelRequest,
    CashReceiptRequest,
    ChargeRequest,
    ConfirmRequest,
    IssuedBillingKey,
    IssueRequest,
    OutcomeUnknown,
    PaymentAnswer,
    PaymentGateway,
    RequestRejected,
    SessionEnded,
    Settlement,
    SettlementDay,
)
from gateways.toss import TossGateway
from sandbox.keys import BUILT_IN
from tests.gateways.conftest import QuietServer, clock_of, serving

THAT_DAY = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
DAY, A_DAY = date(2026, 3, 2), timedelta(days=1)


class Bench:
    """A gateway, and the customer who enters a card in its window."""

    def __init__(
        self,
        gateway: PaymentGateway,
        register: Callable[[str], str],
        set_clock: Callable[[datetime | None], object] = lambda _: None,
    ) -> None:
        self.gateway = gateway
        self.register = register
        self.set_clock = set_clock
        self.customer_key = str(uuid.uuid4())
        self._keys = 0

    def new_key(self) -> str:
        """Return an idempotency key that was never used."""
        self._keys += 1
        return f"{self.customer_key}-{self._keys}"

    def issue_request(self) -> IssueRequest:
        """Return the request after a card was registered."""
        return IssueRequest(
            auth_key=self.register(self.customer_key),
            customer_key=self.customer_key,
            idempotency_key=self.new_key(),
        )

    def issued(self) -> IssuedBillingKey:
        """Return a fresh billing key."""
        return self.gateway.issue_billing_key(self.issue_request())

    def charge_request(self, **changes: Any) -> ChargeRequest:
        """Return a request to charge a fresh billing key."""
        values = {
            "billing_key": "" if "billing_key" in changes else self.issued().billing_key,
            "customer_key": self.customer_key,
            "order_id": f"order_{uuid.uuid4().hex}",
            "order_name": "프리미엄 월 구독",
            "amount_won": 10000,
            "tax_free_won": 0,
            "customer_name": "김하나",
            "customer_email": "hana@example.com",
            "idempotency_key": self.new_key(),
        }
        return ChargeRequest(**{**values, **changes})

    def paid(self) -> PaymentAnswer:
        """Return a payment of 10,000 won."""
        return self.gateway.charge(self.charge_request())

    def cancel_request(self, payment: PaymentAnswer, **changes: Any) -> CancelRequest:
        """Return a request to give all of it back."""
        values = {
            "payment_key": payment.payment_key,
            "amount_won": payment.total_won,
            "tax_free_won": 0,
            "refundable_won": payment.balance_won,
            "reason": "구독 해지 (r1)",
            "idempotency_key": self.new_key(),
        }
        return CancelRequest(**{**values, **changes})


@pytest.fixture(scope="session")
def recorded_url(recording: Callable[[str], Any]) -> Iterator[str]:
    recorded = type(
        "RecordedTossOfThisRun", (RecordedToss,), {"recording": staticmethod(recording), "kept": {}}
    )
    yield from serving(QuietServer(("127.0.0.1", 0), recorded))


@pytest.fixture(params=["fake", "sandbox", "recorded"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "fake":
        fake = FakeGateway()
        yield Bench(fake, fake.register, partial(setattr, fake, "now"))
        return
    url = request.getfixturevalue(f"{request.param}_url")
    toss = TossGateway(secret_key=BUILT_IN[0].secret_key, api_base=url, timeout_seconds=5)
    if request.param == "sandbox":
        yield Bench(toss, in_the_card_window(url), clock_of(url))
        clock_of(url)(None)
    else:
        yield Bench(toss, lambda _: uuid.uuid4().hex)
    toss.close()


def in_the_card_window(url: str) -> Callable[[str], str]:
    """Return a customer who registers the card that works."""

    def register(customer_key: str) -> str:
        asked = {
            "clientKey": BUILT_IN[0].client_key,
            "customerKey": customer_key,
            "successUrl": "http://shop.example/success",
            "failUrl": "http://shop.example/fail",
        }
        window = requests.post(f"{url}/window/billing", json=asked, timeout=5).json()["path"]
        chosen = {"card": "works", "identity": "000000"}
        answer = requests.post(f"{url}{window}", chosen, allow_redirects=False, timeout=5)
        return parse_qs(urlsplit(answer.headers["Location"]).query)["authKey"][0]

    return register


class RecordedToss(BaseHTTPRequestHandler):
    """Answers with what Toss once answered; refuses where a recording says when Toss refused."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    recording: Callable[[str], Any]
    kept: dict[str, Any]

    def do_GET(self) -> None:
        if self.path.startswith("/v1/settlements?"):
            asked = parse_qs(urlsplit(self.path).query)
            page, size = int(asked["page"][0]), int(asked["size"][0])
            self.answer(200, self.settlements()[(page - 1) * size : page * size])
            return
        found = self.kept.get(unquote(self.path.rsplit("/", 1)[1]))
        self.answer(200, found) if found else self.refuse(404, "NOT_FOUND_PAYMENT")

    def do_DELETE(self) -> None:
        self.kept[unquote(self.path)] = "deleted"
        self.answer(200, None)

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        replayed = self.kept.get(self.headers["Idempotency-Key"])
        if replayed is not None:
            self.answer(*replayed)
        elif self.path.endswith("/issue"):
            self.issue(sent)
        elif self.path.endswith("/confirm"):
            self.refuse_as_recorded("NOT_FOUND_PAYMENT_SESSION")
        elif self.path.endswith("/cancel"):
            self.cancel(sent)
        else:
            self.charge(sent)

    def settlements(self) -> list[Any]:
        names = ("sale-2025-02", "cancel-2023-11", "old-version-2025-06")
        return [self.recording(f"settlement-{name}") for name in names]

    def issue(self, sent: Any) -> None:
        if sent["authKey"].startswith("made-up"):
            self.refuse(404, "NOT_FOUND_BILLING")
            return
        issued = self.recording("issue-billing-card-2023-02")
        key = uuid.uuid4().hex + "="
        self.kept[key] = sent["customerKey"]
        self.answer(200, {**issued, "customerKey": sent["customerKey"], "billingKey": key})

    def charge(self, sent: Any) -> None:
        if self.kept.get(unquote(self.path)) == "deleted":
            self.refuse_as_recorded("ALREADY_REMOVED_BILLING_KEY")
        elif self.kept.get(unquote(self.path.rsplit("/", 1)[1])) != sent["customerKey"]:
            self.refuse_as_recorded("NOT_MATCHES_CUSTOMER_KEY")
        elif sent["orderId"] in self.kept:
            self.refuse(400, "DUPLICATED_ORDER_ID")
        else:
            paid = self.recording("charge-billing-live-2024-10")
            assert sent["amount"] == paid["totalAmount"]
            ids = {"orderId": sent["orderId"], "paymentKey": f"bill_{uuid.uuid4().hex}"}
            self.keep_and_answer({**paid, **ids})

    def cancel(self, sent: Any) -> None:
        payment = self.kept[unquote(self.path.split("/")[3])]
        if payment["status"] == "CANCELED":
            self.refuse_as_recorded("ALREADY_CANCELED_PAYMENT")
        elif sent["cancelAmount"] > payment["balanceAmount"]:
            self.refuse_as_recorded("NOT_CANCELABLE_AMOUNT")
        elif sent["refundableAmount"] != payment["balanceAmount"]:
            self.refuse_as_recorded("NOT_MATCHES_REFUNDABLE_AMOUNT")
        else:
            canceled = self.recording("cancel-full-2025-06")
            [cancel] = canceled["cancels"]
            cancel |= {"cancelAmount": sent["cancelAmount"], "cancelReason": sent["cancelReason"]}
            same = {name: payment[name] for name in ("orderId", "paymentKey", "totalAmount")}
            self.keep_and_answer({**canceled, **same})

    def keep_and_answer(self, payment: Any) -> None:
        self.kept[payment["orderId"]] = self.kept[payment["paymentKey"]] = payment
        self.answer(200, payment)

    def refuse_as_recorded(self, code: str) -> None:
        [found] = [e for e in self.recording("errors") if e["body"]["code"] == code]
        self.answer(found["http"], found["body"])

    def refuse(self, status: int, code: str) -> None:
        self.answer(status, {"code": code, "message": "거절되었습니다."})

    def answer(self, status: int, body: Any) -> None:
        if self.command == "POST":
            self.kept[self.headers["Idempotency-Key"]] = (status, body)
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-tosspayments-trace-id", uuid.uuid4().hex)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Stay quiet."""


def test_a_registered_card_becomes_a_billing_key(bench):
    issued = bench.issued()

    assert issued.customer_key == bench.customer_key
    assert issued.method == "카드" and issued.m_id
    assert re.fullmatch(r"\d{8}\*{4}\d{3}\*", issued.card.number)
    assert issued.card.issuer_name in ("하나", "농협")
    assert issued.trace_id


def test_a_billing_key_that_is_asked_for_again_is_the_same(bench):
    request = bench.issue_request()

    first, again = (bench.gateway.issue_billing_key(request) for _ in range(2))

    assert first.billing_key == again.billing_key


def test_a_made_up_auth_key_is_refused(bench):
    request = replace(bench.issue_request(), auth_key=f"made-up-{uuid.uuid4()}")

    with pytest.raises(BillingKeyRejected) as raised:
        bench.gateway.issue_billing_key(request)

    assert (raised.value.code, raised.value.http_status) == ("NOT_FOUND_BILLING", 404)


def test_a_charge_answers_what_was_asked(bench):
    request = bench.charge_request()

    paid = bench.gateway.charge(request)

    asked = {"order_id": request.order_id, "amount_won": 10000, "tax_free_won": 0}
    assert paid.is_done
    assert paid.differences(**asked, type="BILLING", method="카드") == ()
    assert (paid.balance_won, paid.supplied_won, paid.vat_won) == (10000, 9091, 909)
    assert paid.card and paid.approve_no and paid.last_transaction_key and paid.approved_at
    assert paid.version == "2022-11-16"
    assert paid.receipt_url and paid.is_partial_cancelable and paid.cancels == ()


def test_a_charge_that_is_sent_again_is_the_same_charge(bench):
    request = bench.charge_request()

    first, again = (bench.gateway.charge(request) for _ in range(2))

    assert first.payment_key == again.payment_key


def test_an_order_is_charged_once_whatever_the_key(bench):
    request = bench.charge_request()
    bench.gateway.charge(request)

    with pytest.raises(AlreadyRequested) as raised:
        bench.gateway.charge(replace(request, idempotency_key=bench.new_key()))

    assert raised.value.code == "DUPLICATED_ORDER_ID"
    assert bench.gateway.find_order(request.order_id).is_done


def test_a_payment_is_found_by_its_key_and_by_its_order(bench):
    paid = bench.paid()

    by_key = bench.gateway.find_payment(paid.payment_key)
    by_order = bench.gateway.find_order(paid.order_id)

    for found in (by_key, by_order):
        assert replace(found, trace_id=None) == replace(paid, trace_id=None)


def test_an_unknown_payment_is_none(bench):
    assert bench.gateway.find_payment("bill_20200101000000xxxxx") is None
    assert bench.gateway.find_order("order_that_never_was") is None


def test_another_customers_key_charges_nothing(bench):
    request = bench.charge_request(customer_key=str(uuid.uuid4()))

    with pytest.raises(RequestRejected) as raised:
        bench.gateway.charge(request)

    assert (raised.value.code, raised.value.key_pair) == ("NOT_MATCHES_CUSTOMER_KEY", False)
    assert bench.gateway.find_order(request.order_id) is None


def test_a_refusal_is_replayed_even_to_a_corrected_body(bench):
    request = bench.charge_request(customer_key=str(uuid.uuid4()))
    with pytest.raises(RequestRejected):
        bench.gateway.charge(request)

    with pytest.raises(RequestRejected, match="NOT_MATCHES_CUSTOMER_KEY"):
        bench.gateway.charge(replace(request, customer_key=bench.customer_key))


def test_a_deleted_billing_key_charges_nothing(bench):
    billing_key = bench.issued().billing_key
    bench.gateway.delete_billing_key(billing_key)

    with pytest.raises(BillingKeyRejected) as raised:
        bench.gateway.charge(bench.charge_request(billing_key=billing_key))

    assert raised.value.code == "ALREADY_REMOVED_BILLING_KEY"


def test_a_billing_key_may_be_deleted_twice(bench):
    billing_key = bench.issued().billing_key

    bench.gateway.delete_billing_key(billing_key)
    bench.gateway.delete_billing_key(billing_key)


def test_a_payment_is_given_back_whole(bench):
    paid = bench.paid()

    canceled = bench.gateway.cancel(bench.cancel_request(paid))

    [cancel] = canceled.cancels
    assert canceled.status == "CANCELED" and canceled.is_canceled
    assert (canceled.payment_key, canceled.total_won) == (paid.payment_key, 10000)
    assert (canceled.balance_won, canceled.supplied_won, canceled.vat_won) == (0, 0, 0)
    assert (cancel.amount_won, cancel.balance_won, cancel.status) == (10000, 0, "DONE")
    assert cancel.reason == "구독 해지 (r1)"
    assert cancel.transaction_key == canceled.last_transaction_key
    assert bench.gateway.find_payment(paid.payment_key).cancels == canceled.cancels


def test_a_cancel_that_is_sent_again_is_the_same_cancel(bench):
    request = bench.cancel_request(bench.paid())

    first, again = (bench.gateway.cancel(request) for _ in range(2))

    assert first.cancels == again.cancels and len(again.cancels) == 1


def test_a_payment_that_is_given_back_must_be_looked_up(bench):
    paid = bench.paid()
    bench.gateway.cancel(bench.cancel_request(paid))

    with pytest.raises(AlreadyRequested, match="ALREADY_CANCELED_PAYMENT"):
        bench.gateway.cancel(bench.cancel_request(paid))


def test_a_cancel_on_another_balance_gives_nothing_back(bench):
    paid = bench.paid()

    with pytest.raises(RequestRejected, match="NOT_MATCHES_REFUNDABLE_AMOUNT"):
        bench.gateway.cancel(bench.cancel_request(paid, refundable_won=9999, amount_won=5000))

    assert bench.gateway.find_payment(paid.payment_key).balance_won == 10000


def test_more_than_the_balance_must_be_looked_up(bench):
    paid = bench.paid()

    with pytest.raises(AlreadyRequested, match="NOT_CANCELABLE_AMOUNT"):
        bench.gateway.cancel(bench.cancel_request(paid, amount_won=10001))


def test_a_one_time_payment_whose_time_ran_out_is_refused(bench):
    with pytest.raises(SessionEnded, match="NOT_FOUND_PAYMENT_SESSION"):
        bench.gateway.confirm(
            ConfirmRequest(
                payment_key="tgen_20200101000000xxxxx",
                order_id="order_000001",
                amount_won=10000,
                idempotency_key=bench.new_key(),
            )
        )


@pytest.mark.parametrize("bench", ["fake", "sandbox"], indirect=True)
def test_a_payment_given_back_in_parts_stays_partly_canceled(bench):
    paid = bench.paid()

    part = bench.gateway.cancel(bench.cancel_request(paid, amount_won=3000))
    rest = bench.gateway.cancel(bench.cancel_request(part, amount_won=7000))

    assert (part.status, part.balance_won, part.vat_won) == ("PARTIAL_CANCELED", 7000, 636)
    assert (part.supplied_won, part.total_won) == (6364, 10000)
    assert (rest.status, rest.balance_won) == ("PARTIAL_CANCELED", 0)
    assert [cancel.balance_won for cancel in rest.cancels] == [7000, 0]
    for stale_won in (0, 7000):
        with pytest.raises(AlreadyRequested, match="NOT_CANCELABLE_AMOUNT"):
            again = bench.cancel_request(rest, amount_won=1, refundable_won=stale_won)
            bench.gateway.cancel(again)


@pytest.mark.parametrize("bench", ["fake", "sandbox"], indirect=True)
def test_tax_free_won_are_kept_apart(bench):
    request = bench.charge_request(tax_free_won=3000)

    paid = bench.gateway.charge(request)
    part = bench.gateway.cancel(bench.cancel_request(paid, amount_won=4000, tax_free_won=3000))

    assert (paid.supplied_won, paid.vat_won, paid.tax_free_won) == (6364, 636, 3000)
    assert (part.supplied_won, part.vat_won, part.tax_free_won) == (5455, 545, 0)
    assert part.cancels[0].tax_free_won == 3000


@pytest.mark.parametrize("bench", ["fake", "sandbox"], indirect=True)
@pytest.mark.parametrize(("amount_won", "tax_free_won"), [(4000, 3001), (8000, 0)])
def test_more_of_a_tax_kind_than_was_paid_cannot_be_given_back(bench, amount_won, tax_free_won):
    paid = bench.gateway.charge(bench.charge_request(tax_free_won=3000))
    parts = {"amount_won": amount_won, "tax_free_won": tax_free_won}

    with pytest.raises(AlreadyRequested, match="NOT_CANCELABLE_AMOUNT"):
        bench.gateway.cancel(bench.cancel_request(paid, **parts))


@pytest.mark.parametrize("bench", ["fake", "sandbox"], indirect=True)
def test_an_auth_key_serves_once_and_one_customer(bench):
    request = bench.issue_request()
    theirs = replace(request, customer_key=str(uuid.uuid4()), idempotency_key=bench.new_key())

    with pytest.raises(BillingKeyRejected, match="NOT_FOUND_BILLING"):
        bench.gateway.issue_billing_key(theirs)
    bench.gateway.issue_billing_key(request)
    with pytest.raises(BillingKeyRejected, match="NOT_FOUND_BILLING"):
        bench.gateway.issue_billing_key(replace(request, idempotency_key=bench.new_key()))


@pytest.mark.parametrize("bench", ["fake", "sandbox"], indirect=True)
def test_an_unknown_billing_key_charges_nothing(bench):
    with pytest.raises(BillingKeyRejected, match="INVALID_BILL_KEY_REQUEST"):
        bench.gateway.charge(bench.charge_request(billing_key="made-up="))


@pytest.mark.parametrize("bench", ["fake", "sandbox"], indirect=True)
def test_less_than_the_minimum_charges_nothing(bench):
    with pytest.raises(RequestRejected, match="BELOW_MINIMUM_AMOUNT"):
        bench.gateway.charge(bench.charge_request(amount_won=99))


@pytest.mark.parametrize("bench", ["fake", "sandbox"], indirect=True)
def test_an_unknown_payment_cannot_be_given_back(bench):
    request = replace(bench.cancel_request(bench.paid()), payment_key="bill_made_up")

    with pytest.raises(RequestRejected, match="NOT_FOUND_PAYMENT"):
        bench.gateway.cancel(request)


@pytest.mark.parametrize("bench", ["fake", "sandbox"], indirect=True)
def test_a_payment_that_is_paid_is_not_confirmed_again(bench):
    paid = bench.paid()

    with pytest.raises(AlreadyRequested, match="ALREADY_PROCESSED_PAYMENT"):
        bench.gateway.confirm(
            ConfirmRequest(
                payment_key=paid.payment_key,
                order_id=paid.order_id,
                amount_won=10000,
                idempotency_key=bench.new_key(),
            )
        )


def test_a_foreign_key_pair_says_so_on_every_call(sandbox_url, ask):
    toss = TossGateway(secret_key="test_sk_of0somebody0else", api_base=sandbox_url)

    for operation in ("issue_billing_key", "charge", "confirm", "cancel", "find_payment"):
        with pytest.raises(RequestRejected) as raised:
            ask(toss, operation)
        assert (raised.value.code, raised.value.key_pair) == ("UNAUTHORIZED_KEY", True)
    toss.close()


def test_a_test_code_is_answered_as_the_error_it_names(sandbox_url, ask):
    secret_key = BUILT_IN[0].secret_key
    toss = TossGateway(secret_key=secret_key, api_base=sandbox_url, test_code="PROVIDER_ERROR")

    with pytest.raises(OutcomeUnknown, match="PROVIDER_ERROR") as raised:
        ask(toss, "charge")
    toss.close()

    assert raised.value.transient


@pytest.mark.parametrize("bench", ["fake", "sandbox"], indirect=True)
def test_the_list_of_transactions_holds_charges_and_cancels_page_by_page(bench):
    if isinstance(bench.gateway, FakeGateway):
        bench.gateway.now = datetime.now(UTC)
    start = datetime.now(UTC) - timedelta(seconds=2)
    first, second = bench.paid(), bench.paid()
    bench.gateway.cancel(bench.cancel_request(first, amount_won=1000))
    end = datetime.now(UTC) + timedelta(seconds=2)

    lines, after = [], None
    while page := bench.gateway.transactions(start, end, after=after, limit=2):
        assert len(page) <= 2
        lines += page
        after = page[-1].transaction_key
    own = [line for line in lines if line.order_id in (first.order_id, second.order_id)]

    assert sorted((line.is_cancel, line.amount_won) for line in own) == [
        (False, 10000),
        (False, 10000),
        (True, 1000),
    ]
    assert {line.payment_key for line in own} == {first.payment_key, second.payment_key}
    assert (
        bench.gateway.transactions(
            start - timedelta(days=9), start - timedelta(days=8), after=None, limit=2
        )
        == ()
    )


def all_settlements(
    gateway: PaymentGateway, start_on: date, end_on: date, by: SettlementDay = "sold"
) -> list[Settlement]:
    """Return every settlement of these days, two a page."""
    lines: list[Settlement] = []
    for number in range(1, 1000):
        page = gateway.settlements(start_on, end_on, by=by, page=number, limit=2)
        lines += page
        if len(page) < 2:
            return lines
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("bench", ["fake", "sandbox"], indirect=True)
def test_sales_and_cancels_are_settled_from_the_next_day_on_page_by_page(bench):
    bench.set_clock(THAT_DAY)
    first, second = bench.paid(), bench.paid()
    canceled = bench.gateway.cancel(bench.cancel_request(first, amount_won=1000))
    assert all_settlements(bench.gateway, DAY, DAY) == []

    bench.set_clock(THAT_DAY + timedelta(days=1))
    lines = all_settlements(bench.gateway, DAY, DAY)

    assert {(line.payment_key, line.amount_won) for line in lines} == {
        (first.payment_key, 10000),
        (second.payment_key, 10000),
        (first.payment_key, -1000),
    }
    [back] = [line for line in lines if line.is_cancel]
    assert len(lines) == 3 and back.transaction_key == canceled.last_transaction_key
    assert {line.order_id for line in lines} == {first.order_id, second.order_id}
    assert {line.sold_on for line in lines} == {DAY}
    assert {line.m_id for line in lines} == {first.m_id}
    [pay_day] = {line.paid_out_on for line in lines}
    assert pay_day > DAY
    assert all_settlements(bench.gateway, pay_day, pay_day, "paid_out") == lines
    for day in (pay_day - A_DAY, pay_day + A_DAY):
        assert all_settlements(bench.gateway, day, day, "paid_out") == []
    assert all_settlements(bench.gateway, DAY - 9 * A_DAY, DAY - A_DAY) == []


def test_what_is_paid_out_is_the_amount_without_the_fee(bench):
    bench.set_clock(THAT_DAY)
    bench.gateway.cancel(bench.cancel_request(bench.paid()))
    bench.set_clock(THAT_DAY + timedelta(days=2))

    lines = all_settlements(bench.gateway, DAY, DAY)

    assert {line.is_cancel for line in lines} == {True, False}
    for line in lines:
        assert line.pay_out_won == line.amount_won - line.fee_won
        assert (line.fee_won < 0) == (line.fee_vat_won < 0) == line.is_cancel
        assert abs(line.fee_vat_won * 11 - line.fee_won) <= 11


def receipt_request(bench: Bench, **changes: Any) -> CashReceiptRequest:
    values = {
        "order_id": f"order_{uuid.uuid4().hex}",
        "order_name": "프리미엄 월 구독",
        "amount_won": 9900,
        "tax_free_won": 0,
        "type": "소득공제",
        "identity_number": "01012345678",
        "idempotency_key": bench.new_key(),
    }
    return CashReceiptRequest(**{**values, **changes})


@pytest.mark.parametrize("bench", ["fake", "sandbox"], indirect=True)
def test_a_cash_receipt_is_issued_once_and_canceled_in_parts(bench: Bench) -> None:
    asked = receipt_request(bench)
    issued = bench.gateway.issue_cash_receipt(asked)
    again = bench.gateway.issue_cash_receipt(asked)

    assert issued.receipt_key == again.receipt_key
    assert (issued.amount_won, issued.has_failed) == (9900, False)
    key = bench.new_key()
    for _ in range(2):
        part = bench.gateway.cancel_cash_receipt(issued.receipt_key, 3300, idempotency_key=key)
        assert part.amount_won == 3300
    rest = bench.new_key()
    bench.gateway.cancel_cash_receipt(issued.receipt_key, 6600, idempotency_key=rest)
    with pytest.raises(RequestRejected):
        bench.gateway.cancel_cash_receipt(issued.receipt_key, 1, idempotency_key=bench.new_key())


@pytest.mark.parametrize(
    "changes", [{"identity_number": "x"}, {"amount_won": 0}, {"type": "기타"}, {"order_id": "?"}]
)
def test_a_cash_receipt_of_a_wrong_form_is_never_sent(changes: dict[str, Any]) -> None:
    bench = Bench(FakeGateway(), str)

    with pytest.raises(RequestRejected):
        bench.gateway.issue_cash_receipt(receipt_request(bench, **changes))
