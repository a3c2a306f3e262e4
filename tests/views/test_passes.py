"""Passes on pages: through the window to access, and every way to cheat or to stumble."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateways.mail import open_mailbox
from gateways.payment import BillingKeyRejected, CardDeclined, RequestRejected
from models import Consent, PassOrder, Payment, Plan, db
from models.pass_order import PassStatus
from tests.conftest import PASSWORD, checked_page


@pytest.fixture
def buy(app, client, page, pass_plan):
    """Post the order page of a signed-in customer; return what the payment window needs."""

    def post(**more):
        shown = page(f"/passes/{pass_plan.slug}/checkout")
        answer = client.post(
            f"/passes/{pass_plan.slug}/checkout",
            data={
                "quote": shown.value("quote"),
                "beside": shown.value("beside"),
                "purchase": "y",
                **more,
            },
            headers={"Accept": "application/json"},
        )
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return answer.get_json()

    return post


@pytest.fixture
def pay(pass_gateway, buy):
    """Order and authenticate; return the address that Toss sends the customer to."""

    def authenticate(**changes):
        window = buy()
        won = window["amount"]["value"]
        values = {
            "paymentType": "NORMAL",
            "orderId": window["orderId"],
            "paymentKey": pass_gateway.authenticate(window["orderId"], won),
            "amount": won,
            **changes,
        }
        query = "&".join(f"{name}={value}" for name, value in values.items())
        return f"/passes/success?{query}"

    return authenticate


def only_order(app):
    with app.app_context():
        return db.session.scalars(select(PassOrder)).one()


def test_a_visitor_buys_a_pass_and_reads(app, client, page, log_in, user, pass_plan, pay):
    assert pass_plan.name in page("/passes").text
    assert "자동으로 결제되지 않고" in page(f"/passes/{pass_plan.slug}").text
    log_in(user)

    answer = client.get(pay())

    order = only_order(app)
    assert (answer.status_code, answer.location) == (303, f"/passes/orders/{order.id}")
    assert order.status is PassStatus.PAID
    shown = page(answer.location)
    assert "이용권을 샀어요" in shown.text
    assert "10,900원" in shown.text
    assert "서재" in page("/library").title
    assert "이번 주의 글" in page("/library").text
    with app.app_context():
        payment = db.session.scalars(select(Payment)).one()
        assert (payment.pass_order_id, payment.key_pair, payment.m_id) == (
            order.id,
            "pass",
            "fake_pass",
        )
        assert payment.used_at is not None
        assert db.session.scalars(select(Consent)).one().quote_id == order.quote_id


def test_the_window_is_opened_with_what_the_page_said(app, page, log_in, user, buy):
    log_in(user)

    window = buy()

    order = only_order(app)
    assert window == {
        "customerKey": user.customer_key,
        "method": "CARD",
        "amount": {"currency": "KRW", "value": 10900},
        "taxFreeAmount": 0,
        "orderId": order.id,
        "orderName": "한 달 이용권",
        "customerName": user.name,
        "customerEmail": user.email,
        "successUrl": "http://127.0.0.1:8000/passes/success",
        "failUrl": f"http://127.0.0.1:8000/passes/fail?order={order.id}",
        "card": {"useInternationalCardOnly": True, "language": "KO"},
    }
    assert order.status is PassStatus.OPEN


NAMES = {"EN": "One-month pass", "JA": "1か月パス", "ZH": "한 달 이용권"}


@pytest.mark.parametrize(("prefix", "language"), [("/en", "EN"), ("/ja", "JA"), ("/zh", "ZH")])
def test_the_window_speaks_the_visitors_language(
    app, client, log_in, user, pass_plan, prefix, language
):
    with app.app_context():
        plan = db.session.get_one(Plan, pass_plan.id)
        plan.translations = {"en": {"name": NAMES["EN"]}, "ja": {"name": NAMES["JA"]}}
        db.session.commit()
    log_in(user)
    shown = client.get(f"{prefix}/passes/{pass_plan.slug}/checkout").get_data(as_text=True)
    [quote] = re.findall(r'name="quote" type="hidden" value="(\d+)"', shown)

    answer = client.post(
        f"{prefix}/passes/{pass_plan.slug}/checkout",
        data={"quote": quote, "beside": "0", "purchase": "y"},
        headers={"Accept": "application/json"},
    )

    window = answer.get_json()
    assert window["card"]["language"] == language
    assert window["orderName"] == NAMES[language]
    assert window["successUrl"] == f"http://127.0.0.1:8000{prefix}/passes/success"


def test_everything_stands_before_the_button(page, log_in, user, pass_plan):
    log_in(user)

    shown = page(f"/passes/{pass_plan.slug}/checkout")

    before = shown.html[: shown.html.index('id="checkout-button"')]
    for words in (
        "10,900원",
        "부가세 포함",
        "한 번 결제 (자동 결제 없음)",
        "환불·해지 규정",
        "미성년자",
    ):
        assert words in before, words
    assert "checked" not in shown.html
    assert shown.all("form", id="checkout")[0]["data-client-key"] is not None
    assert "requestPayment" not in shown.html


def test_nothing_is_stored_without_the_consent(app, client, page, log_in, user, pass_plan):
    log_in(user)
    quote = page(f"/passes/{pass_plan.slug}/checkout").value("quote")

    for data in ({"quote": quote}, {"purchase": "y"}, {"quote": "999", "purchase": "y"}):
        answer = client.post(
            f"/passes/{pass_plan.slug}/checkout",
            data=data,
            headers={"Accept": "application/json"},
        )
        assert answer.status_code in (400, 409)
        assert answer.get_json()["message"]
    with app.app_context():
        assert db.session.scalars(select(PassOrder)).all() == []


def test_without_a_script_the_page_says_what_is_needed(client, page, log_in, user, pass_plan):
    log_in(user)
    quote = page(f"/passes/{pass_plan.slug}/checkout").value("quote")

    answer = client.post(
        f"/passes/{pass_plan.slug}/checkout", data={"quote": quote, "purchase": "y"}
    )

    assert answer.status_code == 400
    assert "자바스크립트를 켜 주세요" in answer.get_data(as_text=True)


def test_an_old_page_is_refused_and_shows_a_new_quote(
    app, client, page, log_in, user, pass_plan, at, now
):
    log_in(user)
    at(now)
    quote = page(f"/passes/{pass_plan.slug}/checkout").value("quote")
    at(now + timedelta(minutes=61))

    answer = client.post(
        f"/passes/{pass_plan.slug}/checkout",
        data={"quote": quote, "beside": "0", "purchase": "y"},
        headers={"Accept": "application/json"},
    )

    assert (answer.status_code, answer.get_json()["reload"]) == (409, True)
    assert page(f"/passes/{pass_plan.slug}/checkout").value("quote") != quote


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 100},
        {"amount": "10900.0"},
        {"amount": "-10900"},
        {"amount": "²"},
        {"amount": "9" * 13},
        {"orderId": "pass-of-nobody"},
        {"orderId": "x" * 65},
        {"orderId": ""},
        {"paymentKey": ""},
        {"paymentKey": "k" * 201},
    ],
)
def test_a_changed_address_confirms_nothing_and_says_so(
    app, client, log_in, user, pay, pass_gateway, changes
):
    log_in(user)

    answer = client.get(pay(**changes))

    assert answer.status_code == 400
    shown = checked_page(answer)
    assert "결제된 금액은 없어요" in shown.text
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert pass_gateway.calls == []
    assert only_order(app).status is PassStatus.OPEN


def test_anothers_order_is_neither_confirmed_nor_shown(
    app, client, log_in, user, other_user, pay, pass_gateway
):
    log_in(user)
    address = pay()
    client.post("/logout")
    log_in(other_user)

    assert client.get(address).status_code == 400

    order = only_order(app)
    assert (order.status, pass_gateway.calls) == (PassStatus.OPEN, [])
    for path in ("", "/state", "/refund"):
        assert client.get(f"/passes/orders/{order.id}{path}").status_code == 404
    assert client.post(f"/passes/orders/{order.id}/refund", data={"quote": 1}).status_code == 404
    client.get(f"/passes/fail?code=X&message=Y&order={order.id}")
    assert only_order(app).reported_code is None


def test_who_comes_back_in_a_browser_without_a_session_is_paid_and_asked_to_log_in(
    app, client, page, log_in, user, pay
):
    log_in(user)
    address = pay()
    client.post("/logout")

    answer = client.get(address)

    assert answer.status_code == 303
    assert client.get(answer.location).location.startswith("/login")
    assert only_order(app).status is PassStatus.PAID
    assert "paymentKey" not in client.get(answer.location).location


def test_a_reload_shows_the_same_pass(app, client, page, log_in, user, pay, pass_gateway):
    log_in(user)
    address = pay()
    first, again = client.get(address), client.get(address)

    assert first.location == again.location
    assert [operation for operation, _ in pass_gateway.calls] == ["confirm"]
    with app.app_context():
        assert len(db.session.scalars(select(Payment)).all()) == 1


def test_an_order_is_not_used_twice(app, client, log_in, user, pay, pass_gateway):
    log_in(user)
    address = pay()
    client.get(address)
    order = only_order(app)
    other_key = pass_gateway.authenticate(order.id, 10900)

    answer = client.get(address.replace(order.payment_key, other_key))

    assert answer.status_code == 409
    assert "이미 처리한 주문이에요" in checked_page(answer).text
    assert [payment.payment_key for payment in pass_gateway.payments] == [order.payment_key]


def test_a_stolen_payment_key_opens_nothing(
    app, client, page, log_in, user, other_user, pay, pass_gateway
):
    log_in(user)
    client.get(pay())
    stolen = only_order(app).payment_key
    client.post("/logout")
    log_in(other_user)

    answer = client.get(pay(paymentKey=stolen))

    assert answer.status_code == 400
    assert "이번 주의 글" not in page("/library").text
    assert len(pass_gateway.payments) == 1


def test_who_comes_back_late_reads_that_nothing_was_charged(
    app, client, page, log_in, user, pay, at, now
):
    log_in(user)
    at(now)
    address = pay()
    at(now + timedelta(minutes=61))

    answer = client.get(address)

    assert answer.status_code == 400
    assert "신청한 지 오래되어" in checked_page(answer).text


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (BillingKeyRejected("NOT_FOUND_PAYMENT_SESSION", http_status=404), "결제 시간이 지났어요"),
        (BillingKeyRejected("REJECT_CARD_COMPANY", http_status=403), "결제하지 못했어요"),
        (CardDeclined("REJECT_CARD_PAYMENT", http_status=403), "결제하지 못했어요"),
        (RequestRejected("FORBIDDEN_REQUEST", http_status=403), "지금은 결제를 받을 수 없어요"),
    ],
)
def test_a_refusal_says_what_happened_and_how_to_go_on(
    client, page, log_in, user, pay, pass_gateway, pass_plan, error, title
):
    log_in(user)
    address = pay()
    pass_gateway.fail_next("confirm", error)

    shown = page(client.get(address).location)

    assert title in shown.text and "결제된 금액은 없어요" in shown.text
    assert error.code in shown.text
    assert f"/passes/{pass_plan.slug}/checkout" in shown.links
    assert "이번 주의 글" not in page("/library").text


def test_a_lost_answer_shows_the_waiting_page_until_it_is_known(
    app, client, page, log_in, user, pay, pass_gateway
):
    log_in(user)
    address = pay()
    pass_gateway.lose_next("confirm")
    location = client.get(address).location
    assert "확인 중이에요" in page(location).text
    assert client.get(f"{location}/state").get_json() == {"settled": False}

    ran = app.test_cli_runner().invoke(args=["billing", "reconcile"])

    assert ran.exit_code in (0, 1), ran.output
    with app.app_context():
        order = db.session.scalars(select(PassOrder)).one()
        order.next_look_up_at = order.leased_until = None
        db.session.rollback()
    assert client.get(f"{location}/state").get_json() == {"settled": True}
    assert "이용권을 샀어요" in page(location).text


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("code=PAY_PROCESS_CANCELED&message=닫음", "결제를 취소했어요"),
        ("code=PAY_PROCESS_ABORTED&message=멈춤&orderId={order}", "결제를 마치지 못했어요"),
        ("code=REJECT_CARD_COMPANY&message=거절&orderId={order}", "카드사에서 결제를 거절했어요"),
        ("code=<script>alert(1)</script>&message=<b>x</b>&order={order}", "결제를 마치지 못했어요"),
        ("", "결제를 마치지 못했어요"),
    ],
)
def test_the_fail_page_speaks_of_the_code_alone(app, page, log_in, user, buy, query, title):
    log_in(user)
    order_id = buy()["orderId"]

    shown = page(f"/passes/fail?{query.format(order=order_id)}")

    assert title in shown.text and "결제된 금액은 없어요" in shown.text
    assert "<script>alert" not in shown.html and "<b>x</b>" not in shown.html
    order = only_order(app)
    assert order.status is PassStatus.OPEN
    assert (order.reported_code is None) == ("{order}" not in query)


def test_a_pass_and_a_subscription_are_spoken_of_before_the_button(
    app, client, page, subscribed, pass_plan, buy
):
    shown = page(f"/passes/{pass_plan.slug}/checkout")
    before = shown.html[: shown.html.index('id="checkout-button"')]
    assert "이용권을 사도 구독은 멈추지 않고 따로 결제돼요" in before

    refused = client.post(
        f"/passes/{pass_plan.slug}/checkout",
        data={"quote": shown.value("quote"), "beside": "0", "purchase": "y"},
        headers={"Accept": "application/json"},
    )
    assert refused.status_code == 409
    assert only_told(app, buy)


def only_told(app, buy):
    buy()
    return only_order(app).told_of_subscription


def test_a_subscription_beside_a_pass_is_spoken_of_before_the_button(
    client, page, log_in, user, pay, plan
):
    log_in(user)
    client.get(pay())

    shown = page(f"/checkout/{plan.slug}")

    before = shown.html[: shown.html.index('id="checkout-button"')]
    assert "지금 구독하면 그 기간이 겹치고" in before


def test_the_next_pass_follows_the_first_and_a_third_has_to_wait(
    client, page, log_in, user, pay, pass_plan
):
    log_in(user)
    client.get(pay())
    assert "새 이용권은 이어서" in page(f"/passes/{pass_plan.slug}/checkout").text
    client.get(pay())

    assert "다음 이용권이 이미 있어요" in page(f"/passes/{pass_plan.slug}/checkout").text


def test_a_pass_is_given_back_for_what_the_page_says(
    app, client, page, log_in, user, pay, pass_gateway, gateway
):
    log_in(user)
    client.get(pay())
    location = f"/passes/orders/{only_order(app).id}"
    assert f"{location}/refund" in page(location).links
    shown = page(f"{location}/refund")
    assert "10,900원을 돌려받아요" in shown.text and "청약철회 기간" in shown.text

    answer = client.post(f"{location}/refund", data={"quote": shown.value("quote")})

    assert (answer.status_code, answer.location) == (303, location)
    assert "10,900원을 환불했어요" in page(location).text
    assert [cancel.amount_won for cancel in pass_gateway.cancels] == [10900]
    assert "이번 주의 글" not in page("/library").text
    assert (
        client.post(f"{location}/refund", data={"quote": shown.value("quote")}).status_code == 303
    )
    assert len(pass_gateway.cancels) == 1 and gateway.calls == []


def test_a_refund_of_another_amount_than_shown_moves_nothing(
    app, client, page, log_in, user, pay, pass_gateway
):
    log_in(user)
    client.get(pay())
    location = f"/passes/orders/{only_order(app).id}"
    quote = page(f"{location}/refund").value("quote")
    page("/library")

    answer = client.post(f"{location}/refund", data={"quote": quote})

    assert answer.status_code == 409
    assert "돌려받을 금액을 새로 계산했어요" in checked_page(answer).text
    assert pass_gateway.cancels == []


def test_the_other_pages_know_of_a_pass(app, client, page, log_in, user, pay):
    log_in(user)
    client.get(pay())
    order = only_order(app)

    for path in ("/subscription", "/passes"):
        assert f"/passes/orders/{order.id}" in page(path).links, path
    assert "한 달 이용권" in page("/payments").text
    with app.app_context():
        payment_id = db.session.scalars(select(Payment.id)).one()
    shown = page(f"/payments/{payment_id}")
    assert "10,900원, 한 번 결제" in shown.text and "이용권 보기" in shown.text
    assert "계약 내용 메일" in shown.text
    assert "한 달 이용권" in page("/payments/statement?from=2026-01-01&to=2026-01-31").text
    assert "이용 기간이 남은 이용권이 있어요" in close(client)


def close(client):
    answer = client.post(
        "/account/closure", data={"password": PASSWORD, "confirmed": "y", "understood": "y"}
    )
    return answer.get_data(as_text=True)


def test_where_there_is_no_contract_there_are_no_passes(app, client, page, log_in, user, pass_plan):
    app.extensions["pass_gateway"] = None
    log_in(user)

    for path in (
        "/passes",
        f"/passes/{pass_plan.slug}",
        f"/passes/{pass_plan.slug}/checkout",
        "/passes/success",
        "/passes/fail",
    ):
        assert client.get(path).status_code == 404, path
    for path in ("/", "/plans", "/library", "/subscription"):
        assert "/passes" not in page(path).links, path
    assert "passes" not in client.get("/sitemap.xml").get_data(as_text=True)


def test_what_was_bought_stays_to_be_seen_without_a_contract(app, client, page, log_in, user, pay):
    log_in(user)
    location = client.get(pay()).location
    app.extensions["pass_gateway"] = None

    assert "한 달 이용권" in page(location).text
    assert "이번 주의 글" in page("/library").text


def test_without_keys_a_refund_waits_for_them(app, client, page, log_in, user, pay, pass_gateway):
    log_in(user)
    location = client.get(pay()).location
    quote = page(f"{location}/refund").value("quote")
    app.extensions["pass_gateway"] = None

    answer = client.post(f"{location}/refund", data={"quote": quote})

    assert answer.status_code == 303
    assert "환불하고 있어요" in page(location).text
    ran = app.test_cli_runner().invoke(args=["billing", "run"])
    assert "refunds: open" in ran.output and "failed" not in ran.output
    app.extensions["pass_gateway"] = pass_gateway
    app.test_cli_runner().invoke(args=["billing", "run"])
    assert [cancel.amount_won for cancel in pass_gateway.cancels] == [10900]


def test_a_subscription_that_ends_anyway_is_spoken_of_too(client, page, subscribed, pass_plan):
    client.post("/subscription/cancellation", data={"kind": "period_end"})

    shown = page(f"/passes/{pass_plan.slug}/checkout").text

    assert "해지를 예약한 프리미엄 월간 구독을" in shown and "겹쳐요" in shown
    assert "따로 결제돼요" not in shown


def test_passes_and_plans_keep_to_their_own_addresses(client, page, log_in, user, plan, pass_plan):
    log_in(user)
    for path in (
        f"/plans/{pass_plan.slug}",
        f"/checkout/{pass_plan.slug}",
        f"/passes/{plan.slug}",
        f"/passes/{plan.slug}/checkout",
    ):
        assert client.get(path).status_code == 404, path
    assert pass_plan.name not in page("/plans").text
    assert plan.name not in page("/passes").text


def test_domestic_cards_may_pay_where_the_shop_says_so(app, page, log_in, user, pass_plan, buy):
    log_in(user)
    assert not page(f"/passes/{pass_plan.slug}/checkout").all("input", name="way")
    app.config["PASS_DOMESTIC_CARDS"] = True
    try:
        ways = page(f"/passes/{pass_plan.slug}/checkout").all("input", name="way")
        assert [way["value"] for way in ways] == ["foreign", "domestic"]
        assert buy(way="domestic")["card"] == {"language": "KO"}
        assert only_order(app).is_domestic
    finally:
        app.config["PASS_DOMESTIC_CARDS"] = False


def test_a_copy_of_the_shop_opens_no_window(
    app, client, page, log_in, user, pass_plan, monkeypatch
):
    log_in(user)
    shown = page(f"/passes/{pass_plan.slug}/checkout")
    monkeypatch.setattr(app.extensions["arming"], "may_act", lambda: False)

    answer = client.post(
        f"/passes/{pass_plan.slug}/checkout",
        data={"quote": shown.value("quote"), "beside": "0", "purchase": "y"},
        headers={"Accept": "application/json"},
    )

    assert answer.status_code == 503
    with app.app_context():
        assert db.session.scalars(select(PassOrder)).all() == []


def test_who_comes_back_during_maintenance_is_served(app, client, log_in, user, pay):
    log_in(user)
    address = pay()
    app.config["MAINTENANCE"] = "11월 28일 새벽 3시까지 점검해요."
    try:
        location = client.get(address).location
        assert client.get(location).status_code == 200
        assert client.get("/passes/fail").status_code == 200
        assert client.get("/passes").status_code == 503
    finally:
        app.config["MAINTENANCE"] = ""
    assert only_order(app).is_paid


@pytest.mark.parametrize("penalty", [0, 7])
def test_the_mails_of_a_pass_say_what_the_law_asks_and_when_it_ends(
    app, client, page, log_in, user, pay, at, now, penalty
):
    mailbox: Any = open_mailbox("memory:", "달빛서재 <help@dalbit.example>")
    app.extensions["mailbox"], before = mailbox, app.extensions["mailbox"]
    app.config["REFUND_PENALTY_PCT"] = penalty
    log_in(user)
    at(now)
    try:
        location = client.get(pay()).location
        app.test_cli_runner().invoke(args=["billing", "run", "--workers", "1"])
        at(now + timedelta(days=27))
        app.test_cli_runner().invoke(args=["billing", "run", "--workers", "1"])
        log_in(user)
        quote = page(f"{location}/refund").value("quote")
        client.post(f"{location}/refund", data={"quote": quote})
        app.test_cli_runner().invoke(args=["billing", "run", "--workers", "1"])
    finally:
        app.extensions["mailbox"] = before
        app.config["REFUND_PENALTY_PCT"] = 0

    contract, ending, ended, refunded = mailbox.mails
    assert contract.subject == "[달빛서재] 한 달 이용권 계약 내용을 알려드려요"
    for text in (contract.text, contract.html):
        for words in ("10,900원", "청약철회 (7일)", "2026. 11. 20. ~ 2026. 12. 19.", "미성년자"):
            assert words in text, words
        assert ("7%를 위약금으로 빼요" in text) == bool(penalty)
        assert "%%" not in text
    assert ending.subject == "[달빛서재] 2026년 12월 19일에 이용권이 끝나요"
    assert "결제되는 것은 없어요" in ending.text and "결제되는 것은 없어요" in ending.html
    assert ended.subject == "[달빛서재] 이용권을 끝냈어요"
    for text in (ended.text, ended.html):
        assert "중도 환불" in text and "727원" in text
    assert "환불" in refunded.subject


@pytest.mark.parametrize("prefix", ["/en", "/ja", "/zh"])
def test_every_page_of_a_pass_has_an_address_in_every_language(
    app, client, page, log_in, user, pay, pass_plan, prefix
):
    for path in ("/passes", f"/passes/{pass_plan.slug}", "/passes/fail?code=X"):
        page(prefix + path)
    log_in(user)
    client.get(prefix + pay())
    location = f"{prefix}/passes/orders/{only_order(app).id}"
    for path in (location, f"{location}/refund", f"{prefix}/passes/{pass_plan.slug}/checkout"):
        page(path)
    page(f"{prefix}/passes/success", status=400)
