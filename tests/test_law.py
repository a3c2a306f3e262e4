"""What Korean law and Toss's review want to read on the pages, one test for each requirement.

Rows 58 to 60, about the policies, are in `tests/views/test_policies.py`.
"""

import hashlib
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

import config
import timetable
from billing.offer_price import offer_price
from gateways.mail import open_mailbox
from gateways.payment import CardDeclined
from models import (
    BillingKey,
    Checkout,
    Consent,
    Notice,
    Payment,
    Plan,
    Product,
    Quote,
    Subscription,
    User,
    db,
)
from models.base import InvalidTransition
from rules import business_number
from rules.periods import Interval, seoul_instant
from rules.refunds import RefundTerms

pytestmark = pytest.mark.slow

CORE_FACTS = [
    "주식회사 달빛서재",
    "문서연",
    "999-99-00005",
    "서울특별시 마포구 달빛로 12, 3층 301호",
    "02-000-0000",
]
STRANGERS_PAGES = [
    "/",
    "/plans",
    "/plans/premium-monthly",
    "/login",
    "/signup",
    "/password-reset",
    "/terms",
    "/privacy",
    "/refund-policy",
    "/contact",
    "/fail",
]
ORDER = "/checkout/premium-monthly"
BUTTON = "카드 등록하고 시작하기"
LIVE = {
    "TOSS_CLIENT_KEY": "live_ck_D5GePWvyJnrK0W0k6q8g",
    "TOSS_SECRET_KEY": "live_sk_zXLkKEypNArWmo50nX3l",
}


@pytest.fixture
def shopper(log_in, user, plan):
    log_in(user)
    return user


@pytest.fixture
def mails(app, at, now):
    """Send every notice that is due, and return the mails."""

    def send():
        sender = f"{app.config['SHOP_NAME']} <{app.config['BIZ_EMAIL']}>"
        mailbox: Any = open_mailbox("memory:", sender)
        app.extensions["mailbox"] = mailbox
        timetable.Run(app, time=lambda: now + timedelta(minutes=5), workers=1).do(
            [timetable.NOTICES]
        )
        return mailbox.mails

    return send


@pytest.fixture
def order_page(page, shopper):
    return page(ORDER)


def before_the_button(shown):
    return shown.text[: shown.text.index(BUTTON)]


def mistakes(**settings):
    with pytest.raises(config.ConfigError) as refused:
        config.load(settings, environ={}, env_file=None)
    return refused.value.mistakes


@pytest.mark.parametrize("path", STRANGERS_PAGES)
def test_row_01_the_five_core_facts_stand_in_the_footer(page, plan, path):
    footer = page(path).footer
    assert [fact for fact in CORE_FACTS if fact not in footer] == []


def test_row_02_the_mail_order_number_or_the_exemption_stands_in_the_footer(app, page):
    assert "제2026-서울마포-00000호" in page("/").footer
    assert any(
        "BIZ_MAILORDER" in mistake
        for mistake in mistakes(BIZ_MAILORDER_NO="", BIZ_MAILORDER_EXEMPT="")
    )
    assert any(
        "BIZ_MAILORDER" in mistake for mistake in mistakes(BIZ_MAILORDER_EXEMPT="간이과세자")
    )


def test_row_03_mail_hosting_and_privacy_officer_stand_in_the_footer(app, page):
    kept, app.config["BIZ_HOSTING"] = app.config["BIZ_HOSTING"], "주식회사 구름"
    try:
        footer = " ".join(page("/").footer.split())
    finally:
        app.config["BIZ_HOSTING"] = kept
    for words in (
        "이메일help@dalbit.example",
        "호스팅서비스 제공자주식회사 구름",
        "개인정보 보호책임자문서연 (privacy@dalbit.example)",
    ):
        assert words in footer, words


@pytest.mark.parametrize("path", ["/terms", "/privacy", "/refund-policy"])
def test_row_04_the_footer_leads_to_every_policy(page, path):
    assert path in page("/").links
    assert len(page(path).text) > 2000


def test_row_05_the_footer_leads_to_the_public_record_of_the_business(page):
    links = [link for link in page("/").links if "ftc.go.kr" in link]
    assert links == ["https://www.ftc.go.kr/bizCommPop.do?wrkr_no=9999900005"]


