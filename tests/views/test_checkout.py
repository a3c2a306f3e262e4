from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from gateways.payment import BillingKeyRejected, CardDeclined, RequestRejected
from models import Checkout, Consent, Quote, db
from models.checkout import CheckoutStatus

JSON = {"Accept": "application/json"}


@pytest.fixture
def shopper(log_in, user, plan):
    """A signed-in customer, with a plan on sale."""
    log_in(user)
    return user


def the(app, model):
    with app.app_context():
        return db.session.scalars(select(model)).one()


def none_of(app, model):
    with app.app_context():
        return db.session.scalars(select(model)).first() is None


def test_the_order_page_says_everything_before_the_button(page, shopper, at, now):
    at(now)

    text = page("/checkout/premium-monthly").text

    before = text[: text.index("카드 등록하고 시작하기")]
    for words in (
        "달빛서재 · 프리미엄 월간",
        "9,900원 (부가세 포함)",
        "정기결제",
        "결제일로부터 1개월 (2026. 11. 20. ~ 2026. 12. 19.)",
        "2026년 12월 20일에 9,900원",
        "매월 20일에 9,900원이 등록한 카드로 자동 결제",
        "국내에서 발급한 카드만",
        "환불·해지 규정",
        "해지",
        "미성년자",
        "김하나",
    ):
        assert words in before, words


def test_the_order_page_shows_amounts_from_a_stored_quote(app, page, shopper):
    shown = page("/checkout/premium-monthly")

    quote = the(app, Quote)
    assert str(quote.id) == shown.value("quote")
    assert quote.amount_won == 9900
    assert quote.expires_at - quote.created_at == timedelta(minutes=60)


def test_looking_again_shows_the_same_quote(app, page, shopper):
    page("/checkout/premium-monthly")
    page("/checkout/premium-monthly")
    the(app, Quote)


def test_no_consent_is_ticked_beforehand(page, shopper):
    boxes = page("/checkout/premium-monthly").all("input", type="checkbox")

    assert len(boxes) == 2
    assert not any("checked" in box for box in boxes)
    assert all("required" in box for box in boxes)


@pytest.mark.parametrize("prefix", ["/en", "/ja", "/zh"])
def test_what_is_agreed_to_is_kept_in_korean_whatever_the_page_speaks(
    app, client, page, shopper, at, now, prefix
):
    at(now)
    kept, htmls = {}, {}
    for here in ("", prefix):
        shown = page(f"{here}/checkout/premium-monthly")
        values = {"quote": shown.value("quote"), "purchase": "y", "recurring": "y"}
        client.post(f"{here}/checkout/premium-monthly", data=values, headers=JSON)
        with app.app_context():
            consents = Consent.of_user(shopper.id)[:2]
            kept[here] = {one.document: one.text for one in consents}
            htmls[here] = {one.document: one.policy_text.html for one in consents}

    assert kept[prefix] == kept[""]
    assert htmls[prefix] == htmls[""]
    for text in kept[prefix].values():
        assert f'<span lang="ko">{text}</span>' in shown.html


@pytest.mark.parametrize("missing", ["purchase", "recurring", "quote"])
def test_without_a_consent_no_window_opens(app, client, page, shopper, missing):
    quote = page("/checkout/premium-monthly").value("quote")
    values = {"quote": quote, "purchase": "y", "recurring": "y"}
    del values[missing]

    answer = client.post("/checkout/premium-monthly", data=values, headers=JSON)

    assert answer.status_code == 400
    assert "customerKey" not in answer.get_json()
    assert none_of(app, Checkout)


def test_the_window_gets_what_it_needs_and_nothing_else(app, shopper, order):
    window = order()

    checkout = the(app, Checkout)
    assert set(window) == {"customerKey", "customerName", "customerEmail", "successUrl", "failUrl"}
    assert window["customerKey"] == shopper.customer_key
    assert window["successUrl"] == f"http://127.0.0.1:8000/success?checkout={checkout.id}"
    assert window["failUrl"] == f"http://127.0.0.1:8000/fail?checkout={checkout.id}"


def test_consents_are_kept_word_for_word(app, shopper, order, at, now):
    at(now)
    order()

    with app.app_context():
        consents = db.session.scalars(select(Consent).order_by(Consent.id)).all()
        checkout_id = db.session.scalars(select(Checkout.id)).one()
    assert [consent.document for consent in consents] == ["purchase", "recurring"]
    assert "오늘 9,900원이 결제되고, 이후 매월 20일에" in consents[1].text
    assert all(len(consent.text_sha256) == 64 for consent in consents)
    assert all(consent.address == "127.0.0.1" for consent in consents)
    assert all(consent.checkout_id == checkout_id for consent in consents)


