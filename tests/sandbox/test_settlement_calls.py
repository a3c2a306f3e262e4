"""The list of settlements: what is kept of each sale, and when the rest is paid out."""

from datetime import date

import pytest

from sandbox.app import create_app
from sandbox.settling import fee_of, paid_out_on
from tests.sandbox.shop import Shop, query_of

FRIDAY = "2026-11-20T11:00:00+09:00"
MONDAY = "2026-11-23T09:00:00+09:00"


def set_clock(client, moment):
    assert client.put("/_control/clock", json={"now": moment}).status_code == 200


def pay(shop, order_id="order-1", card="works", **changes):
    return shop.charge(shop.billing_key(card), orderId=order_id, **changes).json


def listed(shop, start="2026-11-01", end="2026-11-30", **more):
    query = "&".join(f"{name}={value}" for name, value in more.items())
    return shop.ask("GET", f"/v1/settlements?startDate={start}&endDate={end}&{query}")


@pytest.fixture
def friday(client):
    set_clock(client, FRIDAY)


def test_a_sale_is_settled_with_its_fee_four_weekdays_later(client, shop, friday):
    paid = pay(shop, amount=9900)
    set_clock(client, MONDAY)

    [row] = listed(shop).json

    assert (row["paymentKey"], row["orderId"]) == (paid["paymentKey"], "order-1")
    assert row["transactionKey"] == paid["lastTransactionKey"]
    assert (row["amount"], row["supplyAmount"], row["vat"], row["fee"]) == (9900, 287, 29, 316)
    assert row["payOutAmount"] == 9900 - 316
    assert row["fees"] == [{"type": "BASE", "fee": 316}]
    assert (row["soldDate"], row["paidOutDate"]) == ("2026-11-20", "2026-11-26")
    assert row["cancel"] is None and row["card"]["number"] == paid["card"]["number"]


def test_what_went_back_is_a_line_below_zero(client, shop, friday):
    paid = pay(shop, amount=9900)
    canceled = shop.cancel(paid["paymentKey"], cancelAmount=3000).json
    set_clock(client, MONDAY)

    sale, back = listed(shop).json

    assert (sale["amount"], back["amount"]) == (9900, -3000)
    assert (back["supplyAmount"], back["vat"], back["payOutAmount"]) == (-87, -9, -2904)
    assert back["transactionKey"] == canceled["lastTransactionKey"]
    assert back["cancel"]["transactionKey"] == back["transactionKey"]
    assert back["cancel"]["cancelAmount"] == 3000


def test_a_day_is_settled_from_the_next_day_on(client, shop, friday):
    pay(shop)
    assert listed(shop).json == []
    set_clock(client, "2026-11-21T00:00:00+09:00")
    assert len(listed(shop).json) == 1


def test_a_day_in_korea_begins_and_ends_at_midnight(client, shop):
    moments = ["2026-11-19T23:59:59", "2026-11-20T00:00:00", "2026-11-20T23:59:59"]
    for number, moment in enumerate([*moments, "2026-11-21T00:00:00"]):
        set_clock(client, f"{moment}+09:00")
        pay(shop, f"order-{number}")
    set_clock(client, MONDAY)

    rows = listed(shop, "2026-11-20", "2026-11-20").json

    assert [row["orderId"] for row in rows] == ["order-1", "order-2"]


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("2026-11-25", "2026-11-25", []),
        ("2026-11-26", "2026-11-26", ["order-20", "order-21", "order-22"]),
        ("2026-11-27", "2026-11-27", ["order-23"]),
        ("2026-11-28", "2026-11-29", []),
        ("2026-11-20", "2026-11-30", ["order-20", "order-21", "order-22", "order-23"]),
    ],
)
def test_the_days_may_be_those_of_the_pay_out(client, shop, start, end, found):
    for day in (20, 21, 22, 23):
        set_clock(client, f"2026-11-{day}T11:00:00+09:00")
        pay(shop, f"order-{day}")
    set_clock(client, "2026-12-01T09:00:00+09:00")

    rows = listed(shop, start, end, dateType="paidOutDate").json

    assert [row["orderId"] for row in rows] == found


