"""The stories of a payment that is made once: the fake and the sandbox tell them alike."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from gateways.fake import FakeGateway
from gateways.payment import (
    AlreadyRequested,
    BillingKeyRejected,
    CancelRequest,
    CardDeclined,
    ConfirmRequest,
    OutcomeUnknown,
    PaymentAnswer,
    PaymentGateway,
    RequestRejected,
    SessionEnded,
)
from gateways.toss import TossGateway
from sandbox.keys import BUILT_IN
from tests.gateways.conftest import clock_of

BILLING, PASS = BUILT_IN
NOON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
WON = 5900
REFUSALS = {
    "foreign-no-funds": CardDeclined("REJECT_CARD_PAYMENT", http_status=403),
    "foreign-refused": BillingKeyRejected("REJECT_CARD_COMPANY", http_status=403),
}


class FakeWindow:
    """The customer in the fake's window; the cards are the sandbox's."""

    def __init__(self, fake: FakeGateway) -> None:
        self.fake = fake

    def open(self, order_id: str) -> None:
        """Open the window and leave it open."""
        self.fake.open_window(order_id, WON)

    def abort(self, order_id: str) -> None:
        """Fail in the window."""
        self.fake.abort_window(self.fake.open_window(order_id, WON), "REJECT_CARD_COMPANY")

    def pay(self, order_id: str, card: str) -> str:
        """Authenticate with a card, and return the payment key."""
        is_wallet = card == "domestic-wallet"
        refusal = REFUSALS.get(card)
        return self.fake.authenticate(order_id, WON, is_wallet=is_wallet, refusal=refusal)


class SandboxWindow:
    """The customer in the sandbox's window."""

    def __init__(self, url: str) -> None:
        self.url = url

    def open(self, order_id: str, *, is_foreign: bool = True) -> str:
        """Open the window and leave it open."""
        asked = {
            "clientKey": PASS.client_key,
            "customerKey": "customer-1",
            "orderId": order_id,
            "orderName": "1개월 이용권",
            "amount": WON,
            "successUrl": "http://shop.example/passes/success",
            "failUrl": "http://shop.example/passes/fail",
            "useInternationalCardOnly": is_foreign,
        }
        answer = requests.post(f"{self.url}/window/payment", json=asked, timeout=5)
        return str(answer.json()["path"])

    def abort(self, order_id: str) -> None:
        """Fail in the window."""
        self._choose(self.open(order_id), "foreign-reject")

    def pay(self, order_id: str, card: str) -> str:
        """Authenticate with a card, and return the payment key."""
        path = self.open(order_id, is_foreign=not card.startswith("domestic"))
        return self._choose(path, card)["paymentKey"][0]

    def _choose(self, path: str, card: str) -> dict[str, list[str]]:
        answer = requests.post(self.url + path, {"card": card}, allow_redirects=False, timeout=5)
        return parse_qs(urlsplit(answer.headers["Location"]).query)


class Bench:
    """A gateway with the keys for passes, the customer in its window, and its clock."""

    def __init__(
        self,
        gateway: PaymentGateway,
        window: FakeWindow | SandboxWindow,
        set_clock: Callable[[datetime], object],
    ) -> None:
        self.gateway = gateway
        self.window = window
        self.set_clock = set_clock
        self.order_id = self.new_id()

    def new_id(self) -> str:
        """Return an order id or idempotency key that was never used."""
        return f"pass-{uuid.uuid4().hex}"

    def authenticated(self, card: str = "visa") -> ConfirmRequest:
        """Return the request to confirm what was just authenticated with a card."""
        return ConfirmRequest(
            payment_key=self.window.pay(self.order_id, card),
            order_id=self.order_id,
            amount_won=WON,
            idempotency_key=self.new_id(),
        )

    def found(self) -> PaymentAnswer:
        """Return the order as the gateway knows it."""
        found = self.gateway.find_order(self.order_id)
        assert found is not None
        return found

    def cancel(self, payment: PaymentAnswer, won: int) -> PaymentAnswer:
        """Give won of a payment back."""
        return self.gateway.cancel(
            CancelRequest(
                payment_key=payment.payment_key,
                amount_won=won,
                tax_free_won=0,
                refundable_won=payment.balance_won,
                reason="청약철회 (r1)",
                idempotency_key=self.new_id(),
            )
        )