def test_row_06_the_footer_needs_no_script(client, plan):
    html = client.get("/").get_data(as_text=True)
    footer = html[html.index("<footer") :]
    assert all(fact in footer for fact in CORE_FACTS)
    assert "<script" not in footer


def test_row_07_the_footer_stands_on_order_result_and_error_pages(
    app, client, page, shopper, come_back
):
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.view_functions["home.show"], kept = _broken, app.view_functions["home.show"]
    try:
        shown = [page("/", status=500)]
    finally:
        app.view_functions["home.show"] = kept
        app.config["PROPAGATE_EXCEPTIONS"] = None
    shown += [
        page(ORDER),
        page("/fail"),
        page("/nowhere", status=404),
        page("/success", status=400),
    ]
    shown.append(page(client.get(come_back()).location))
    for each in shown:
        assert all(fact in each.footer for fact in CORE_FACTS), each.title


def _broken():
    raise RuntimeError("planted")


def test_row_08_the_business_number_is_checked_and_written_3_2_5(page):
    assert business_number.formatted("9999900005") == "999-99-00005"
    assert "999-99-00005" in page("/").footer
    for wrong in ("999-99-00006", "000-00-00000", "12345"):
        assert any("BIZ_NO" in mistake for mistake in mistakes(BIZ_NO=wrong)), wrong


def test_row_09_live_keys_refuse_the_demo_shops_facts():
    found = " ".join(mistakes(**LIVE))
    for name in config.FACTS:
        if config.DEFAULTS[name]:
            assert name in found, name


def test_row_10_the_demo_shop_sells_something_real(app, client):
    ran = app.test_cli_runner().invoke(args=["catalog", "load", "demo/catalog.toml"])
    assert ran.exit_code == 0, ran.output
    with app.app_context():
        plans = db.session.scalars(select(Plan)).all()
        assert len(plans) == 6
        for plan in plans:
            assert plan.price_won > 0
            assert len(plan.description) > 10
            assert not re.search("test|테스트|샘플|준비 ?중", plan.name + plan.description, re.I)
            kind = "passes" if plan.is_pass else "plans"
            shown = client.get(f"/{kind}/{plan.slug}").get_data(as_text=True)
            pictures = re.findall(r'<img src="(/static/pictures/[^"]+)"', shown)
            assert pictures, plan.slug
            for picture in pictures:
                with client.get(picture) as answer:
                    assert answer.status_code == 200, picture


def test_row_11_no_link_leads_nowhere_and_no_product_is_empty(client, page, subscribed):
    seen, waiting = set(), ["/"]
    while waiting:
        path = waiting.pop().split("#")[0]
        if path in seen or not path.startswith("/") or path.startswith("//"):
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code < 400, path
        if answer.status_code == 200 and answer.mimetype == "text/html":
            waiting += page(path).links
    assert {"/plans", "/terms", "/privacy", "/refund-policy", "/contact", "/payments"} <= seen


def test_row_11_a_product_without_a_plan_on_sale_is_not_shown(app, page, plan):
    with app.app_context():
        db.session.add(
            Product(slug="empty", name="빈 서가", description="아직 비어 있는 서가예요.")
        )
        db.session.commit()
    for path in ("/", "/plans"):
        assert "달빛서재" in page(path).text
        assert "빈 서가" not in page(path).text


@pytest.mark.parametrize("path", ["/", "/plans", "/plans/premium-monthly"])
def test_row_12_the_price_is_there_without_log_in(page, plan, path):
    assert "9,900원" in page(path).text


def test_row_13_the_price_is_one_from_the_list_to_the_charge(
    app, client, page, shopper, come_back, gateway
):
    for path in ("/plans", "/plans/premium-monthly", ORDER):
        assert re.findall(r"[\d,]+원", page(path).text).count("9,900원") >= 1
        assert set(re.findall(r"\d[\d,]*원", page(path).text)) == {"9,900원"}, path
    text = page(client.get(come_back()).location).text
    charged = [request.amount_won for operation, request in gateway.calls if operation == "charge"]
    assert charged == [9900]
    assert "9,900원" in text


@pytest.mark.parametrize("path", ["/", "/plans", "/plans/premium-monthly", ORDER])
def test_row_14_the_price_says_that_tax_is_in_it(page, shopper, path):
    text = page(path).text
    assert re.search(r"9,900원\W{0,3}부가세 포함", text), text