def test_a_long_list_is_read_page_by_page(client, shop, other_shop, friday):
    for number in range(5):
        pay(shop, f"order-{number}")
    set_clock(client, MONDAY)

    pages = [listed(shop, page=page, size=2).json for page in (1, 2, 3, 4)]

    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert [row["orderId"] for page in pages for row in page] == [
        f"order-{number}" for number in range(5)
    ]
    assert listed(other_shop).json == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"start": ""}, "INVALID_DATE"),
        ({"start": "2026-13-01"}, "INVALID_DATE"),
        ({"start": "2026-11-01T00:00:00"}, "INVALID_DATE"),
        ({"end": "20261101"}, "INVALID_DATE"),
        ({"end": "9999-12-31"}, "INVALID_DATE"),
        ({"dateType": "approvedAt"}, "INVALID_REQUEST"),
        ({"page": "0"}, "INVALID_REQUEST"),
        ({"page": "x"}, "INVALID_REQUEST"),
        ({"size": "-1"}, "INVALID_REQUEST"),
        ({"size": "5001"}, "EXCEED_MAX_QUERY_LIMIT"),
    ],
)
def test_a_wrong_question_is_refused(shop, query, code):
    answer = listed(shop, **query)
    assert (answer.status_code, answer.json["code"]) == (400, code)


def test_a_stranger_is_told_nothing(client):
    answer = client.get("/v1/settlements?startDate=2026-11-01&endDate=2026-11-30")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("window", "card", "method", "fee"),
    [
        ({"method": "TRANSFER"}, "account", "계좌이체", 196),
        ({"flowMode": "DIRECT", "easyPay": "TOSSPAY"}, "tosspay", "간편결제", 316),
    ],
)
def test_accounts_and_wallets_are_settled_too(client, shop, friday, window, card, method, fee):
    chosen = client.post(shop.open_window(**window), data={"card": card, "identity": "000000"})
    key = shop.issue(query_of(chosen.location)["authKey"]).json["billingKey"]
    shop.charge(key)
    set_clock(client, MONDAY)

    [row] = listed(shop).json

    assert (row["method"], row["fee"], row["card"]) == (method, fee, None)


def test_an_old_version_does_not_say_what_a_fee_is_made_of(tmp_path):
    app = create_app(str(tmp_path / "old.sqlite"), api_version="2022-07-27")
    shop = Shop(app.test_client())
    set_clock(shop.client, FRIDAY)
    pay(shop)
    set_clock(shop.client, MONDAY)

    [row] = listed(shop).json

    assert "fees" not in row and row["fee"] == 316 and row["card"]["company"] == "하나"
    app.extensions["sandbox"].ledger.close()


def test_a_fault_may_strike_the_list(client, shop):
    fault = {"operation": "settlements", "kind": "code", "code": "COMMON_ERROR", "times": 1}
    assert client.put("/_control/faults", json={"faults": [fault]}).status_code == 200
    assert listed(shop).status_code == 500
    assert listed(shop).json == []


@pytest.mark.parametrize(
    ("amount", "way", "supply", "vat"),
    [
        (9900, "CARD", 287, 29),
        (99_000, "CARD", 2871, 287),
        (100, "CARD", 2, 0),
        (9900, "TRANSFER", 178, 18),
        (5000, "CARD", 145, 15),
    ],
)
def test_a_fee_is_cut_to_the_won_and_its_tax_rounded(amount, way, supply, vat):
    fee = fee_of(amount, way)
    assert (fee.supply, fee.vat, fee.whole) == (supply, vat, supply + vat)


@pytest.mark.parametrize(
    ("sold", "paid_out"),
    [("2023-11-25", "2023-11-30"), ("2025-02-09", "2025-02-13"), ("2026-11-17", "2026-11-23")],
)
def test_the_pay_out_waits_four_weekdays(sold, paid_out):
    assert paid_out_on(date.fromisoformat(sold)).isoformat() == paid_out