def test_another_customers_quote_is_refused(app, client, page, log_in, shopper, other_user):
    quote = page("/checkout/premium-monthly").value("quote")
    client.post("/logout")
    log_in(other_user)

    answer = client.post(
        "/checkout/premium-monthly",
        data={"quote": quote, "purchase": "y", "recurring": "y"},
        headers=JSON,
    )

    assert answer.status_code == 409
    assert none_of(app, Checkout)


def test_an_old_page_is_refused_and_shows_a_new_quote(app, client, page, shopper, at, now):
    at(now)
    quote = page("/checkout/premium-monthly").value("quote")
    at(now + timedelta(minutes=60))

    answer = client.post(
        "/checkout/premium-monthly", data={"quote": quote, "purchase": "y", "recurring": "y"}
    )
    assert answer.status_code == 400  # without scripts no window can open
    answer = client.post(
        "/checkout/premium-monthly",
        data={"quote": quote, "purchase": "y", "recurring": "y"},
        headers=JSON,
    )

    assert answer.status_code == 409
    assert answer.get_json()["reload"]
    assert page("/checkout/premium-monthly").value("quote") != quote


def test_only_the_order_page_lets_toss_in(client, shopper):
    ordered = client.get("/checkout/premium-monthly").headers["Content-Security-Policy"]
    other = client.get("/subscription").headers["Content-Security-Policy"]

    assert "https://*.tosspayments.com" in ordered
    assert "http://you-forgot-to-fake-toss" in ordered
    assert "toss" not in other
    assert "'unsafe-inline'" not in ordered.split("style-src")[0]


def test_coming_back_ends_on_a_page_that_survives_a_refresh(
    app, client, page, shopper, come_back, gateway
):
    answer = client.get(come_back())

    assert answer.status_code == 303
    assert "authKey" not in answer.location
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    for _ in range(2):
        text = page(answer.location).text
        for words in ("9,900원", "부가세 포함", "이용 기간", "다음 결제일", "매출전표", "해지"):
            assert words in text, words
    assert len(gateway.payments) == 1


def test_coming_back_five_times_makes_one_key_and_one_charge(client, shopper, come_back, gateway):
    address = come_back()

    answers = [client.get(address) for _ in range(5)]

    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.location for answer in answers}) == 1
    assert len(gateway.billing_keys) == len(gateway.payments) == 1


def test_coming_back_in_another_browser_asks_for_a_log_in_and_goes_on(
    app, client, page, log_in, shopper, come_back, gateway
):
    address = come_back()
    client.post("/logout")

    answer = client.get(address)
    asked = client.get(answer.location)

    assert answer.status_code == asked.status_code == 303
    assert asked.location.startswith("/login?")
    assert "authKey" not in asked.location
    assert "customerKey" not in asked.location
    assert len(gateway.payments) == 1
    log_in(shopper)
    assert "구독을 시작했어요" in page(answer.location).text


def bend(address, **changes):
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    query |= {name: value for name, value in changes.items() if value is not None}
    for name, value in changes.items():
        if value is None:
            del query[name]
    return parts.path, query


@pytest.mark.parametrize(
    "changes",
    [
        {"customerKey": "00000000-0000-4000-8000-000000000000"},
        {"customerKey": None},
        {"customerKey": "한글"},
        {"customerKey": "k" * 10_000},
        {"authKey": None},
        {"authKey": ""},
        {"authKey": "a" * 301},
        {"authKey": "a" * 10_000},
        {"checkout": None},
        {"checkout": "made-up"},
        {"checkout": "c" * 10_000},
        {"checkout": "\x00"},
    ],
)
def test_a_bent_address_is_told_so_and_reaches_nobody(
    app, client, shopper, come_back, gateway, changes
):
    path, query = bend(come_back(), **changes)

    answer = client.get(path, query_string=query)

    assert answer.status_code == 400
    assert "</html>" in answer.get_data(as_text=True)
    assert gateway.calls == []
    assert the(app, Checkout).status is CheckoutStatus.OPEN


def test_another_customers_checkout_is_not_finished(
    app, client, log_in, shopper, other_user, come_back, gateway
):
    address = come_back()
    client.post("/logout")
    log_in(other_user)

    assert client.get(address).status_code == 400
    assert gateway.calls == []


def test_a_made_up_auth_key_is_refused_in_words(app, client, page, shopper, come_back, gateway):
    path, query = bend(come_back(), authKey="made-up")

    answer = client.get(path, query_string=query)

    text = page(answer.location).text
    assert "결제된 금액은 없어요" in text
    assert "NOT_FOUND_BILLING" in text
    assert "02-000-0000" in text
    assert gateway.payments == []


def test_coming_back_after_an_hour_is_told_so(client, shopper, come_back, gateway, at, now):
    at(now)
    address = come_back()
    at(now + timedelta(minutes=60))
    answer = client.get(address)

    assert answer.status_code in (303, 400)
    assert gateway.calls == []


