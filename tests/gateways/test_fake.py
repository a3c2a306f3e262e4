"""What tests may ask of the fake gateway, beyond the contract."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from gateways.fake import FakeGateway
from gateways.payment import CardDeclined, ChargeRequest, IssueRequest, OutcomeUnknown

CUSTOMER_KEY = "5f0e8b7c-0000-4000-8000-000000000001"


@pytest.fixture
def fake() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def request_to_charge(fake: FakeGateway) -> ChargeRequest:
    """A charge of a card that has just been registered."""
    issued = fake.issue_billing_key(
        IssueRequest(
            auth_key=fake.register(CUSTOMER_KEY), customer_key=CUSTOMER_KEY, idempotency_key="i1"
        )
    )
    return ChargeRequest(
        billing_key=issued.billing_key,
        customer_key=CUSTOMER_KEY,
        order_id="order_000001",
        order_name="프리미엄",
        amount_won=9900,
        tax_free_won=0,
        customer_name="홍길동",
        customer_email="a@example.com",
        idempotency_key="c1",
    )


def test_a_queued_error_is_raised_once_and_nothing_is_charged(fake, request_to_charge):
    fake.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT", "한도초과", http_status=403))

    with pytest.raises(CardDeclined) as raised:
        fake.charge(request_to_charge)

    assert (raised.value.code, raised.value.message) == ("REJECT_CARD_PAYMENT", "한도초과")
    assert fake.payments == []
    assert fake.charge(replace(request_to_charge, idempotency_key="c2")).is_done


def test_a_refusal_is_replayed_to_its_idempotency_key(fake, request_to_charge):
    fake.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))

    for _ in range(2):
        with pytest.raises(CardDeclined):
            fake.charge(request_to_charge)

    assert fake.payments == []


def test_a_received_transient_refusal_is_replayed_and_a_failure_is_not(fake, request_to_charge):
    fake.fail_next("charge", OutcomeUnknown("PROVIDER_ERROR", http_status=400, transient=True))
    fake.fail_next("charge", OutcomeUnknown("COMMON_ERROR", http_status=500))

    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match="PROVIDER_ERROR"):
            fake.charge(request_to_charge)
    fresh = replace(request_to_charge, idempotency_key="c2")
    fake.fail_next("charge", OutcomeUnknown("COMMON_ERROR", http_status=500))
    with pytest.raises(OutcomeUnknown, match="COMMON_ERROR"):
        fake.charge(fresh)

    assert fake.charge(fresh).is_done


def test_an_answer_lost_on_the_way_back_has_moved_the_money(fake, request_to_charge):
    fake.lose_next("charge")

    with pytest.raises(OutcomeUnknown, match="timeout"):
        fake.charge(request_to_charge)

    [paid] = fake.payments
    assert fake.find_order("order_000001") == paid
    assert fake.charge(request_to_charge) == paid
    assert len(fake.payments) == 1


def test_a_request_lost_on_the_way_has_moved_nothing(fake, request_to_charge):
    fake.lose_before("charge")

    with pytest.raises(OutcomeUnknown, match="timeout"):
        fake.charge(request_to_charge)

    assert fake.find_order("order_000001") is None
    assert fake.charge(request_to_charge).is_done


def test_a_changed_answer_is_not_what_the_ledger_holds(fake, request_to_charge):
    fake.answer_next("charge", total_won=1)

    assert fake.charge(request_to_charge).total_won == 1
    assert [paid.total_won for paid in fake.payments] == [9900]


def test_faults_belong_to_their_operation(fake, request_to_charge):
    fake.lose_next("cancel")

    assert fake.charge(request_to_charge).is_done


def test_every_call_is_seen_before_it_is_answered(fake, request_to_charge):
    seen = []
    fake.on_call = lambda operation, request: seen.append((operation, len(fake.payments)))

    fake.charge(request_to_charge)
    fake.find_order("order_000001")

    assert seen == [("charge", 0), ("find_order", 1)]
    assert fake.calls[-2:] == [("charge", request_to_charge), ("find_order", "order_000001")]


def test_many_threads_charge_one_order_once(fake, request_to_charge, monkeypatch):
    """Each call lingers where a payment key is made, between the checks and the ledger."""
    lingering = threading.Event()
    token_hex = secrets.token_hex
    monkeypatch.setattr(secrets, "token_hex", lambda n: lingering.wait(0.001) or token_hex(n))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: fake.charge(request_to_charge), range(32)))

    assert len({answer.payment_key for answer in answers}) == len(fake.payments) == 1


def test_the_fakes_ledger_shows_no_key(fake, request_to_charge):
    fake.charge(request_to_charge)

    shown = f"{fake.billing_keys} {fake.calls} {fake.payments}"

    assert request_to_charge.billing_key not in shown and CUSTOMER_KEY not in shown
