"""The pages of changing plan: both amounts before the button, and the way back."""

import pytest
from sqlalchemy import select

from gateways.payment import CardDeclined
from models import Consent, Plan, Product, Subscription, db
from rules.periods import Interval

PATH = "/subscription/plan"


@pytest.fixture(autouse=True)
def _today(at, now):
    at(now)


@pytest.fixture
def others(app, subscribed):
    """Put a dearer and a cheaper plan on sale."""
    with app.app_context():
        product = db.session.scalars(select(Product)).one()
        for slug, name, won, interval in [
            ("premium-yearly", "프리미엄 연간", 99_000, Interval.YEAR),
            ("basic-monthly", "베이직 월간", 4_900, Interval.MONTH),
        ]:
            db.session.add(
                Plan(
                    product_id=product.id,
                    slug=slug,
                    name=name,
                    summary="글",
                    description="글",
                    features="글",
                    price_won=won,
                    interval=interval,
                )
            )
        db.session.commit()


@pytest.fixture
def change(client, page, others):
    def post(slug, **data):
        shown = page(f"{PATH}?to={slug}")
        data = {"quote": shown.value("quote"), "recurring": "y", **data}
        return client.post(f"{PATH}?to={slug}", data=data)

    return post


def test_my_subscription_leads_to_the_plans_that_one_can_change_to(page, others):
    assert PATH in page("/subscription").links
    shown = page(PATH)
    assert f"{PATH}?to=premium-yearly" in shown.links
    assert f"{PATH}?to=premium-monthly" not in shown.links
    assert "오늘부터 바뀌어요" in shown.text
    assert "2026년 12월 20일부터 바뀌어요" in shown.text


def test_both_amounts_and_the_next_charges_stand_before_the_button(page, others):
    text = page(f"{PATH}?to=premium-yearly").text

    for words in (
        "오늘 결제할 금액 99,000원",
        "돌려받을 금액 9,900원",
        "2027년 11월 20일에 99,000원",
        "매년 11월 20일 자동 결제",
    ):
        assert words in text.rpartition("플랜 변경")[0], words


def test_changing_today_charges_and_gives_back(change, page, gateway, client):
    answer = change("premium-yearly")

    assert answer.status_code == 303
    text = page(answer.location).text
    assert "플랜을 바꿨어요" in text
    assert "99,000원" in text
    assert "프리미엄 연간" in page("/subscription").text
    assert [paid.total_won for paid in gateway.payments] == [9900, 99_000]


def test_a_declined_card_keeps_the_plan_and_says_so(change, page, gateway):
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    answer = change("premium-yearly")

    text = page(answer.location).text
    assert "플랜을 바꾸지 못했어요" in text
    assert "지금 플랜을 그대로 이용해요" in text
    assert "프리미엄 월간" in page("/subscription").text


def test_a_later_change_is_shown_and_can_be_undone(change, page, client):
    answer = change("basic-monthly")
    assert answer.location == "/subscription"
    text = page("/subscription").text
    assert "2026년 12월 20일부터 베이직 월간 으로 바뀌고, 그날 4,900원이 결제돼요" in text

    assert client.post(f"{PATH}/cancellation").status_code == 303
    assert "베이직 월간" not in page("/subscription").text.replace("플랜 변경을 취소", "")


def test_without_the_consent_nothing_changes(app, change, gateway):
    answer = change("premium-yearly", recurring="")

    assert answer.status_code == 400
    assert len(gateway.payments) == 1


def test_the_consent_is_kept_word_for_word(app, change):
    change("premium-yearly")

    with app.app_context():
        kept = db.session.scalars(select(Consent).filter_by(document="plan_change")).one()
        assert "오늘 99,000원이 결제되고" in kept.text


@pytest.mark.parametrize("prefix", ["/en", "/ja", "/zh"])
def test_the_consent_is_kept_in_korean_whatever_the_page_speaks(app, client, page, others, prefix):
    shown = page(f"{prefix}{PATH}?to=premium-yearly")
    data = {"quote": shown.value("quote"), "recurring": "y"}
    client.post(f"{prefix}{PATH}?to=premium-yearly", data=data)

    with app.app_context():
        kept = db.session.scalars(select(Consent).filter_by(document="plan_change")).one()
    assert kept.text == (
        "프리미엄 연간으로 바꾸고, 오늘 99,000원이 결제되고, 이후 매년 11월 20일에"
        " 99,000원(부가세 포함)이 자동 결제되는 데 동의합니다."
    )
    assert f'<span lang="ko">{kept.text}</span>' in shown.html
    assert "₩99,000 KRW" in shown.text


def test_an_old_quote_shows_the_new_amounts(page, client, others, gateway):
    quote = page(f"{PATH}?to=premium-yearly").value("quote")
    page("/library")

    answer = client.post(f"{PATH}?to=premium-yearly", data={"quote": quote, "recurring": "y"})

    assert answer.status_code == 409
    assert "돌려받을 금액" in answer.get_data(as_text=True)
    assert len(gateway.payments) == 1


@pytest.mark.parametrize("slug", ["unknown", ""])
def test_an_unknown_plan_does_not_exist(client, others, slug):
    assert client.get(f"{PATH}?to={slug}").status_code == 404


def test_the_own_plan_is_no_choice(client, others):
    assert client.get(f"{PATH}?to=premium-monthly").status_code == 409


def test_without_a_subscription_there_is_nothing_to_change(client, log_in, user, plan):
    log_in(user)
    assert client.get(PATH).location == "/subscription"
    assert client.post(f"{PATH}?to=x").status_code == 409
    assert client.post(f"{PATH}/cancellation").status_code == 409


def test_another_customers_quote_is_nobodys(app, page, client, others, log_in, other_user):
    quote = page(f"{PATH}?to=premium-yearly").value("quote")
    client.post("/logout")
    log_in(other_user)

    data = {"quote": quote, "recurring": "y"}
    assert client.post(f"{PATH}?to=premium-yearly", data=data).status_code == 409
    with app.app_context():
        assert db.session.scalars(select(Subscription)).one().plan.slug == "premium-monthly"
