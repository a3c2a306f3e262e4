"""The back office's price offers: reviewed before they are made, and taken back with a tick."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from billing.offer_price import offer_price
from models import AuditEntry, Consent, Plan, PriceChange, PriceOffer, db
from rules.periods import Interval

PATH = "/admin/price-offers"
ON = date(2026, 12, 20)


@pytest.fixture(autouse=True)
def _today(at, now):
    at(now)


@pytest.fixture
def dearer(app, plan):
    with app.app_context():
        found = Plan(
            product_id=plan.product_id,
            slug="premium-2027",
            name="프리미엄 월간 2027",
            summary="글",
            description="글",
            features="글",
            price_won=12_900,
            interval=Interval.MONTH,
        )
        db.session.add(found)
        db.session.commit()
        return found.id


@pytest.fixture
def office(client, subscribed, dearer, merchant, enter):
    """Sign the merchant in, with a customer who pays for the old plan."""
    client.post("/logout")
    enter(merchant)
    return merchant


@pytest.fixture
def values(plan, dearer):
    return {"from_plan": plan.id, "to_plan": dearer, "change_on": str(ON)}


@pytest.fixture
def make(client, values):
    def post(**others):
        data = {**values, "reason": "종이값이 올랐어요.", "confirmed": "y", **others}
        return client.post(PATH, data=data)

    return post


def offers(app):
    with app.app_context():
        return list(db.session.scalars(select(PriceOffer)))


def actions(app):
    with app.app_context():
        query = select(AuditEntry).where(AuditEntry.action.like("price_offer.%"))
        return [(one.action, one.actor_id, one.facts) for one in db.session.scalars(query)]


def test_the_menu_leads_to_the_offers(page, office):
    assert PATH in page("/admin").links
    shown = page(PATH)
    assert "아직 제안한 적이 없어요" in shown.text
    assert "프리미엄 월간 (월 9,900원), 구독자 1명" in shown.text
    assert shown.all("input", name="change_on")[0]["min"] == str(ON)


def test_what_it_means_and_what_customers_read_stands_before_the_button(page, office, values):
    query = "&".join(f"{name}={value}" for name, value in values.items())
    shown = page(f"{PATH}/new?{query}")
    for words in (
        "구독자 1명",
        "지금 금액 월 9,900원",
        "바뀐 금액 월 12,900원",
        "고객마다 2026년 12월 20일 부터 처음 오는 결제일",
        "빠르면 2026년 11월 20일",
        "끝나는 구독은 없고",
        "월 9,900원에서 월 12,900원(부가세 포함)으로 오르고",
    ):
        assert words in shown.text, words
    assert not [one for one in shown.all("input") if "checked" in one]


def test_an_offer_is_made_counted_and_noted(app, page, office, make):
    made = make()

    assert made.status_code == 303
    text = page(made.location).text
    for words in ("프리미엄 월간 2027", "12,900원", "종이값이 올랐어요.", "아직 묻지 않음 1명"):
        assert words in text, words
    [(action, actor, facts)] = actions(app)
    assert (action, actor) == ("price_offer.made", office.id)
    assert facts == {
        "from": "premium-monthly", "to": "premium-2027", "on": "2026-12-20", "subscriptions": 1,
    }  # fmt: skip
    assert made.location in page(PATH).links


def test_the_subscriptions_story_tells_the_answer_word_for_word(
    app, client, page, subscribed, plan, dearer, merchant, enter, now
):
    with app.app_context():
        offer_price(
            from_plan=db.session.get_one(Plan, plan.id),
            to_plan=db.session.get_one(Plan, dearer),
            change_on=ON,
            reason="글",
            actor_id=merchant.id,
            now=now,
        )
    shown = page("/subscription/price-change")
    data = {name: shown.value(name) for name in ("quote", "seen")}
    client.post("/subscription/price-change", data={**data, "answer": "agree"})
    with app.app_context():
        number = db.session.scalars(select(PriceChange.subscription_id)).one()
        text = db.session.scalars(select(Consent.text).filter_by(document="price_rise")).one()
    client.post("/logout")
    enter(merchant)

    told = page(f"/admin/subscriptions/{number}").text
    for words in ("가격 변경에 동의", "메일 “가격 변경 동의”", text):
        assert words in told, words


def test_a_second_offer_for_the_same_plan_is_refused_with_what_was_typed(app, office, make):
    make()
    again = make(reason="한 번 더 올려요.")

    assert again.status_code == 409
    told = again.get_data(as_text=True)
    assert "아직 진행 중이에요" in told and "한 번 더 올려요." in told
    assert len(offers(app)) == 1


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"reason": ""}, "이유를 입력해 주세요"),
        ({"reason": "  "}, "이유를 입력해 주세요"),
        ({"reason": "가" * 201}, "200자 이하"),
        ({"confirmed": ""}, "확인하고 표시해 주세요"),
        ({"from_plan": "99999999999999999999"}, "다시 골라 주세요"),
        ({"to_plan": "x"}, "다시 골라 주세요"),
        ({"change_on": "20일"}, "다시 골라 주세요"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_made(app, office, make, others, words):
    refused = make(**others)

    assert refused.status_code == 400
    assert words in refused.get_data(as_text=True)
    assert offers(app) == []


def test_what_was_typed_is_not_lost(office, make):
    assert "종이값이 올랐어요." in make(confirmed="").get_data(as_text=True)


@pytest.mark.parametrize(
    ("others", "status", "words"),
    [
        ({"change_on": "2026-12-19"}, 409, "30일 뒤에서 1년 뒤 사이"),
        ({"change_on": "2028-01-01"}, 409, "30일 뒤에서 1년 뒤 사이"),
        ({"change_on": "x"}, 400, "2026-12-20처럼"),
        ({"from_plan": "7777"}, 400, ""),
        ({"to_plan": str(2**40)}, 400, ""),
    ],
)
def test_the_review_refuses_what_cannot_be(client, office, values, others, status, words):
    shown = client.get(f"{PATH}/new", query_string={**values, **others})
    assert shown.status_code == status
    assert words in shown.get_data(as_text=True)


def test_the_same_plan_or_a_cheaper_one_is_no_offer(app, client, office, make, values, plan):
    refused = make(to_plan=plan.id)
    assert refused.status_code == 409
    assert "더 비싸야 해요" in refused.get_data(as_text=True)
    assert offers(app) == []


def test_an_offer_is_taken_back_with_a_tick(app, client, page, office, make):
    path = make().location
    without = client.post(f"{path}/withdrawal")
    assert without.status_code == 400
    assert not offers(app)[0].is_withdrawn

    answer = client.post(f"{path}/withdrawal", data={"confirmed": "y"})
    assert (answer.status_code, answer.location) == (303, path)
    shown = page(path)
    assert "철회했어요" in shown.text
    assert f"{path}/withdrawal" not in [form["action"] for form in shown.all("form")]
    assert [action for action, *_ in actions(app)] == ["price_offer.made", "price_offer.withdrawn"]
    assert client.post(f"{path}/withdrawal", data={"confirmed": "y"}).status_code == 409


@pytest.mark.parametrize("number", ["999", str(2**31), "99999999999999999999"])
def test_an_unknown_offer_does_not_exist(client, office, number):
    assert client.get(f"{PATH}/{number}").status_code == 404
    assert client.post(f"{PATH}/{number}/withdrawal", data={"confirmed": "y"}).status_code == 404


def test_a_reason_is_only_text(page, office, make):
    path = make(reason="<script>alert(1)</script>").location
    shown = page(path)
    assert "&lt;script&gt;" in shown.html and "<script>alert" not in shown.html


def test_the_forms_want_their_tokens(app, client, office, make):
    path = make().location
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post(PATH).status_code == 400
    assert client.post(f"{path}/withdrawal", data={"confirmed": "y"}).status_code == 400


def test_without_subscribers_there_is_nobody_to_ask(app, page, plan, dearer, merchant, enter, make):
    enter(merchant)
    assert "구독자가 있는 플랜이 없어요" in page(PATH).text
    refused = make()
    assert refused.status_code == 409
    assert "제안을 받을 구독자가 없어요" in refused.get_data(as_text=True)
    with app.app_context():
        assert db.session.scalars(select(PriceChange)).all() == []


def test_a_day_a_year_ahead_is_the_last(client, office, make, now):
    assert make(change_on=str(date(2026, 11, 20) + timedelta(days=366))).status_code == 303