def test_row_15_the_service_period_is_named(app, client, page, shopper, come_back, mails, at, now):
    at(now)
    for path in ("/plans", "/plans/premium-monthly", ORDER):
        assert "결제일로부터 1개월" in page(path).text, path
    client.get(come_back())
    assert "결제일로부터 1개월" in mails()[0].text


def test_row_15_nothing_is_sold_for_more_than_twelve_months(app, plan):
    with app.app_context():
        long = Plan(slug="long", name="긴 플랜", summary="길게", description="길게", features="")
        long.interval, long.interval_count = Interval.MONTH, 13
        long.product_id, long.price_won = plan.product_id, 100_000
        db.session.add(long)
        with pytest.raises(IntegrityError):
            db.session.commit()
        db.session.rollback()


def test_row_16_cycle_and_next_charge_are_named(client, page, shopper, come_back, at, now):
    at(now)
    for path in ("/plans/premium-monthly", ORDER):
        text = page(path).text
        assert "매월 20일" in text, path
        assert "2026년 12월 20일" in text, path
    client.get(come_back())
    assert "다음 결제일 2026년 12월 20일에 9,900원" in page("/subscription").text
    assert "매월 20일 자동 결제" in page("/subscription").text


def test_row_17_the_charge_is_said_to_recur_before_the_button(page, order_page):
    before = before_the_button(order_page)
    assert "정기결제" in before and "자동 결제" in before
    text = page("/plans/premium-monthly").text
    assert "자동 결제" in text[: text.index("구독 시작하기")]


def test_row_18_leaving_is_explained_before_buying(page, order_page):
    for text in (before_the_button(order_page), page("/plans/premium-monthly").text):
        assert "내 구독에서 언제든" in text
    assert "/refund-policy" in page("/plans/premium-monthly").links
    assert "/refund-policy" in order_page.links


def test_row_19_the_refund_rule_stands_above_the_button(order_page):
    before = before_the_button(order_page)
    assert "7일 안에 이용하지 않았다면 전액" in before
    html = order_page.html
    assert html.index('href="/refund-policy"') < html.index('id="checkout-button"')


def test_row_20_both_consents_are_asked_for_and_unticked(app, client, order_page):
    boxes = order_page.all("input", type="checkbox")
    assert {box["name"] for box in boxes} == {"purchase", "recurring"}
    assert not any("checked" in box for box in boxes)
    for given in ("purchase", "recurring"):
        values = {"quote": order_page.value("quote"), given: "y"}
        answer = client.post(ORDER, data=values, headers={"Accept": "application/json"})
        assert answer.status_code == 400
    with app.app_context():
        assert db.session.scalars(select(Checkout)).all() == []


def test_row_21_marketing_is_apart_optional_and_unticked(page):
    boxes = {box["name"]: box for box in page("/signup").all("input", type="checkbox")}
    assert set(boxes) == {"age", "terms", "marketing"}
    assert "required" not in boxes["marketing"]
    assert not any("checked" in box for box in boxes.values())
    assert "[선택]" in page("/signup").text


def test_row_22_consents_are_kept_with_text_version_time_and_address(app, order_page, order, now):
    order()
    with app.app_context():
        for consent in db.session.scalars(select(Consent)):
            assert consent.user_id and consent.document and consent.text
            assert consent.version == app.config["TERMS_VERSION"]
            assert re.fullmatch("[0-9a-f]{64}", consent.text_sha256)
            assert consent.given_at.tzinfo is not None
            assert consent.address == "127.0.0.1"


def test_row_23_minors_are_told_that_they_may_cancel(page, order_page):
    for text in (before_the_button(order_page), page("/terms").text):
        assert re.search("미성년자[^.]{0,60}취소", text)


def test_row_24_nobody_under_14_signs_up(app, client):
    values = {"email": "young@example.com", "name": "어린이", "password": "moonlight-reader-1120"}
    assert client.post("/signup", data={**values, "terms": "y"}).status_code == 400
    with app.app_context():
        assert db.session.scalars(select(User)).all() == []
    assert "만 14세 이상" in client.get("/signup").get_data(as_text=True)


def test_row_25_the_order_can_be_reviewed_and_changed(order_page):
    before = before_the_button(order_page)
    for words in ("달빛서재 · 프리미엄 월간", "9,900원", "결제일로부터 1개월", "결제 카드"):
        assert words in before, words
    assert "/plans" in order_page.links
    assert "다른 플랜 고르기" in before