def test_another_customer_cannot_see_a_checkout(app, client, log_in, subscribed, other_user):
    checkout_id = the(app, Checkout).id
    client.post("/logout")
    log_in(other_user)

    assert client.get(f"/checkouts/{checkout_id}").status_code == 404
    assert client.get(f"/checkouts/{checkout_id}/state").status_code == 404


@pytest.mark.parametrize(
    ("operation", "error", "words"),
    [
        ("issue_billing_key", BillingKeyRejected("INVALID_CARD_EXPIRATION"), "유효기간"),
        ("issue_billing_key", RequestRejected("NOT_SUPPORTED_METHOD"), "저희 쪽 결제 설정"),
        ("charge", CardDeclined("REJECT_CARD_PAYMENT"), "한도를 넘었거나 잔액이 모자라요"),
        ("charge", BillingKeyRejected("INVALID_STOPPED_CARD"), "정지된 카드"),
        ("charge", CardDeclined("SOMETHING_NEW"), "카드사에서 승인하지 않았어요"),
        ("charge", RequestRejected("UNAUTHORIZED_KEY", key_pair=True), "저희 쪽 결제 설정"),
    ],
)
def test_each_refusal_says_what_happened_and_that_nothing_was_charged(
    client, page, shopper, come_back, gateway, operation, error, words
):
    address = come_back()
    gateway.fail_next(operation, error)

    text = page(client.get(address).location).text

    assert words in text
    assert "결제된 금액은 없어요" in text
    assert "02-000-0000" in text


def test_after_a_decline_another_card_will_do(client, page, shopper, come_back, gateway):
    address = come_back()
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    refused = page(client.get(address).location)
    assert "/checkout/premium-monthly" in refused.links

    assert "구독을 시작했어요" in page(client.get(come_back()).location).text
    assert len(gateway.payments) == 1


@pytest.mark.parametrize("operation", ["issue_billing_key", "charge"])
def test_a_lost_answer_shows_the_waiting_page(
    app, client, page, shopper, come_back, gateway, operation
):
    address = come_back()
    gateway.lose_next(operation)

    location = client.get(address).location
    waiting = page(location)

    assert "확인 중" in waiting.title
    assert "두 번 결제되지 않" in waiting.text
    state = client.get(location + "/state")
    assert state.get_json() == {"settled": False}
    assert client.get(address).location == location
    assert len(gateway.billing_keys) == 1
    assert len(gateway.payments) == 1


def test_a_customer_with_an_unsettled_payment_cannot_order_again(
    client, shopper, come_back, gateway
):
    address = come_back()
    gateway.lose_next("charge")
    client.get(address)

    assert client.get("/checkout/premium-monthly").location == "/subscription"


def test_a_subscriber_is_led_to_the_subscription(client, subscribed):
    assert client.get("/checkout/premium-monthly").location == "/subscription"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("PAY_PROCESS_CANCELED", "등록을 취소했어요"),
        ("PAY_PROCESS_ABORTED", "중간에 멈췄어요"),
        ("REJECT_CARD_COMPANY", "카드사에서 등록을 거절했어요"),
        ("NOT_SUPPORTED_METHOD", "지금은 카드를 등록할 수 없어요"),
        ("UNAUTHORIZED_KEY", "지금은 카드를 등록할 수 없어요"),
        ("ANYTHING_ELSE", "마치지 못했어요"),
        (None, "마치지 못했어요"),
        ("c" * 10_000, "마치지 못했어요"),
    ],
)
def test_the_fail_page_says_why_in_words(page, plan, code, words):
    text = page("/fail", query_string={"code": code} if code else {}).text

    assert words in text
    assert "결제된 금액은 없어요" in text
    assert "02-000-0000" in text


def test_a_script_in_the_message_stays_text(app, client, page, shopper, order):
    window = order()
    message = "<script>alert(1)</script>" + "m" * 10_000

    shown = page(
        urlsplit(window["failUrl"]).path,
        query_string={"checkout": the(app, Checkout).id, "code": "<b>X", "message": message},
    )

    assert "<script>alert" not in shown.html
    assert "<b>X" not in shown.html
    checkout = the(app, Checkout)
    assert checkout.reported_code == "<b>X"
    assert checkout.reported_message.startswith("<script>")
    assert len(checkout.reported_message) == 500
    assert checkout.failure_code is None


def test_a_strangers_message_is_not_repeated(page, plan):
    assert "전화하세요" not in page("/fail?code=X&message=1588-0000으로 전화하세요").text


def test_a_full_room_leaves_the_work_to_the_worker(
    app, client, page, shopper, come_back, gateway, monkeypatch
):
    address = come_back()
    monkeypatch.setattr(app.extensions["toss_room"], "run", lambda job: None)

    location = client.get(address).location

    assert "확인 중" in page(location).title
    assert gateway.calls == []
    with app.app_context():
        assert len(Checkout.unfinished(now=the(app, Checkout).created_at, limit=9)) == 1