@pytest.fixture(params=["fake", "sandbox"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "fake":
        fake = FakeGateway(key_pair="pass", m_id=PASS.merchant_id)
        fake.now = NOON
        yield Bench(fake, FakeWindow(fake), partial(setattr, fake, "now"))
        return
    url = request.getfixturevalue("sandbox_url")
    toss = TossGateway(secret_key=PASS.secret_key, api_base=url, key_pair="pass", timeout_seconds=5)
    clock_of(url)(NOON)
    yield Bench(toss, SandboxWindow(url), clock_of(url))
    clock_of(url)(None)
    toss.close()


def test_what_is_confirmed_is_paid_as_it_was_asked(bench):
    request = bench.authenticated()

    paid = bench.gateway.confirm(request)

    assert paid.is_done and paid.payment_key == request.payment_key
    asked = {"order_id": bench.order_id, "amount_won": WON, "tax_free_won": 0, "type": "NORMAL"}
    assert paid.differences(**asked, method="카드") == ()
    assert (paid.m_id, paid.card is None, paid.held_won) == ("pass_dalbit", False, WON)
    for found in (bench.found(), bench.gateway.find_payment(request.payment_key)):
        assert replace(found, trace_id=None) == replace(paid, trace_id=None)


def test_a_wallet_pays_without_a_card(bench):
    paid = bench.gateway.confirm(bench.authenticated("domestic-wallet"))

    assert (paid.is_done, paid.method, paid.card) == (True, "간편결제", None)


def test_the_same_request_again_is_answered_alike_and_another_is_refused(bench):
    request = bench.authenticated()
    paid = bench.gateway.confirm(request)

    again = bench.gateway.confirm(request)
    assert replace(again, trace_id=None) == replace(paid, trace_id=None)
    with pytest.raises(AlreadyRequested, match="ALREADY_PROCESSED_PAYMENT"):
        bench.gateway.confirm(replace(request, idempotency_key=bench.new_id()))


@pytest.mark.parametrize("changes", [{"amount_won": 100}, {"order_id": "pass-of-another"}])
def test_another_amount_or_order_is_refused_and_the_payment_waits_on(bench, changes):
    request = bench.authenticated()

    with pytest.raises(RequestRejected, match="FORBIDDEN_REQUEST") as raised:
        bench.gateway.confirm(replace(request, **changes, idempotency_key=bench.new_id()))

    assert not raised.value.key_pair
    assert bench.gateway.confirm(request).is_done


@pytest.mark.parametrize(("minutes", "status"), [(9.9, "IN_PROGRESS"), (10.1, "EXPIRED")])
def test_an_authenticated_payment_waits_ten_minutes(bench, minutes, status):
    request = bench.authenticated()
    bench.set_clock(NOON + timedelta(minutes=minutes))

    assert bench.found().status == status
    if status == "IN_PROGRESS":
        assert bench.gateway.confirm(request).is_done
    else:
        with pytest.raises(SessionEnded, match="NOT_FOUND_PAYMENT_SESSION"):
            bench.gateway.confirm(request)
        assert (bench.found().is_failed, bench.found().held_won) == (True, 0)


def test_what_waits_is_known_and_holds_no_money(bench):
    request = bench.authenticated()

    for found in (bench.found(), bench.gateway.find_payment(request.payment_key)):
        assert (found.status, found.payment_key) == ("IN_PROGRESS", request.payment_key)
        assert (found.total_won, found.held_won, found.approved_at) == (WON, 0, None)
        assert not found.is_done and not found.is_failed and not found.is_canceled


@pytest.mark.parametrize(("minutes", "status"), [(29, "READY"), (31, "EXPIRED")])
def test_an_open_window_is_known_by_its_order(bench, minutes, status):
    bench.window.open(bench.order_id)
    bench.set_clock(NOON + timedelta(minutes=minutes))

    found = bench.found()

    assert (found.status, found.method, found.card, found.held_won) == (status, None, None, 0)


def test_a_window_that_came_to_nothing_is_known_by_its_order(bench):
    bench.window.abort(bench.order_id)

    found = bench.found()

    assert (found.status, found.failure_code) == ("ABORTED", "REJECT_CARD_COMPANY")
    assert (found.is_failed, found.held_won) == (True, 0)


def test_an_order_that_failed_once_may_be_paid_in_another_window(bench):
    bench.window.abort(bench.order_id)
    request = bench.authenticated()
    bench.window.open(bench.order_id)

    assert bench.found().payment_key == request.payment_key
    assert bench.gateway.confirm(request).is_done
    assert bench.found().is_done


@pytest.mark.parametrize(
    ("card", "kind"),
    [("foreign-no-funds", CardDeclined), ("foreign-refused", BillingKeyRejected)],
)
def test_a_card_that_is_refused_ends_the_payment(bench, card, kind):
    request = bench.authenticated(card)

    with pytest.raises(kind) as raised:
        bench.gateway.confirm(request)

    assert not isinstance(raised.value, SessionEnded)
    assert (bench.found().status, bench.found().failure_code) == ("ABORTED", raised.value.code)
    with pytest.raises(SessionEnded):
        bench.gateway.confirm(replace(request, idempotency_key=bench.new_id()))


def test_parts_go_back_and_what_is_held_shrinks(bench):
    paid = bench.gateway.confirm(bench.authenticated())

    part = bench.cancel(paid, 900)
    assert (part.status, part.held_won) == ("PARTIAL_CANCELED", 5000)
    assert bench.cancel(part, 5000).held_won == 0


def test_all_of_it_goes_back(bench):
    paid = bench.gateway.confirm(bench.authenticated())

    assert bench.cancel(paid, WON).status == "CANCELED"
    assert bench.found().held_won == 0


def test_what_was_confirmed_is_in_the_lists(bench):
    request = bench.authenticated()
    bench.gateway.confirm(request)
    minute = timedelta(minutes=1)

    lines = bench.gateway.transactions(NOON - minute, NOON + minute, after=None, limit=5000)
    bench.set_clock(NOON + timedelta(days=1))
    day = NOON.date()
    settled = bench.gateway.settlements(day, day, by="sold", page=1, limit=5000)

    for found in (lines, settled):
        [line] = [line for line in found if line.order_id == bench.order_id]
        assert (line.payment_key, line.amount_won) == (request.payment_key, WON)


def test_a_failed_window_is_in_no_list(bench):
    bench.window.abort(bench.order_id)
    bench.authenticated()
    minute = timedelta(minutes=1)

    lines = bench.gateway.transactions(NOON - minute, NOON + minute, after=None, limit=5000)

    assert bench.order_id not in {line.order_id for line in lines}


@pytest.mark.parametrize(
    ("card", "status"), [("foreign-lost", "DONE"), ("foreign-error", "IN_PROGRESS")]
)
def test_an_unclear_answer_leaves_it_to_a_look_up(sandbox_url, card, status):
    toss = TossGateway(secret_key=PASS.secret_key, api_base=sandbox_url, timeout_seconds=5)
    bench = Bench(toss, SandboxWindow(sandbox_url), clock_of(sandbox_url))
    request = bench.authenticated(card)

    with pytest.raises(OutcomeUnknown):
        toss.confirm(request)
    found: Any = bench.found()
    toss.close()

    assert (found.status, found.payment_key) == (status, request.payment_key)


def test_the_keys_for_billing_neither_confirm_nor_find_nor_cancel_it(sandbox_url):
    passes = TossGateway(secret_key=PASS.secret_key, api_base=sandbox_url, timeout_seconds=5)
    billing = TossGateway(secret_key=BILLING.secret_key, api_base=sandbox_url, timeout_seconds=5)
    bench = Bench(passes, SandboxWindow(sandbox_url), clock_of(sandbox_url))
    request = bench.authenticated()

    with pytest.raises(RequestRejected, match="INVALID_API_KEY") as raised:
        billing.confirm(request)
    assert not raised.value.key_pair, "a browser names the payment: this proves no wrong keys"
    paid = passes.confirm(request)
    assert billing.find_order(bench.order_id) is None
    bench.gateway = billing
    with pytest.raises(RequestRejected, match="NOT_FOUND_PAYMENT"):
        bench.cancel(paid, WON)
    passes.close()
    billing.close()