def test_row_26_the_order_page_loads_toss_script_with_a_client_key_only(app, order_page, order):
    scripts = [script["src"] for script in order_page.all("script")]
    assert app.config["TOSS_SDK_URL"] in scripts
    keys = re.findall(r"(?:test|live)_g?[cs]k_\w+", order_page.html)
    assert keys == [app.config["TOSS_CLIENT_KEY"]]
    window = order()
    assert "/success?" in window["successUrl"] and "/fail?" in window["failUrl"]


@pytest.mark.parametrize("path", [*STRANGERS_PAGES, ORDER, "/subscription", "/account"])
def test_row_27_no_secret_key_is_on_a_page(app, client, log_in, user, plan, path):
    if path not in STRANGERS_PAGES:
        log_in(user)
    html = client.get(path).get_data(as_text=True)
    assert "</html>" in html
    assert not re.search(r"(test|live)_g?sk_", html)
    assert app.config["TOSS_SECRET_KEY"] not in html


def test_row_28_the_customer_key_is_random_and_compared(app, client, shopper, come_back, gateway):
    assert UUID(shopper.customer_key).version == 4
    address = come_back()
    stranger = "00000000-0000-4000-8000-000000000000"
    assert client.get(address.replace(shopper.customer_key, stranger)).status_code == 400
    assert gateway.payments == []


def test_row_29_the_result_page_confirms_the_contract(page, client, shopper, come_back, at, now):
    at(now)
    shown = page(client.get(come_back()).location)
    for words in ("9,900원", "****", "2026. 11. 20. ~ 2026. 12. 19.", "2026년 12월 20일"):
        assert words in shown.text, words
    assert "/subscription" in shown.links and "해지" in shown.text
    assert "매출전표 보기" in shown.text


def test_row_30_the_fail_page_explains_and_escapes(page, shopper, order):
    fail = order()["failUrl"].removeprefix("http://127.0.0.1:8000")
    script = "%3Cscript%3Ealert(1)%3C/script%3E"
    shown = page(f"{fail}&code=REJECT_CARD_COMPANY&message={script}")
    assert "결제된 금액은 없어요" in shown.text
    assert ORDER in shown.links
    assert "02-000-0000" in shown.text[: -len(shown.footer)]
    assert "&lt;script&gt;alert(1)" in shown.html
    assert "<script>alert" not in shown.html


CONTRACT = [
    "주식회사 달빛서재",
    "문서연",
    "999-99-00005",
    "제2026-서울마포-00000호",
    "02-000-0000",
    "help@dalbit.example",
    "달빛서재 · 프리미엄 월간",
    "9,900원",
    "부가세 포함",
    "정기결제",
    "결제일로부터 1개월",
    "제공 시점",
    "2026년 12월 20일",
    "청약철회",
    "7일",
    "일반해지",
    "중도해지",
    "교환·반품",
    "피해 보상",
    "1372",
    "미성년자",
    "에스크로",
    "/terms",
    "/refund-policy",
]


def test_row_31_the_contract_goes_out_by_mail_whole(client, shopper, come_back, mails, at, now):
    at(now)
    client.get(come_back())
    sent = mails()
    assert [mail.to for mail in sent] == [shopper.email]
    assert [words for words in CONTRACT if words not in sent[0].text] == []
    in_html = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", sent[0].html))
    missing = [words for words in CONTRACT[:-2] if words not in in_html]
    assert missing == []
    assert "/terms" in sent[0].html and "/refund-policy" in sent[0].html


def test_row_31_no_contract_goes_out_without_a_payment(client, shopper, come_back, mails, gateway):
    address = come_back()
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    client.get(address)
    assert mails() == []


def test_row_32_my_subscription_shows_all_of_it(app, client, page, log_in, subscribed, other_user):
    text = page("/subscription").text
    for words in ("프리미엄 월간", "이용 중", "월 9,900원", "다음 결제일", "****", "결제 내역"):
        assert words in text, words
    assert re.search(r"결제 카드 \S+ [\d*]{10,}", text), text
    with app.app_context():
        payment_id = db.session.scalars(select(Payment.id)).one()
    assert f"/payments/{payment_id}" in page("/subscription").links
    client.post("/logout")
    log_in(other_user)
    page(f"/payments/{payment_id}", status=404)


