"""Ways to pay: what the merchant has contracts for is offered, and what was registered is named."""

import pytest
from sqlalchemy import select

import config
import timetable
from config import ConfigError
from gateways.fake import CARD
from gateways.payment import Card
from models import BillingKey, Checkout, Payment, db
from models.checkout import WayToPay
from rules.periods import seoul_instant

ACCOUNT = Card(number="1000********", issuer_name="토스뱅크 계좌")
WALLET = Card(number="", issuer_name="토스페이")
ALL = ("card", "transfer", "tosspay", "naverpay")


@pytest.fixture(autouse=True)
def _today(at, now, gateway):
    at(now)
    gateway.now = now


@pytest.fixture
def every_way(app, monkeypatch):
    monkeypatch.setitem(app.config, "WAYS_TO_PAY", ALL)


@pytest.fixture
def choose(client, page, log_in, user, plan):
    """Order with a way to pay; return the answer to the page's script."""
    log_in(user)

    def post(way=None):
        shown = page("/checkout/premium-monthly")
        data = {"quote": shown.value("quote"), "purchase": "y", "recurring": "y"}
        if way is not None:
            data["way"] = way
        headers = {"Accept": "application/json"}
        return client.post("/checkout/premium-monthly", data=data, headers=headers)

    return post


@pytest.mark.parametrize(
    ("way", "asked"),
    [
        ("card", {}),
        ("transfer", {"method": "TRANSFER"}),
        ("tosspay", {"method": "CARD", "flowMode": "DIRECT", "easyPay": "TOSSPAY"}),
        ("naverpay", {"method": "CARD", "flowMode": "DIRECT", "easyPay": "NAVERPAY"}),
    ],
)
def test_the_window_is_opened_for_what_was_chosen(app, every_way, choose, way, asked):
    answer = choose(way)

    assert answer.status_code == 201
    common = {"customerKey", "customerName", "customerEmail", "successUrl", "failUrl"}
    assert {name: answer.json[name] for name in answer.json.keys() - common} == asked
    with app.app_context():
        assert db.session.scalars(select(Checkout)).one().way is WayToPay(way)


@pytest.mark.parametrize("way", [None, "", "phone"])
def test_with_several_ways_one_is_chosen_by_the_customer(app, every_way, choose, way):
    assert choose(way).status_code == 400
    with app.app_context():
        assert db.session.scalars(select(Checkout)).all() == []


def test_none_is_chosen_beforehand(every_way, page, log_in, user, plan):
    log_in(user)
    shown = page("/checkout/premium-monthly")

    assert [one["value"] for one in shown.all("input", name="way")] == list(ALL)
    assert not any("checked" in one for one in shown.all("input", name="way"))
    assert "등록한 결제 수단으로 자동 결제" in shown.text


def test_only_cards_are_offered_unless_the_merchant_says_so(page, choose):
    assert choose("transfer").json.keys() == {
        "customerKey", "customerName", "customerEmail", "successUrl", "failUrl",
    }  # fmt: skip
    shown = page("/checkout/premium-monthly")
    assert not shown.all("input", name="way")
    assert "등록한 카드로 자동 결제" in shown.text


@pytest.mark.parametrize("value", ["", "transfer", "card,card", "card,phone"])
def test_a_wrong_setting_is_refused(value):
    with pytest.raises(ConfigError, match="WAYS_TO_PAY"):
        config.load({"WAYS_TO_PAY": value or " "}, environ={}, env_file=None)


@pytest.fixture
def come_back_with(client, gateway, choose):
    """Order, register this in Toss's window, and come back."""

    def back(way, source, method, *, is_wallet=False):
        window = choose(way).json
        auth_key = gateway.register(
            window["customerKey"], card=source, method=method, is_wallet=is_wallet
        )
        query = f"customerKey={window['customerKey']}&authKey={auth_key}"
        return client.get(f"{window['successUrl']}&{query}")

    return back


