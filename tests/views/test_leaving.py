"""The page of leaving: what it shows is what moves, and nothing else."""

import pytest
from sqlalchemy import select

from gateways.payment import RequestRejected
from models import Payment, Refund, Subscription, db

PATH = "/subscription/cancellation"


@pytest.fixture(autouse=True)
def _today(at, now):
    at(now)


@pytest.fixture
def leave(client, page):
    def post(kind="now", **data):
        shown = page(PATH)
        return client.post(PATH, data={"kind": kind, "quote": shown.value("quote"), **data})

    return post


def refunds(app):
    with app.app_context():
        return [
            (one.amount_won, str(one.status)) for one in db.session.scalars(select(Refund)).all()
        ]


def test_neither_way_chosen_is_told_beside_the_choices(client, page, subscribed, app):
    answer = client.post(PATH)

    assert answer.status_code == 400
    assert "어떻게 해지할지 골라 주세요" in answer.get_data(as_text=True)
    assert refunds(app) == []


def test_an_unknown_way_is_no_way(client, subscribed):
    assert client.post(PATH, data={"kind": "sometime"}).status_code == 400


def test_leaving_now_gives_back_and_ends(app, leave, page, subscribed):
    answer = leave()

    assert (answer.status_code, answer.location) == (303, "/subscription")
    mine = page("/subscription").text
    assert "9,900원을 환불했어요" in mine
    assert "이용 종료" in mine
    assert refunds(app) == [(9900, "succeeded")]


def test_the_library_closes_at_once(leave, page, subscribed):
    leave()
    assert "구독하면 읽을 수 있어요" in page("/library").text


def test_reading_first_changes_the_amount_and_the_old_one_moves_nothing(
    app, client, page, subscribed
):
    quote = page(PATH).value("quote")
    page("/library")

    answer = client.post(PATH, data={"kind": "now", "quote": quote})

    assert answer.status_code == 409
    text = answer.get_data(as_text=True)
    assert "새로 계산했어요" in text
    assert "지금 해지하고 9,570원 환불" in text
    assert refunds(app) == []


@pytest.mark.parametrize("quote", ["", "0", "x", "99999999999", "123"])
def test_a_quote_that_is_nobodys_moves_nothing(app, client, subscribed, quote):
    assert client.post(PATH, data={"kind": "now", "quote": quote}).status_code == 409
    assert refunds(app) == []


def test_what_toss_refuses_is_said_honestly(app, leave, page, gateway, subscribed):
    gateway.fail_next("cancel", RequestRejected("NOT_CANCELABLE_PAYMENT", http_status=403))
    leave()

    assert "담당자가 따로 돌려드리고" in page("/subscription").text
    assert refunds(app) == [(9900, "by_hand")]


def test_a_lost_answer_is_said_honestly(app, leave, page, gateway, subscribed):
    gateway.lose_next("cancel")
    leave()

    assert "9,900원을 환불하고 있어요" in page("/subscription").text
    assert refunds(app) == [(9900, "pending")]


def test_a_payment_that_cannot_be_canceled_in_part_is_said_before_the_button(app, page, subscribed):
    with app.app_context():
        db.session.scalars(select(Payment)).one().is_partial_cancelable = False
        db.session.commit()
    assert "일부만 취소할 수 없어요" not in page(PATH).text, "all of it comes back"
    page("/library")

    assert "일부만 취소할 수 없어요. 담당자가 9,570원을 따로 돌려드려요" in page(PATH).text


def test_a_scheduled_leaver_sees_only_the_way_that_is_left(leave, page, subscribed):
    leave("period_end")

    shown = page(PATH)
    assert [one["value"] for one in shown.all("input", name="kind")] == ["now"]
    assert PATH in page("/subscription").links


def test_the_payment_shows_its_refund_and_how_it_was_worked_out(leave, page, subscribed):
    page("/library")
    leave()
    (detail,) = [link for link in page("/payments").links if link.split("/")[-1].isdigit()]

    text = page(detail).text
    assert "청약철회 9,570원" in text
    assert "이용한 1일(전체 30일) -330원" in text
    assert "환불 9,570원" in page("/payments").text


def test_another_customers_subscription_stays(app, client, log_in, subscribed, other_user, page):
    quote = page(PATH).value("quote")
    client.post("/logout")
    log_in(other_user)

    assert client.post(PATH, data={"kind": "now", "quote": quote}).status_code == 409
    with app.app_context():
        assert db.session.scalars(select(Subscription)).one().is_active