CANCELLATION = "/subscription/cancellation"


@pytest.fixture
def member(at, now, request):
    """Return a customer with a paid subscription, on 20 November 2026."""
    at(now)
    return request.getfixturevalue("subscribed")


def leave(client, page, kind):
    """Leave by the page, as a customer does: one GET, one POST."""
    shown = page(CANCELLATION)
    return client.post(CANCELLATION, data={"kind": kind, "quote": shown.value("quote")})


def test_row_33_leaving_is_one_click_from_my_page_and_two_screens(client, page, member):
    mine = page("/subscription")
    assert CANCELLATION in mine.links

    steps = [page(CANCELLATION), leave(client, page, "period_end")]

    assert len(steps) <= 2
    assert steps[-1].location == "/subscription"


def test_row_34_both_ways_stand_side_by_side_with_what_comes_back(page, member):
    shown = page(CANCELLATION)
    both = shown.all("input", name="kind")

    assert [one["value"] for one in both] == ["period_end", "now"]
    assert not any("checked" in one for one in both)
    assert "지금 해지하고 9,900원 환불" in shown.text
    assert "2026년 12월 19일까지 이용" in shown.text
    assert "돌려받을 금액 9,900원" in shown.text


def test_row_35_the_two_ways_look_alike(page, member):
    shown = page(CANCELLATION)
    labels = {
        shown.all("label", for_=one["id"])[0]["class"] for one in shown.all("input", name="kind")
    }

    assert labels == {"choice"}


def test_row_36_leaving_needs_no_phone_and_no_opening_hours(client, page, member, at):
    at(datetime(2026, 11, 21, 18, 0, tzinfo=UTC))  # 03:00 on Sunday in Seoul
    shown = page(CANCELLATION)

    assert "전화" not in shown.text.replace(shown.footer, "").partition("사업자등록번호")[0]
    assert leave(client, page, "now").status_code == 303


def test_row_37_nothing_stands_between_the_button_and_the_result(client, page, member):
    answer = leave(client, page, "period_end")

    assert (answer.status_code, answer.location) == (303, "/subscription")
    assert not page("/subscription").all("dialog")


def test_row_38_one_who_leaves_later_is_not_charged_and_reads_to_the_end(
    app, client, page, member, gateway, at
):
    leave(client, page, "period_end")
    last_moment, end = seoul_instant(date(2026, 12, 19), 23), seoul_instant(date(2026, 12, 20), 9)
    with app.app_context():
        subscription = Subscription.latest_for(member.id)
        assert subscription.grants_access(last_moment, grace_days=7)
        assert not subscription.grants_access(end, grace_days=7)

    timetable.Run(app, time=lambda: end, workers=1).do(timetable.EVERYTHING)

    assert len(gateway.payments) == 1


def test_row_39_one_who_leaves_now_gets_the_shown_won_back_once(
    app, client, page, member, gateway, at, mails
):
    mails()
    at(datetime(2026, 11, 29, 2, 0, tzinfo=UTC))
    shown = page(CANCELLATION)
    data = {"kind": "now", "quote": shown.value("quote")}

    first = client.post(CANCELLATION, data=data)
    second = client.post(CANCELLATION, data=data)

    assert "지금 해지하고 6,930원 환불" not in shown.text
    assert "지금 해지하고 6,600원 환불" in shown.text
    assert (first.status_code, second.status_code) == (303, 303)
    assert [cancel.amount_won for cancel in gateway.cancels] == [6600]
    assert "6,600원을 환불했어요" in page("/subscription").text
    with app.app_context():
        subscription = Subscription.latest_for(member.id)
        assert subscription.is_ended
        assert not subscription.billing_key.is_active
    timetable.Run(app, time=lambda: datetime(2026, 11, 29, 3, tzinfo=UTC), workers=1).do(
        timetable.EVERYTHING
    )
    assert gateway.billing_keys[0].is_deleted
    kinds = {mail.subject for mail in mails()}
    assert not kinds, "the mails left with the run"


def test_row_40_a_scheduled_end_can_be_undone(app, client, page, member):
    leave(client, page, "period_end")
    assert client.post("/subscription/resumption").status_code == 303

    with app.app_context():
        subscription = Subscription.latest_for(member.id)
        assert subscription.is_active and not subscription.is_canceling
        assert subscription.next_charge_on == date(2026, 12, 20)


