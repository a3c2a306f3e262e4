"""The list of settlements, as Toss's client reads it: published answers, and what is none."""

import json
from datetime import date

import pytest

from gateways.payment import OutcomeUnknown, RequestRejected
from gateways.toss import TossGateway

START, END = date(2026, 11, 1), date(2026, 11, 30)


def read(toss, **how):
    return toss.settlements(START, END, **{"by": "sold", "page": 1, "limit": 500, **how})


@pytest.fixture
def sale(recording):
    return recording("settlement-sale-2025-02")


@pytest.mark.parametrize(("by", "written"), [("sold", "soldDate"), ("paid_out", "paidOutDate")])
def test_days_pages_and_the_kind_of_day_are_asked_for(toss, script, by, written):
    script.answer(200, [])
    assert read(toss, by=by, page=7, limit=3) == ()
    [sent] = script.received
    assert (sent.method, sent.body) == ("GET", None)
    assert sent.path == (
        f"/v1/settlements?startDate=2026-11-01&endDate=2026-11-30&dateType={written}&page=7&size=3"
    )


def test_a_sale_is_read_whole(toss, script, sale):
    script.answer(200, [sale])
    [line] = read(toss)
    assert line.transaction_key == sale["transactionKey"]
    assert (line.payment_key, line.order_id) == (sale["paymentKey"], sale["orderId"])
    assert line.m_id == "TP00000000"
    assert (line.amount_won, line.fee_won, line.fee_vat_won) == (64601, 1492, 136)
    assert (line.pay_out_won, line.is_cancel) == (63109, False)
    assert (line.sold_on, line.paid_out_on) == (date(2025, 2, 9), date(2025, 2, 13))


def test_a_cancel_is_below_zero_with_its_fee(toss, script, recording):
    script.answer(200, [recording("settlement-cancel-2023-11")])
    [line] = read(toss)
    assert (line.amount_won, line.fee_won, line.fee_vat_won) == (-99800, -2250, -205)
    assert (line.pay_out_won, line.is_cancel) == (-97550, True)


def test_an_old_version_without_the_list_of_fees_is_read_alike(toss, script, recording):
    script.answer(200, [recording("settlement-old-version-2025-06")])
    [line] = read(toss)
    assert (line.amount_won, line.fee_won, line.pay_out_won) == (3280000, 859950, 2420050)


def test_what_is_not_known_is_passed_over(toss, script, sale):
    script.answer(200, [{**sale, "fees": "new", "card": 7, "surprise": {"x": []}}])
    [line] = read(toss)
    assert line.amount_won == 64601


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "64601"),
        ("amount", True),
        ("amount", 64601.0),
        ("amount", 10**13),
        ("supplyAmount", None),
        ("vat", "136"),
        ("payOutAmount", None),
        ("soldDate", "2025-02-30"),
        ("soldDate", 20250209),
        ("paidOutDate", "2025-02-13T00:00:00"),
        ("paidOutDate", None),
        ("currency", "USD"),
        ("transactionKey", ""),
        ("paymentKey", "x" * 301),
        ("orderId", ["order"]),
        ("mId", None),
    ],
)
def test_a_line_of_another_kind_is_refused_and_its_field_named(
    toss, script, sale, caplog, field, value
):
    script.answer(200, [sale, {**sale, field: value}])
    with pytest.raises(OutcomeUnknown) as refusal:
        read(toss)
    assert refusal.value.code == "broken_answer"
    assert field in str(refusal.value) and field in caplog.text
    assert "64601" not in caplog.text


@pytest.mark.parametrize("answer", [{}, [1], None, b"<html>", b"[{", b"", b"[" * 100_000])
def test_what_is_no_list_is_refused(toss, script, answer):
    script.answer(200, b"null" if answer is None else answer)
    with pytest.raises(OutcomeUnknown) as refusal:
        read(toss)
    assert refusal.value.code == "broken_answer"


def test_four_hundred_of_the_longest_lines_fit_into_one_answer(toss, script, recording):
    line = recording("settlement-cancel-2023-11")
    line["cancel"]["cancelReason"] = "가" * 200
    script.body = json.dumps([line] * 400, ensure_ascii=False).encode()
    assert len(read(toss)) == 400


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "INVALID_DATE", RequestRejected),
        (400, "INVALID_REQUEST", RequestRejected),
        (400, "EXCEED_MAX_QUERY_LIMIT", RequestRejected),
        (401, "UNAUTHORIZED_KEY", RequestRejected),
        (500, "FAILED_INTERNAL_SYSTEM_PROCESSING", OutcomeUnknown),
        (429, "TOO_MANY_REQUESTS", OutcomeUnknown),
        (403, "FORBIDDEN_CONSECUTIVE_REQUEST", OutcomeUnknown),
    ],
)
def test_a_refusal_is_told_by_its_code(toss, script, status, code, error):
    script.refuse(status, code)
    with pytest.raises(error) as refusal:
        read(toss)
    assert (refusal.value.code, refusal.value.http_status) == (code, status)


def test_an_answer_that_takes_too_long_is_none(hasty_toss, script, drip):
    script.misbehave(drip)
    with pytest.raises(OutcomeUnknown) as refusal:
        read(hasty_toss)
    assert refusal.value.code == "timeout"


def test_a_host_that_may_not_act_may_still_ask(server_url, script):
    mute = TossGateway(secret_key="test_sk_x", api_base=server_url, may_act=lambda: False)
    script.answer(200, [])
    assert read(mute) == ()
    mute.close()
