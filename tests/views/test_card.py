import json
from datetime import timedelta
from typing import Any

import pytest

from billing.cancel import schedule_cancellation
from gateways.mail import open_mailbox
from gateways.payment import BillingKeyRejected, CardDeclined
from models import Checkout, Subscription, db
from models.subscription import EndReason
from timetable import NOTICES, RENEWALS, Run

JSON = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def _on_a_known_day(at, now):
    at(now)


@pytest.fixture
def renewal(app, gateway, now, at, log_in, subscribed):
    """Try the renewal, and let the customer log in on that day; return the instant."""

    def on_day(error=None, days=31):
        moment = now + timedelta(days=days)
        gateway.now = moment
        if error:
            gateway.fail_next("charge", error)
        Run(app, time=lambda: moment, workers=1).do([RENEWALS])
        at(moment)
        log_in(subscribed)
        return moment

    return on_day


@pytest.fixture
def change(client, gateway, page):
    """Open the window, register a card, and come back."""

    def with_card():
        page("/card")
        window = client.post("/card", headers=JSON)
        assert window.status_code == 201, window.text
        asked = window.get_json()
        auth_key = gateway.register(asked["customerKey"])
        address = f"{asked['successUrl']}&customerKey={asked['customerKey']}&authKey={auth_key}"
        return client.get(address)

    return with_card


def test_the_page_shows_the_card_and_that_nothing_is_charged(subscribed, page):
    shown = page("/card")
    assert "하나 94100012****789*" in shown.text
    assert "오늘 결제되는 금액은 없어요" in shown.text


def test_without_a_running_subscription_there_is_no_card_to_change(client, log_in, user, plan):
    log_in(user)
    assert client.get("/card").status_code == 303
    assert client.post("/card", headers=JSON).status_code == 409


def test_without_javascript_the_page_says_so(subscribed, client):
    answer = client.post("/card")
    assert answer.status_code == 400
    assert "자바스크립트를 켜 주세요" in answer.text


def test_a_changed_card_is_confirmed_and_not_charged(subscribed, change, client, page, gateway):
    answer = change()
    assert answer.status_code == 303
    shown = page(answer.location)
    assert "카드를 변경했어요" in shown.text
    assert len(gateway.payments) == 1
    assert client.get(answer.location).status_code == 200


def test_a_declined_renewal_leads_to_the_card(subscribed, page, renewal):
    renewal(BillingKeyRejected("INVALID_STOPPED_CARD"))
    shown = page("/subscription")
    assert "다른 카드로 바꿔 주세요" in shown.text
    assert "/card" in shown.links


def test_a_past_due_sum_is_collected_with_the_new_card(subscribed, change, page, renewal, gateway):
    renewal(CardDeclined("REJECT_CARD_PAYMENT"))
    assert "밀린 9,900원을 그 카드로 바로 결제해요" in page("/card").text
    shown = page(change().location)
    assert "앞으로 새 카드로 결제해요" in shown.text
    assert len(gateway.payments) == 2
    assert "이용 중" in page("/subscription").text


def test_a_new_card_that_is_declined_too_is_told(subscribed, change, page, renewal, gateway):
    renewal(CardDeclined("REJECT_CARD_PAYMENT"))
    gateway.fail_next("charge", CardDeclined("EXCEED_MAX_AMOUNT"))
    shown = page(change().location)
    assert "밀린 결제는 하지 못했어요. 카드의 결제 한도를 넘었어요" in shown.text


def test_a_lost_answer_after_the_change_is_awaited(subscribed, change, page, renewal, gateway):
    renewal(CardDeclined("REJECT_CARD_PAYMENT"))
    gateway.lose_next("charge")
    assert "결과를 확인하고 있어요" in page(change().location).text


def test_a_set_aside_renewal_is_told_without_blame(subscribed, page, renewal, gateway):
    gateway.answer_next("charge", total_won=1)
    renewal()
    assert "저희가 직접 확인하고 있어요" in page("/subscription").text
    page("/library")


def test_a_run_that_was_down_is_told_with_the_day_of_the_next_charge(
    subscribed, page, renewal, gateway
):
    renewal(days=120)
    text = page("/subscription").text
    assert "이용이 멈췄어요" in text and "멈춘 기간은 결제하지 않아요" in text
    assert len(gateway.payments) == 1


def test_leaving_from_past_due_says_what_happens(subscribed, page, client, renewal):
    renewal(CardDeclined("REJECT_CARD_PAYMENT"))
    assert "밀린 9,900원은 결제되지 않아요" in page("/subscription/cancellation").text
    client.post("/subscription/cancellation")
    text = page("/subscription").text
    assert "구독을 해지했어요. 더 결제되지 않아요." in text
    assert "이용 종료" in text


def test_leaving_while_a_payment_is_unknown_says_so(subscribed, page, client, renewal, gateway):
    gateway.lose_next("charge")
    renewal()
    shown = page("/subscription/cancellation")
    assert "확인하고 있는 결제가 승인되면 그 기간의 끝까지" in shown.text
    assert not shown.all("input", value="now"), "nothing can be worked out yet"
    client.post("/subscription/cancellation", data={"kind": "period_end"})
    assert "확인하고 있는 결제 말고는 더 결제되지 않아요" in page("/subscription").text


def test_another_customers_change_is_not_shown(
    subscribed, change, client, log_in, other_user, page
):
    location = change().location
    client.post("/logout")
    log_in(other_user)
    page(location, status=404)


def test_a_card_for_an_ended_subscription_is_told(app, subscribed, client, gateway, page, now, at):
    window = client.post("/card", headers=JSON).get_json()
    with app.app_context():
        live = Subscription.latest_for(subscribed.id)
        schedule_cancellation(subscription_id=live.id, actor_id=subscribed.id, now=now)
        live.end(EndReason.CANCELED, now=now)
        db.session.commit()
    auth_key = gateway.register(window["customerKey"])
    address = f"{window['successUrl']}&customerKey={window['customerKey']}&authKey={auth_key}"
    shown = page(client.get(address).location)
    assert "카드를 바꿀 구독이 끝났어요" in shown.text


def test_closing_the_window_leads_back_to_the_card(subscribed, client, page, app):
    window = client.post("/card", headers=JSON).get_json()
    shown = page(f"{window['failUrl']}&code=PAY_PROCESS_CANCELED&message=x")
    assert "/card" in shown.links
    with app.app_context():
        [checkout] = [one for one in db.session.query(Checkout) if one.is_card_change]
        assert checkout.is_open


def test_the_mails_of_a_renewal_say_what_the_page_says(renewal, app):
    moment = renewal(CardDeclined("REJECT_CARD_PAYMENT"))
    mailbox: Any = open_mailbox("memory:", "달빛서재 <help@dalbit.example>")
    app.extensions["mailbox"] = mailbox
    Run(app, time=lambda: moment + timedelta(minutes=5), workers=1).do([NOTICES])
    [_, failed] = mailbox.mails
    assert failed.subject == "[달빛서재] 9,900원을 결제하지 못했어요"
    assert "다시 결제하는 날: 2026년 12월 22일" in failed.text
    assert "이용할 수 있는 날: 2026년 12월 26일까지" in failed.text
    assert "/card" in failed.text and "/card" in failed.html


def test_the_page_gives_its_script_every_sentence_it_may_say(page, subscribed):
    for path in ("/card", "/en/card"):
        sentences = json.loads(page(path).all("form", id="checkout")[0]["data-sentences"])
        assert {"OTHERWISE", "NOT_SENT", "NO_SDK", "PAYMENT_REQUEST_ABORTED"} < set(sentences)
        assert all(sentences.values())