@pytest.mark.parametrize(
    ("day", "shown"),
    [(27, "지금 해지하고 9,900원 환불"), (28, "지금 해지하고 6,930원 환불")],
)
def test_row_41_the_seventh_day_in_seoul_is_the_last_to_withdraw(
    page, member, mails, at, day, shown
):
    mails()
    at(seoul_instant(date(2026, 11, day)))

    assert shown in page(CANCELLATION).text


def test_row_42_each_renewal_can_be_withdrawn_from(app, page, member, gateway, mails, at, log_in):
    mails()
    due = seoul_instant(date(2026, 12, 20), 9)
    gateway.now = due
    timetable.Run(app, time=lambda: due, workers=1).do(timetable.EVERYTHING)
    at(due + timedelta(days=3))
    log_in(member)

    assert "지금 해지하고 9,900원 환불" in page(CANCELLATION).text


def test_row_43_no_penalty_above_the_cap_and_none_within_the_days_of_withdrawal(
    app, client, page, member, mails, at, monkeypatch
):
    assert any("REFUND_PENALTY_PCT" in text for text in mistakes(REFUND_PENALTY_PCT="11"))
    mails()
    monkeypatch.setitem(app.extensions, "refund_terms", RefundTerms(penalty_percent=10))
    client.get("/library")

    at(datetime(2026, 11, 27, 2, 0, tzinfo=UTC))
    assert "지금 해지하고 7,260원 환불" in page(CANCELLATION).text
    at(datetime(2026, 11, 29, 2, 0, tzinfo=UTC))
    assert "지금 해지하고 5,940원 환불" in page(CANCELLATION).text


def renew_on(app, gateway, day):
    """Do all that is due on a day."""
    at = seoul_instant(day, 9)
    gateway.now = at
    timetable.Run(app, time=lambda: at, workers=1).do(timetable.EVERYTHING)


@pytest.fixture
def dearer(app, plan):
    """Put a dearer plan for the same thing on sale."""
    with app.app_context():
        found = Plan(product_id=plan.product_id, slug="premium-2027", name="프리미엄 월간 2027",
                     summary="글", description="글", features="글", price_won=12_900,
                     interval=Interval.MONTH)  # fmt: skip
        db.session.add(found)
        db.session.commit()
        return found.id


@pytest.fixture
def offered(app, member, plan, dearer, merchant, now):
    """Offer it to the member, from the renewal of 20 December on."""
    with app.app_context():
        offer_price(
            from_plan=db.session.get_one(Plan, plan.id),
            to_plan=db.session.get_one(Plan, dearer),
            change_on=date(2026, 12, 20),
            reason="종이값이 올랐어요.",
            actor_id=merchant.id,
            now=now,
        )
    return member


PRICE_CHANGE = "/subscription/price-change"


def answer_price(client, page, what):
    """Answer as a customer does: one GET, one button."""
    shown = page(PRICE_CHANGE)
    values = {"quote": shown.value("quote"), "seen": shown.value("seen"), "answer": what}
    assert client.post(PRICE_CHANGE, data=values).status_code == 303


def test_row_45_a_price_never_changes(app, member, gateway):
    """A dearer plan is another plan, and wants a consent of its own."""
    with app.app_context():
        old = db.session.scalars(select(Plan)).one()
        old.retired_at = datetime(2026, 11, 21, tzinfo=UTC)
        db.session.commit()
        old.price_won = 12_900
        with pytest.raises(InvalidTransition):
            db.session.commit()
        db.session.rollback()

    renew_on(app, gateway, date(2026, 12, 20))

    assert [paid.total_won for paid in gateway.payments] == [9900, 9900]


@pytest.mark.parametrize("answer", [None, "keep"])
def test_row_45_without_a_yes_the_old_price_goes_on(
    app, client, page, offered, gateway, log_in, answer
):
    if answer:
        answer_price(client, page, answer)
    for day in range(1, 31):
        renew_on(app, gateway, date(2026, 11, 20) + timedelta(days=day))

    assert [paid.total_won for paid in gateway.payments] == [9900, 9900]
    with app.app_context():
        live = Subscription.latest_for(offered.id)
        assert live.is_active and live.plan.slug == "premium-monthly"
        asked = db.session.scalars(select(Notice).filter_by(kind="price_asked")).all()
        assert len(asked) == (0 if answer else 1)


