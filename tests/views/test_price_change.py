"""The customer's page of a higher price: everything the law wants said, and two equal answers."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

import timetable
from billing.offer_price import offer_price, withdraw_offer
from gateways.mail import open_mailbox
from models import Consent, Plan, PriceChange, PriceOffer, Subscription, db
from models.price_change import PriceChangeStatus
from rules.periods import Interval, seoul_instant

pytestmark = pytest.mark.slow

PATH = "/subscription/price-change"
ON = date(2026, 12, 20)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _today(at, now):
    at(now)


@pytest.fixture
def offered(app, subscribed, plan, merchant, now):
    """Offer the subscriber a dearer plan from the first renewal on; it may be answered today."""
    with app.app_context():
        dearer = Plan(
            product_id=plan.product_id,
            slug="premium-2027",
            name="프리미엄 월간 2027",
            summary="글",
            description="글",
            features="매주 새 글\n낭독 듣기",
            price_won=12_900,
            interval=Interval.MONTH,
        )
        db.session.add(dearer)
        db.session.flush()
        offer_price(
            from_plan=db.session.get_one(Plan, plan.id),
            to_plan=dearer,
            change_on=ON,
            reason="<b>종이값</b>이 올랐어요.",
            actor_id=merchant.id,
            now=now,
        )
    return subscribed


@pytest.fixture
def run(app, gateway):
    """Do all that is due at 9 in the morning of a day; return the mails."""

    def on(day, hour=9):
        gateway.now = seoul_instant(day, hour)
        mailbox: Any = open_mailbox("memory:", "shop <shop@example.com>")
        app.extensions["mailbox"] = mailbox
        summary = timetable.Run(app, time=lambda: gateway.now, workers=1).do(timetable.EVERYTHING)
        assert not summary.failed, summary.failed
        return mailbox.mails

    return on


@pytest.fixture
def answer(client, page):
    def post(what, **data):
        shown = page(PATH)
        values = {"quote": shown.value("quote"), "seen": shown.value("seen"), "answer": what}
        return client.post(PATH, data={**values, **data})

    return post


def status(app):
    with app.app_context():
        return db.session.scalars(select(PriceChange)).one().status


def consents(app):
    with app.app_context():
        query = select(Consent.text).filter_by(document="price_rise")
        return list(db.session.scalars(query))


def paid(gateway):
    return [payment.total_won for payment in gateway.payments]


def test_everything_the_law_wants_said_stands_above_two_equal_buttons(page, offered):
    shown = page(PATH)
    above = shown.text[: shown.text.index("동의하고 바뀐 가격으로 계속")]
    for words in (
        "바뀌는 날 2026년 12월 20일",
        "지금 금액 월 9,900원",
        "바뀐 금액 월 12,900원",
        "부가세 포함",
        "결제 수단 하나 94100012****789*",
        "동의하지 않으면",
        "답하지 않거나 이 화면을 닫아도 마찬가지예요",
        "2026년 12월 19일까지 동의할 수 있고",
        "동의를 철회할 수 있어요",
        "24시간 언제든 해지",
        "낸 기간이 끝날 때까지 이용하고 더 결제되지 않아요",
        "위약금은 없어요",
    ):
        assert words in above, words
    buttons = [one for one in shown.all("button") if one.get("name") == "answer"]
    assert [one["value"] for one in buttons] == ["agree", "keep"]
    assert buttons[0].get("class") == buttons[1].get("class")
    assert not [one for one in shown.all("input") if "checked" in one or one["type"] == "checkbox"]
    assert "&lt;b&gt;종이값" in shown.html and "<b>" not in shown.html


def test_a_yes_is_kept_word_for_word_and_charged_on_its_day(
    app, page, offered, answer, run, gateway
):
    words = re.search(r"동의하는 내용 (.*?읽었습니다\.)", page(PATH).text)
    given = answer("agree")

    assert (given.status_code, given.location) == (303, "/subscription")
    assert words is not None and consents(app) == [words[1]]
    for part in ("2026년 12월 20일부터", "월 9,900원에서", "월 12,900원(부가세 포함)", "매월 20일"):
        assert part in words[1]
    text = page("/subscription").text
    assert "2026년 12월 20일부터 결제 금액이 9,900원에서 12,900원 으로 바뀌어요" in text
    assert "2026년 12월 20일에 12,900원" in text
    assert "플랜 변경 취소" not in text
    assert words[1] in page("/account/consents").text
    [mail] = [one for one in run(ON - DAY) if "12,900원을 결제해요" in one.subject]
    assert "동의를 철회할 수 있어요" in mail.text
    run(ON)
    assert paid(gateway) == [9_900, 12_900]


def test_a_yes_on_an_english_page_is_kept_in_korean(app, client, page, offered):
    shown = page(f"/en{PATH}")
    values = {"quote": shown.value("quote"), "seen": shown.value("seen"), "answer": "agree"}
    client.post(f"/en{PATH}", data=values)

    with app.app_context():
        kept = db.session.scalars(select(Consent).filter_by(document="price_rise")).one()
    assert "2026년 12월 20일부터 월 9,900원에서 월 12,900원(부가세 포함)으로 오르고" in kept.text
    assert f'<span lang="ko">{kept.text}</span>' in shown.html
    assert "₩12,900 KRW" in shown.text
    assert f'<p lang="ko">“{kept.text}”</p>' in page(f"/en{PATH}").html


def test_a_yes_that_was_read_in_one_language_may_be_given_in_another(app, client, page, offered):
    shown = page(f"/ja{PATH}")
    values = {"quote": shown.value("quote"), "seen": shown.value("seen"), "answer": "agree"}

    assert client.post(PATH, data=values).status_code == 303


def test_the_payment_says_why_it_is_this_much(page, offered, answer, run):
    answer("agree")
    run(ON)
    [newest, _] = [link for link in page("/payments").links if re.fullmatch(r"/payments/\d+", link)]
    text = page(newest).text
    assert "프리미엄 월간 2027, 월 12,900원" in text
    assert "으로 오르고" in text


def test_a_no_is_remembered_and_nothing_asks_again(app, page, offered, answer, run, gateway):
    given = answer("keep")

    assert given.status_code == 303
    text = page("/subscription").text
    assert "다시 여쭤보지 않아요" in text
    assert "가격 변경 보기" not in text
    shown = page(PATH)
    assert "지금 가격 그대로 이용하기로 하셨어요" in shown.text
    assert not [one for one in shown.all("button") if one.get("name") == "answer"]
    mails = [mail for day in range(31) for mail in run(date(2026, 11, 20) + day * DAY)]
    assert not [mail for mail in mails if "가격" in mail.subject]
    assert paid(gateway) == [9_900, 9_900]


def test_a_yes_after_a_no_is_refused(app, client, page, offered, answer, run, gateway):
    shown = page(PATH)
    answer("keep")
    again = {"quote": shown.value("quote"), "seen": shown.value("seen"), "answer": "agree"}
    late = client.post(PATH, data=again)

    assert late.status_code == 409
    assert "지금 가격 그대로" in late.get_data(as_text=True)
    assert consents(app) == []


def test_a_yes_can_be_taken_back_on_the_same_page(app, client, page, offered, answer, run, gateway):
    answer("agree")
    shown = page(PATH)
    assert "동의하셨어요" in shown.text
    assert client.post(PATH, data={"answer": "keep"}).status_code == 303

    assert "동의를 철회했어요" in page("/subscription").text
    assert status(app) is PriceChangeStatus.WITHDRAWN
    subjects = [mail.subject for mail in run(ON - DAY)]
    assert "[달빛서재] 가격 변경 동의를 철회했어요" in subjects
    run(ON)
    assert paid(gateway) == [9_900, 9_900]


def test_the_request_goes_out_once_and_leads_to_the_page(page, offered, run, subscribed):
    mails = [mail for day in range(30) for mail in run(date(2026, 11, 20) + day * DAY)]
    [mail] = [one for one in mails if "동의 요청" in one.subject]

    assert mail.to == subscribed.email
    in_html = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", mail.html))
    for words in (
        "2026년 12월 20일",
        "월 9,900원",
        "월 12,900원",
        "하나 94100012****789*",
        "다시 여쭤보지 않아요",
        "철회할 수 있어요",
        "더 결제되지 않아요",
    ):
        assert words in mail.text and words in in_html, words
    assert PATH in mail.text and "/subscription/cancellation" in mail.text
    assert "&lt;b&gt;" in mail.html


def test_the_silent_are_told_nothing_more_and_pay_the_old_price(page, offered, run, gateway):
    assert "바꿔도 될지 여쭤요" in page("/subscription").text
    run(ON)
    run(ON + DAY)
    assert paid(gateway) == [9_900, 9_900]


def test_after_the_day_the_page_says_that_nothing_changed(page, offered, run, at, log_in):
    for day in (ON - 30 * DAY, ON, ON + DAY):
        run(day)
    at(seoul_instant(ON + DAY, 12))
    log_in(offered)
    assert "이 가격 변경은 끝났어요" in page(PATH).text
    assert "바꿔도 될지" not in page("/subscription").text


def test_on_the_day_a_yes_is_too_late(app, client, page, offered, at, log_in, run):
    run(ON - DAY)
    at(seoul_instant(ON) - timedelta(seconds=60))
    log_in(offered)
    shown = page(PATH)
    at(seoul_instant(ON))
    values = {"quote": shown.value("quote"), "seen": shown.value("seen"), "answer": "agree"}

    assert client.post(PATH, data=values).status_code == 409
    assert consents(app) == []
    assert "동의할 수 있는 기간이 지났어요" in page(PATH).text


@pytest.mark.parametrize("data", [{}, {"answer": ""}, {"answer": "maybe"}])
def test_no_answer_is_no_answer(app, client, page, offered, data):
    shown = page(PATH)
    values = {"quote": shown.value("quote"), "seen": shown.value("seen"), **data}
    refused = client.post(PATH, data=values)

    assert refused.status_code == 400
    assert "두 단추 가운데 하나" in refused.get_data(as_text=True)
    assert consents(app) == []


@pytest.mark.parametrize(
    "forged", [{"quote": ""}, {"quote": "999999"}, {"quote": str(2**31 - 1)}, {"seen": "x" * 64}]
)
def test_what_was_not_shown_is_not_agreed_to(app, offered, answer, forged):
    refused = answer("agree", **forged)

    assert refused.status_code == 409
    assert "다시 확인해 주세요" in refused.get_data(as_text=True)
    assert consents(app) == []


@pytest.mark.parametrize("quote", [str(2**31), "-1", "x"])
def test_a_number_that_is_none_is_refused(app, offered, answer, quote):
    assert answer("agree", quote=quote).status_code == 400
    assert consents(app) == []


def test_a_page_of_an_hour_ago_is_shown_anew(app, client, page, offered, at, now):
    shown = page(PATH)
    at(now + timedelta(minutes=61))
    values = {"quote": shown.value("quote"), "seen": shown.value("seen"), "answer": "agree"}
    refused = client.post(PATH, data=values)

    assert refused.status_code == 409
    assert "새로 불러왔어요" in refused.get_data(as_text=True)
    assert consents(app) == []


def test_before_its_days_there_is_no_page_and_a_forged_yes_is_void(
    app, client, page, offered, at, now
):
    with app.app_context():
        db.session.scalars(select(PriceOffer)).one().change_on = ON + DAY
        db.session.commit()
    assert client.get(PATH).location == "/subscription"
    assert "바꿔도 될지" not in page("/subscription").text
    for what in ("agree", "keep"):
        assert client.post(PATH, data={"answer": what, "quote": "1"}).status_code == 409
    assert consents(app) == []
    assert status(app) is PriceChangeStatus.WAITING


def test_another_customers_page_is_not_ones_own(app, client, page, offered, log_in, other_user):
    shown = page(PATH)
    client.post("/logout")
    log_in(other_user)

    assert client.get(PATH).location == "/subscription"
    values = {"quote": shown.value("quote"), "seen": shown.value("seen"), "answer": "agree"}
    assert client.post(PATH, data=values).status_code == 409
    assert consents(app) == []


def test_who_canceled_reads_that_nothing_is_asked(client, page, offered, answer):
    answer("agree")
    client.post("/subscription/cancellation", data={"kind": "period_end"})
    assert "해지를 예약하셔서" in page(PATH).text
    assert "바뀌어요" not in page("/subscription").text
    client.post("/subscription/resumption")
    assert "2026년 12월 20일에 9,900원" in page("/subscription").text


def test_an_offer_that_was_taken_back_is_told_and_void(
    app, client, page, offered, answer, merchant, now, run, gateway
):
    answer("agree")
    with app.app_context():
        offer_id = db.session.scalars(select(PriceOffer.id)).one()
        withdraw_offer(offer_id=offer_id, actor_id=merchant.id, now=now)
    assert "하지 않기로 했어요" in page(PATH).text
    subjects = [mail.subject for mail in run(date(2026, 11, 20), hour=12)]
    assert "[달빛서재] 가격을 바꾸지 않기로 했어요" in subjects
    run(ON)
    assert paid(gateway) == [9_900, 9_900]


def test_a_changed_card_is_shown_before_it_is_agreed_to(app, client, page, offered, answer):
    shown = page(PATH)
    with app.app_context():
        live = db.session.scalars(select(Subscription)).one()
        live.billing_key.card_number = "55555555****111*"
        db.session.commit()
    values = {"quote": shown.value("quote"), "seen": shown.value("seen"), "answer": "agree"}
    refused = client.post(PATH, data=values)

    assert refused.status_code == 409
    assert "55555555****111*" in refused.get_data(as_text=True)
    assert consents(app) == []


def test_without_an_offer_there_is_nothing_to_answer(client, page, subscribed):
    assert client.get(PATH).location == "/subscription"
    assert client.post(PATH, data={"answer": "agree"}).status_code == 409


def test_a_form_without_a_token_is_refused(app, client, offered):
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post(PATH, data={"answer": "agree"}).status_code == 400


def test_the_page_answers_at_three_in_the_morning(app, page, offered, answer, at, log_in):
    at(datetime(2026, 11, 21, 18, 0, tzinfo=UTC))
    assert answer("agree").status_code == 303
