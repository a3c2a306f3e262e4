"""What pages in other languages call cards, plans, and the lines of a calculation."""

import pytest
from sqlalchemy import select

from models import BillingKey, Payment, Plan, db
from models.quote import line
from views.paid_words import line_name, means, ordered


@pytest.mark.parametrize(
    ("issuer", "number", "korean", "english"),
    [
        ("하나", "9410****", "하나 9410****", "Hana 9410****"),
        ("카드", "9410****", "카드 9410****", "Card 9410****"),
        ("토스뱅크 계좌", "1000****", "토스뱅크 계좌 1000****", "Toss Bank account 1000****"),
        ("신한은행 계좌", "1000****", "신한은행 계좌 1000****", "Shinhan Bank account 1000****"),
        ("은행 계좌", "1000****", "은행 계좌 1000****", "Bank account 1000****"),
        ("토스페이", "", "토스페이", "Toss Pay"),
        ("삼성카드", "9410****", "삼성카드 9410****", "Samsung Card 9410****"),
        ("달빛상호", "9410****", "달빛상호 9410****", "달빛상호 9410****"),
    ],
)
def test_a_card_a_bank_or_a_wallet_is_named(in_english, issuer, number, korean, english):
    key = BillingKey(card_issuer=issuer, card_number=number)

    assert means(key) == korean
    in_english({"카드": "Card", "%(bank)s 계좌": "%(bank)s account"})
    assert means(key) == english


@pytest.mark.parametrize(
    ("text", "facts", "korean", "english"),
    [
        ("결제한 금액", None, "결제한 금액", "Paid"),
        (
            "이용한 %(used)d일(전체 %(total)d일)과 위약금 %(percent)d%%",
            {"used": 3, "total": 30, "percent": 10},
            "이용한 3일(전체 30일)과 위약금 10%",
            "3 of 30 days used, and a penalty of 10%",
        ),
    ],
)
def test_a_line_is_said_with_its_numbers(in_english, text, facts, korean, english):
    kept = line(text, -1_000, facts=facts)

    assert line_name(kept) == kept["name"] == korean
    in_english(
        {
            "결제한 금액": "Paid",
            "이용한 %(used)d일(전체 %(total)d일)과 위약금 %(percent)d%%": (
                "%(used)d of %(total)d days used, and a penalty of %(percent)d%%"
            ),
        }
    )
    assert line_name(kept) == english


def test_a_line_names_its_plan_as_it_was_called_or_as_it_is_translated(in_english, plan):
    called = db.session.get_one(Plan, plan.id)
    kept = line("%(plan)s 결제", 9_900, plan=called)
    called.name, called.translations = "프리미엄", {"en": {"name": "Premium 100%"}}

    assert line_name(kept) == "프리미엄 월간 결제"
    in_english({"%(plan)s 결제": "Payment for %(plan)s"})
    assert line_name(kept) == "Payment for Premium 100%"


@pytest.mark.parametrize("name", ["결제한 금액", "이용한 3일(전체 30일)과 위약금 10%"])
def test_a_line_of_the_time_before_languages_is_said_as_it_was_kept(in_english, name):
    kept = {"name": name, "won": 1}

    in_english({"결제한 금액": "Paid"})
    assert line_name(kept) == name.replace("결제한 금액", "Paid")


def test_a_payment_names_what_was_ordered(in_english, subscribed):
    payment = db.session.scalars(select(Payment)).one()
    payment.plan.translations = {"en": {"name": "Premium"}}

    assert ordered(payment) == "프리미엄 월간"
    in_english({})
    assert ordered(payment) == "Premium"


def test_pages_name_cards_in_latin_letters(page, app, subscribed):
    with app.app_context():
        payment_id = db.session.scalar(select(Payment.id))

    assert "하나 9410" in page("/subscription").text
    for path in ("/subscription", "/card", f"/payments/{payment_id}", "/subscription/cancellation"):
        shown = page(f"/en{path}").text
        assert "Hana 9410" in shown and "하나 9410" not in shown