@pytest.mark.parametrize(
    ("days_before", "charged"), [(31, 9900), (30, 12_900), (1, 12_900), (0, 9900)]
)
def test_row_45_a_yes_counts_only_inside_the_thirty_days(
    app, client, page, offered, gateway, days_before, charged
):
    """The books are changed to hold a consent of each day: the charge itself judges it."""
    answer_price(client, page, "agree")
    day = date(2026, 12, 20)
    with app.app_context():
        consent = db.session.scalars(select(Consent).filter_by(document="price_rise")).one()
        last_moment = seoul_instant(day - timedelta(days=days_before - 1)) - timedelta(seconds=1)
        consent.given_at = last_moment
        db.session.commit()

    renew_on(app, gateway, day)

    assert [paid.total_won for paid in gateway.payments] == [9900, charged]


@pytest.mark.parametrize(("moment", "status"), [(-1, 303), (0, 409)])
def test_row_45_the_last_moment_is_the_midnight_before(
    app, client, page, offered, gateway, at, log_in, moment, status
):
    change_at = seoul_instant(date(2026, 12, 20))
    at(change_at - timedelta(seconds=60))
    log_in(offered)
    shown = page(PRICE_CHANGE)
    values = {"quote": shown.value("quote"), "seen": shown.value("seen"), "answer": "agree"}
    at(change_at + timedelta(seconds=moment))

    assert client.post(PRICE_CHANGE, data=values).status_code == status
    renew_on(app, gateway, date(2026, 12, 20))
    charged = 12_900 if status == 303 else 9900
    assert [paid.total_won for paid in gateway.payments] == [9900, charged]


def test_row_45_the_page_says_all_and_its_two_buttons_are_alike(page, offered):
    shown = page(PRICE_CHANGE)
    for words in (
        "2026년 12월 20일",
        "월 9,900원",
        "월 12,900원",
        "결제 수단",
        "구독 해지",
        "더 결제되지 않아요",
    ):
        assert words in shown.text, words
    buttons = [one for one in shown.all("button") if one.get("name") == "answer"]
    assert {one.get("class") for one in buttons} == {None} and len(buttons) == 2
    assert not [one for one in shown.all("input") if "checked" in one]


def test_row_45_the_yes_is_kept_with_its_quote_time_and_address(app, client, page, offered, now):
    answer_price(client, page, "agree")
    with app.app_context():
        kept = db.session.scalars(select(Consent).filter_by(document="price_rise")).one()
        assert "9,900원에서 월 12,900원(부가세 포함)으로 오르고" in kept.text
        assert kept.text_sha256 == hashlib.sha256(kept.text.encode()).hexdigest()
        assert (kept.given_at, kept.address) == (now, "127.0.0.1")
        assert db.session.get_one(Quote, kept.quote_id).amount_won == 12_900


def test_row_46_nothing_free_turns_into_something_paid(app, plan):
    with app.app_context():
        free = Plan(product_id=plan.product_id, slug="trial", name="체험", summary="글",
                    description="글", features="글", price_won=0,
                    interval=Interval.MONTH)  # fmt: skip
        db.session.add(free)
        with pytest.raises(IntegrityError):
            db.session.commit()
        db.session.rollback()


def test_row_47_a_period_is_charged_once_however_often_the_run_runs(app, member, gateway):
    for _ in range(3):
        renew_on(app, gateway, date(2026, 12, 20))

    charges = [request for name, request in gateway.calls if name == "charge"]
    assert len(charges) == 2
    assert len({request.order_id for request in charges}) == 2


def test_row_48_a_failed_renewal_is_retried_told_and_ended_after_the_grace(app, member, gateway):
    first = date(2026, 12, 20)
    for _ in range(9):
        gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    tried = []
    for day in range(10):
        before = len(gateway.calls)
        renew_on(app, gateway, first + timedelta(days=day))
        if any(name == "charge" for name, _ in gateway.calls[before:]):
            tried.append(day)

    assert tried == [0, 1, 3, 5]
    with app.app_context():
        assert Subscription.latest_for(member.id).is_ended
        failed = select(Notice).filter_by(kind="renewal_failed")
        assert len(db.session.scalars(failed).all()) == 4
    assert len(gateway.payments) == 1


