from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from gateways.payment import CardDeclined
from models import Subscription, db

LATER = {"kind": "period_end"}


def test_without_a_subscription_the_page_leads_to_the_plans(page, log_in, user):
    log_in(user)
    assert "/plans" in page("/subscription").links


def test_the_page_shows_plan_state_price_card_and_what_comes_next(page, subscribed, at, now):
    text = page("/subscription").text

    for words in (
        "프리미엄 월간",
        "이용 중",
        "월 9,900원",
        "이용 기간",
        "다음 결제일",
        "결제 카드",
        "구독 해지",
    ):
        assert words in text, words


def test_leaving_takes_two_screens_and_can_be_undone(client, page, subscribed, gateway):
    assert "/subscription/cancellation" in page("/subscription").links
    told = page("/subscription/cancellation").text
    assert "결제되지 않아요" in told

    answer = client.post("/subscription/cancellation", data=LATER)
    assert (answer.status_code, answer.location) == (303, "/subscription")
    canceled = page("/subscription").text
    assert "해지 예약" in canceled
    assert "까지 이용할 수 있고" in canceled
    assert "다음 결제일" not in canceled

    answer = client.post("/subscription/resumption")
    assert (answer.status_code, answer.location) == (303, "/subscription")
    assert "이용 중" in page("/subscription").text
    assert len(gateway.payments) == 1


def test_leaving_twice_or_undoing_nothing_is_refused_in_words(client, subscribed):
    assert client.post("/subscription/resumption").status_code == 409
    client.post("/subscription/cancellation", data=LATER)
    answer = client.post("/subscription/cancellation", data=LATER)

    assert answer.status_code == 409
    assert "내 구독" in answer.get_data(as_text=True)


def test_without_a_subscription_there_is_nothing_to_leave(client, log_in, user):
    log_in(user)
    assert client.get("/subscription/cancellation").location == "/subscription"
    assert client.post("/subscription/cancellation").status_code == 409
    assert client.post("/subscription/resumption").status_code == 409


def test_leaving_works_at_three_in_the_morning(client, subscribed, at):
    at(datetime(2026, 11, 21, 18, 0, tzinfo=UTC))
    assert client.post("/subscription/cancellation", data=LATER).status_code == 303


def test_a_first_payment_that_failed_can_be_tried_again_or_dropped(
    client, page, log_in, user, come_back, gateway
):
    log_in(user)
    address = come_back()
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    client.get(address)

    shown = page("/subscription")
    assert "결제 대기" in shown.text
    assert "/checkout/premium-monthly" in shown.links
    assert "결제된 금액은 없어요" in page("/subscription/cancellation").text
    client.post("/subscription/cancellation")
    assert "이용 종료" in page("/subscription").text


def test_payments_show_amount_tax_card_and_receipt(app, page, subscribed):
    listed = page("/payments")
    (detail,) = [link for link in listed.links if link.split("/")[-1].isdigit()]
    text = page(detail).text

    assert "9,900원" in listed.text
    for words in ("9,900원", "공급가액 9,000원", "부가세 900원", "매출전표", "주문번호"):
        assert words in text, words


def test_another_customers_payment_does_not_exist(client, page, log_in, subscribed, other_user):
    (detail,) = [link for link in page("/payments").links if link.split("/")[-1].isdigit()]
    client.post("/logout")
    log_in(other_user)

    assert client.get(detail).status_code == 404
    assert client.get("/payments/99999999999999999999").status_code == 404
    assert "결제한 내역이 없어요" in page("/payments").text


def test_another_customer_cannot_cancel_it(app, client, log_in, subscribed, other_user):
    client.post("/logout")
    log_in(other_user)

    assert client.post("/subscription/cancellation").status_code == 409
    with app.app_context():
        assert not db.session.scalars(select(Subscription)).one().is_canceling


@pytest.mark.parametrize("path", ["/subscription/cancellation", "/subscription/resumption"])
def test_a_form_without_a_token_is_refused(app, client, subscribed, path):
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post(path).status_code == 400