@pytest.mark.parametrize(
    ("way", "source", "method", "is_wallet", "named"),
    [
        ("transfer", ACCOUNT, "계좌이체", False, "토스뱅크 계좌 1000********"),
        ("tosspay", WALLET, "간편결제", True, "토스페이"),
        ("card", CARD, "카드", False, "하나 94100012****789*"),
    ],
)
def test_what_was_registered_is_named_and_charged_each_period(
    app, every_way, come_back_with, page, gateway, way, source, method, is_wallet, named
):
    come_back_with(way, source, method, is_wallet=is_wallet)

    assert named in page("/subscription").text
    due = seoul_instant(page_period_end(app), 9)
    gateway.now = due
    timetable.Run(app, time=lambda: due, workers=1).do(timetable.EVERYTHING)
    with app.app_context():
        payments = db.session.scalars(select(Payment)).all()
        assert [payment.method for payment in payments] == [method] * 2
        assert db.session.scalars(select(BillingKey)).one().is_wallet is is_wallet


def page_period_end(app):
    with app.app_context():
        return db.session.scalars(select(Payment)).one().invoice.period_end_on


def test_a_wallets_payment_may_be_named_as_toss_likes(app, every_way, come_back_with, gateway):
    gateway.answer_next("charge", method="토스페이")
    come_back_with("tosspay", WALLET, "카드", is_wallet=True)

    with app.app_context():
        assert db.session.scalars(select(Payment)).one().method == "토스페이"


def test_a_transfer_must_be_a_transfer(app, every_way, come_back_with, gateway):
    gateway.answer_next("charge", method="카드")
    come_back_with("transfer", ACCOUNT, "계좌이체")

    with app.app_context():
        assert db.session.scalars(select(Payment)).all() == []


@pytest.fixture
def receipt_path(every_way, come_back_with, page):
    come_back_with("transfer", ACCOUNT, "계좌이체")
    return next(
        f"{link}/cash-receipt" for link in page("/payments").links if link.split("/")[-1].isdigit()
    )


INCOME = {"kind": "income", "number": "010-1234-5678"}


def test_a_transfer_offers_a_cash_receipt_and_says_when_it_is_there(
    app, client, page, receipt_path, gateway, now
):
    payment = receipt_path.removesuffix("/cash-receipt")
    assert "현금영수증 신청" in page(payment).text
    answer = client.post(receipt_path, data={**INCOME, "every": "y"})
    assert (answer.status_code, answer.location) == (303, payment)
    assert "현금영수증을 발급하고 있어요" in page(payment).text

    timetable.Run(app, time=lambda: now, workers=1).do([timetable.CASH_RECEIPTS])
    text = page(payment).text
    assert "9,900원의 소득공제용 현금영수증을 발급했어요" in text
    assert "다음 결제에도 같은 번호로 발급해요" in text
    assert client.post(f"{receipt_path}/stop").status_code == 303
    assert "다음 결제에도" not in page(payment).text
    assert client.post(receipt_path, data=INCOME).status_code == 409, "once"


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "income", "number": ""},
        {"kind": "income", "number": "02-123-4567"},
        {"kind": "income", "number": "220-81-62517"},
        {"kind": "expense", "number": "010-1234-5678"},
        {"kind": "expense", "number": "123-45-67890"},
        {"kind": "other", "number": "010-1234-5678"},
    ],
)
def test_a_wrong_number_is_refused_beside_its_field(client, receipt_path, data):
    assert client.post(receipt_path, data=data).status_code == 400


def test_a_card_payment_offers_no_cash_receipt(client, page, subscribed):
    (payment,) = [link for link in page("/payments").links if link.split("/")[-1].isdigit()]

    assert "현금영수증" not in page(payment).text
    assert client.post(f"{payment}/cash-receipt", data=INCOME).status_code == 409


def test_nobody_asks_for_anothers_receipt(client, receipt_path, log_in, other_user):
    client.post("/logout")
    log_in(other_user)

    assert client.post(receipt_path, data=INCOME).status_code == 404
    assert client.post(f"{receipt_path}/stop").status_code == 404