def test_row_49_a_reviewer_gets_in_by_mail_and_password(app, client, plan):
    account = ["--role", "reviewer", "--email", "review@example.com", "--name", "심사"]
    ran = app.test_cli_runner().invoke(
        args=["users", "create", *account, "--password-stdin"], input="reviewer-pass-1120\n"
    )
    assert ran.exit_code == 0, ran.output
    values = {"email": "review@example.com", "password": "reviewer-pass-1120"}
    assert client.post("/login", data=values).status_code == 303
    assert client.get(ORDER).status_code == 200


def test_row_50_passwords_are_kept_one_way(app, client):
    values = {"email": "new@example.com", "name": "새", "password": "moonlight-reader-1120"}
    client.post("/signup", data={**values, "age": "y", "terms": "y"})
    with app.app_context():
        kept = db.session.scalars(select(User.password_hash)).one()
    assert kept.startswith("$argon2id$")
    assert values["password"] not in kept


def test_row_51_no_card_number_is_kept_and_no_billing_key_shown(
    app, client, page, subscribed, gateway, caplog
):
    columns = {
        f"{table.name}.{column.name}" for table in db.metadata.sorted_tables for column in table.c
    }
    assert not [name for name in columns if re.search("cvc|cvv|pan$|expiry_(month|year)", name)]
    key = gateway.billing_keys[0].billing_key
    with app.app_context():
        kept = db.session.scalars(select(BillingKey)).one()
        assert key not in (kept.ciphertext, kept.fingerprint)
    for path in ("/subscription", "/payments", "/account"):
        assert key not in page(path).html
    assert key not in caplog.text


def test_row_52_cards_are_shown_masked_only(page, subscribed):
    for path in ("/subscription", "/payments"):
        html = page(path).html
        assert not re.search(r"\b\d{13,19}\b", html), path
    assert re.search(r"\d{4,8}\*{3,}\d*\*?", page("/subscription").text)


def test_row_55_log_in_is_throttled_and_forms_are_guarded(app, client, plan):
    values = {"email": "who@example.com", "password": "wrong-password-1"}
    answers = [client.post("/login", data=values).status_code for _ in range(12)]
    assert answers[-1] == 429
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post("/signup", data={}).status_code == 400
    cookie = client.get("/signup").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert "default-src 'none'" in client.get("/").headers["Content-Security-Policy"]


def test_row_56_language_labels_and_errors(client, page, plan):
    assert page("/").all("html", lang="ko")
    assert page("/").all("a", class_="skip", href="#main")
    shown = page("/signup")
    labels = {label["for"] for label in shown.all("label")}
    inputs = [each for each in shown.all("input") if each.get("type") != "hidden"]
    assert {each["id"] for each in inputs} <= labels
    wrong = client.post("/signup", data={"email": "no"}).get_data(as_text=True)
    assert 'role="alert"' in wrong and 'aria-invalid="true"' in wrong


PAIRS = [
    (ink, back)
    for back in ("paper", "surface", "sunk")
    for ink in ("ink", "soft", "accent", "good", "bad", "warn")
] + [
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-moon", "moon"),
    ("on-night", "night"),
    ("moon", "night"),
    ("ink", "tint"),
    ("accent", "tint"),
    ("good", "good-tint"),
    ("warn", "warn-tint"),
    ("bad", "bad-tint"),
    ("surface", "bad"),
]
SHAPES = [("edge", "paper"), ("edge", "surface"), ("focus", "paper"), ("focus", "surface")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_row_57_every_pair_of_colours_can_be_read(scheme):
    tokens = _tokens()[scheme]
    for ink, back in PAIRS:
        assert _contrast(tokens[ink], tokens[back]) >= 4.5, (scheme, ink, back)
    for shape, back in SHAPES:
        assert _contrast(tokens[shape], tokens[back]) >= 3, (scheme, shape, back)


def _tokens():
    css = (config.ROOT / "static" / "site.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\n *\}", css, re.S)[:2]
    pattern = r"--([\w-]+): (#[0-9a-f]{6})"
    found = dict(re.findall(pattern, light))
    return {"light": found, "dark": {**found, **dict(re.findall(pattern, dark))}}


def _contrast(one, other):
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
