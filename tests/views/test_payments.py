"""Payments: why an amount, and a statement to print."""

import pytest

PATH = "/payments/statement"


@pytest.fixture(autouse=True)
def _today(at, now, gateway):
    at(now)
    gateway.now = now


def test_a_payment_says_why_it_is_that_much(page, subscribed):
    (detail,) = [link for link in page("/payments").links if link.split("/")[-1].isdigit()]
    text = page(detail).text

    for words in (
        "왜 이 금액인가요?",
        "프리미엄 월간 9,900원",
        "2026. 11. 20. ~ 2026. 12. 19.",
        "자동 결제되는 데 동의합니다.",
        "계약 내용 메일을 보내는 중이에요",
    ):
        assert words in text, words


def test_the_consents_of_a_payment_lead_to_their_texts(page, subscribed):
    (detail,) = [link for link in page("/payments").links if link.split("/")[-1].isdigit()]

    assert [link for link in page(detail).links if link.startswith("/account/consents/")]


def test_a_statement_adds_up_payments_and_refunds(client, page, subscribed):
    page("/library")
    path = "/subscription/cancellation"
    client.post(path, data={"kind": "now", "quote": page(path).value("quote")})

    text = page(f"{PATH}?from=2026-11-01&to=2026-11-30").text
    for words in ("결제한 금액 9,900원", "환불한 금액 9,570원", "프리미엄 월간 환불", "-9,570원"):
        assert words in text, words


def test_a_statement_of_other_days_is_empty(page, subscribed):
    text = page(f"{PATH}?from=2026-10-01&to=2026-10-31").text

    assert "이 기간에는 결제한 내역이 없어요" in text
    assert "결제한 금액 0원" in text


def test_its_days_are_seouls(page, subscribed, at, now):
    assert "결제한 금액 9,900원" in page(f"{PATH}?from=2026-11-20&to=2026-11-20").text
    assert "결제한 금액 0원" in page(f"{PATH}?from=2026-11-19&to=2026-11-19").text


def test_nobody_sees_anothers_statement(client, page, subscribed, log_in, other_user):
    client.post("/logout")
    log_in(other_user)

    assert "결제한 금액 0원" in page(f"{PATH}?from=2026-11-01&to=2026-11-30").text


@pytest.mark.parametrize(
    "query", ["from=x", "to=2026-13-01", "from=2026-11-02&to=2026-11-01", "from=2000-01-01"]
)
def test_days_that_are_none_are_refused_in_words(page, subscribed, query):
    assert "role" in page(f"{PATH}?{query}", status=400).html
