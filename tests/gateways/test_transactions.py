"""The list of what moved, as Toss's client reads it, and as fake and sandbox tell it alike."""

from datetime import UTC, datetime

import pytest

from gateways.payment import OutcomeUnknown, RequestRejected

START = datetime(2026, 11, 19, 15, 0, tzinfo=UTC)  # 00:00 on 20 November in Seoul
END = datetime(2026, 11, 20, 14, 59, 59, tzinfo=UTC)
LINE = {
    "mId": "shop",
    "transactionKey": "txrd_1",
    "paymentKey": "pay_1",
    "orderId": "order_000001",
    "method": "카드",
    "customerKey": "customer-PLANTED",
    "useEscrow": False,
    "receiptUrl": "https://dashboard.tosspayments.com/x",
    "status": "DONE",
    "transactionAt": "2026-11-20T09:00:02+09:00",
    "currency": "KRW",
    "amount": 9900,
}


def read(toss, **how):
    return toss.transactions(START, END, **{"after": None, "limit": 100, **how})


def test_days_are_asked_for_in_korean_time_without_an_offset(toss, script):
    script.answer(200, [])
    assert read(toss, after="txrd_0", limit=7) == ()
    [sent] = script.received
    assert sent.method == "GET"
    assert sent.path == (
        "/v1/transactions?startDate=2026-11-20T00%3A00%3A00&endDate=2026-11-20T23%3A59%3A59"
        "&limit=7&startingAfter=txrd_0"
    )


def test_a_line_is_read_whole(toss, script):
    script.answer(200, [LINE])
    [line] = read(toss)
    assert (line.transaction_key, line.payment_key) == ("txrd_1", "pay_1")
    assert (line.order_id, line.amount_won, line.is_cancel) == ("order_000001", 9900, False)
    assert line.at == datetime(2026, 11, 20, 0, 0, 2, tzinfo=UTC)


@pytest.mark.parametrize("amount", [1000, -1000])
@pytest.mark.parametrize("status", ["CANCELED", "PARTIAL_CANCELED"])
def test_what_went_back_is_a_line_of_its_own_with_either_sign(toss, script, status, amount):
    script.answer(200, [{**LINE, "status": status, "amount": amount}])
    [line] = read(toss)
    assert (line.is_cancel, line.amount_won) == (True, 1000)


@pytest.mark.parametrize(
    "answer",
    [{}, [1], [{**LINE, "amount": "9900"}], [{**LINE, "amount": True}], b"<html>", b"[{"],
)
def test_a_broken_list_is_no_list(toss, script, answer):
    script.answer(200, answer)
    with pytest.raises(OutcomeUnknown) as refusal:
        read(toss)
    assert refusal.value.code == "broken_answer"


def test_a_line_without_its_key_is_not_believed(toss, script):
    script.answer(200, [{name: LINE[name] for name in LINE if name != "transactionKey"}])
    with pytest.raises(OutcomeUnknown):
        read(toss)


def test_refused_keys_are_told(toss, script):
    script.answer(401, {"code": "UNAUTHORIZED_KEY", "message": "x"})
    with pytest.raises(RequestRejected) as refusal:
        read(toss)
    assert refusal.value.key_pair
