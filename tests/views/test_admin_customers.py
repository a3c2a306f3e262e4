"""How the merchant finds a customer, and reads a subscription's whole story."""

from datetime import timedelta

import pytest
from sqlalchemy import event, select

import clock
from gateways.payment import CardDeclined
from models import (
    AuditEntry,
    Notice,
    Payment,
    PaymentAttempt,
    Quote,
    Refund,
    Subscription,
    User,
    db,
)
from models.notice import NoticeKind, NoticeStatus
from models.subscription import SubscriptionGroup
from models.user import Role
from rules.periods import seoul_instant
from tests.conftest import _person
from timetable import EVERYTHING, Run
from views import mails, office_words


@pytest.fixture
def sold(app, client, subscribed, merchant, enter):
    """One customer has paid; the merchant is in the back office. Return the payment's facts."""
    with app.app_context():
        payment = db.session.scalars(select(Payment)).one()
        facts = {
            "payment_id": payment.id,
            "order": payment.order_id,
            "key": payment.payment_key,
            "tail": payment.card_number[-4:],
            "subscription_id": payment.invoice.subscription_id,
        }
    client.post("/logout")
    enter(merchant)
    return facts


def run(app, moment):
    """Do all that is due at a moment; the merchant's own clock stands still."""
    return Run(app, time=lambda: moment, workers=1).do(EVERYTHING)


def due(app, sold):
    """Return noon in Seoul on the day of the next charge."""
    with app.app_context():
        day = db.session.get_one(Subscription, sold["subscription_id"]).next_charge_on
    assert day is not None
    return seoul_instant(day) + timedelta(hours=12)


def story(sold):
    return f"/admin/subscriptions/{sold['subscription_id']}"


@pytest.mark.parametrize("text", ["hana@", "HANA@example.com", "김하", "김하나"])
def test_a_customer_is_found_by_how_they_begin(page, sold, text):
    shown = page(f"/admin/customers?q={text}")
    assert "hana@example.com" in shown.text and "프리미엄 월간" in shown.text
    assert "owner@example.com" not in shown.text


@pytest.mark.parametrize("text", ["ana@", "%", "_", "하나", "nobody", "hana@example.comx", "1111"])
def test_who_does_not_begin_so_is_not_found(page, sold, text):
    assert (
        "에 맞는 고객이나 주문이 없어요" in page("/admin/customers", query_string={"q": text}).text
    )


def test_a_card_is_found_by_the_digits_that_toss_shows(page, sold):
    digits = sold["tail"].replace("*", "7")
    assert "hana@example.com" in page(f"/admin/customers?q={digits}").text


def test_hostile_words_are_shown_as_words(page, sold):
    shown = page("/admin/customers", query_string={"q": "<script>alert(1)</script>' OR 1=1 --"})
    assert "<script>alert" not in shown.html and "없어요" in shown.text


@pytest.mark.parametrize("which", ["order", "key"])
def test_an_order_number_leads_to_its_place(client, sold, which):
    answer = client.get("/admin/customers", query_string={"q": f" {sold[which]} "})
    assert answer.status_code == 303
    assert answer.location == f"{story(sold)}#order-{sold['order']}"


def test_the_story_tells_all_that_happened(page, sold):
    shown = page(story(sold))
    for words in (
        "결제 9,900원", "동의", "청구 9,900원", "메일 “계약 내용”", "HTTP 200 DONE",
        sold["order"], sold["key"], "127.0.0.1", "구독 신청",
    ):  # fmt: skip
        assert words in shown.text, words
    assert shown.all("li", id=f"order-{sold['order']}")


def test_a_story_is_read_in_few_queries(app, client, sold):
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
    try:
        for path in (story(sold), "/admin/customers", "/admin/subscriptions", "/admin/work"):
            seen.clear()
            assert client.get(path).status_code == 200
            told = [one for one in seen if not one.startswith(("BEGIN", "PRAGMA"))]
            assert len(told) <= 12, (
                path,
                len(told),
                [one[:60] + " … " + one[one.find("FROM") :][:200] for one in told],
            )
    finally:
        with app.app_context():
            event.remove(db.engine, "before_cursor_execute", note)


def test_a_failed_payment_is_understood(app, page, gateway, sold, now):
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT", "한도초과 혹은 잔액부족"))
    moment = due(app, sold)
    run(app, moment)
    shown = page(story(sold))
    assert "REJECT_CARD_PAYMENT" in shown.text and "한도초과 혹은 잔액부족" in shown.text
    assert "한도를 넘었거나 잔액이 모자라요" in shown.text and "유예의 마지막 날" in shown.text
    assert "지금 다시 결제" in shown.text


@pytest.mark.parametrize("path", ["/admin/customers/", "/admin/subscriptions/"])
@pytest.mark.parametrize("number", [999, 2**31, 2**63, 10**30])
def test_what_is_not_there_is_told_so(page, sold, path, number):
    page(f"{path}{number}", status=404)


def test_the_customers_page_leads_to_the_rest(page, sold):
    found = next(link for link in page("/admin/customers?q=hana").links if "/customers/" in link)
    shown = page(found)
    assert story(sold) in " ".join(shown.links)
    assert "9,900원" in shown.text and "최근 동의" in shown.text


def test_customers_are_listed_page_by_page(app, page, sold, now):
    with app.app_context():
        for number in range(60):
            db.session.add(_person(f"reader{number:02}@example.com", "독자", Role.CUSTOMER, now))
        db.session.commit()
    first = page("/admin/customers")
    second = page(next(link for link in first.links if "before=" in link))
    assert "reader59@" in first.text and "reader10@" in first.text
    assert "reader09@" in second.text and "reader10@" not in second.text
    assert not [link for link in second.links if "before=" in link]


@pytest.mark.parametrize("group", list(SubscriptionGroup))
def test_subscriptions_are_listed_by_state(app, page, sold, group):
    shown = page(f"/admin/subscriptions?state={group}")
    is_in = group in (SubscriptionGroup.ALL, SubscriptionGroup.ACTIVE)
    assert ("hana@example.com" in shown.text) is is_in


def test_an_unknown_state_is_no_page(page, sold):
    page("/admin/subscriptions?state=whatever", status=404)


def test_every_state_kind_and_cause_has_its_words():
    for words in (
        office_words.GROUPS, office_words.INVOICES, office_words.ATTEMPTS, office_words.REFUNDS,
        office_words.NOTICES, office_words.WEBHOOKS, office_words.CHECKOUTS,
        office_words.CHECKOUT_STATES, office_words.END_REASONS, office_words.MAILS,
        office_words.PASSES, office_words.PASS_FAILURES,
    ):  # fmt: skip
        kinds = type(next(iter(words)))
        assert set(words) == set(kinds), kinds


# Acts: a reason, a yes, and what comes of it.


def refund_quote(client, sold, amount):
    return client.post(f"/admin/payments/{sold['payment_id']}/refund", data={"amount": amount})


def test_part_of_a_payment_goes_back(app, client, page, sold, log_in, user):
    asked = refund_quote(client, sold, "3000")
    assert asked.status_code == 303
    shown = page(asked.location)
    assert "3,000원 환불" in shown.text and "남겨 두는 금액 -6,900원" in shown.text
    done = client.post(asked.location, data={"reason": "낭독이 끊겼어요", "confirmed": "y"})
    assert done.status_code == 303 and "#refund-" in done.location

    told = page(story(sold))
    assert "환불 3,000원" in told.text and "낭독이 끊겼어요" in told.text
    with app.app_context():
        refund = db.session.scalars(select(Refund)).one()
        assert (refund.amount_won, refund.is_done) == (3000, True)
        assert refund.payment.refunded_won == 3000
        entry = db.session.scalars(
            select(AuditEntry).filter_by(action="refund.begun_by_merchant")
        ).one()
        assert entry.actor_id is not None and entry.facts["won"] == 3000

    client.post("/logout")
    log_in(user)
    own = page(f"/payments/{sold['payment_id']}")
    assert "3,000원" in own.text and "판매자 환불" in own.text


def test_the_same_yes_twice_is_one_refund(app, client, sold):
    address = refund_quote(client, sold, "9900").location
    yes = {"reason": "요청", "confirmed": "y"}
    first, second = client.post(address, data=yes), client.post(address, data=yes)
    assert first.location == second.location
    with app.app_context():
        assert [one.amount_won for one in db.session.scalars(select(Refund))] == [9900]


@pytest.mark.parametrize("amount", ["0", "9901", "9,901", "999999999"])
def test_more_than_is_left_is_not_given_back(app, client, sold, amount):
    answer = refund_quote(client, sold, amount)
    assert answer.status_code == 409
    assert "1원부터 9,900원까지" in answer.get_data(as_text=True)
    with app.app_context():
        assert not db.session.scalars(select(Quote).filter_by(kind="refund")).all()


@pytest.mark.parametrize("amount", ["", "삼천", "30,00원", "3000.5", "1" * 30])
def test_what_is_no_amount_is_told_so(client, sold, amount):
    answer = refund_quote(client, sold, amount)
    assert answer.status_code == 400 and "숫자로" in answer.get_data(as_text=True)


def test_two_quotes_together_never_give_back_more_than_was_paid(client, app, sold):
    one, other = (refund_quote(client, sold, "9900").location for _ in range(2))
    yes = {"reason": "요청", "confirmed": "y"}
    assert client.post(one, data=yes).status_code == 303
    late = client.post(other, data=yes)
    assert late.status_code == 409 and "달라졌어요" in late.get_data(as_text=True)
    with app.app_context():
        assert sum(one.amount_won for one in db.session.scalars(select(Refund))) == 9900


def test_without_a_reason_or_a_yes_nothing_moves(app, client, sold):
    address = refund_quote(client, sold, "100").location
    for data in ({"confirmed": "y"}, {"reason": "요청"}, {"reason": "   ", "confirmed": "y"}):
        assert client.post(address, data=data).status_code == 400
    with app.app_context():
        assert not db.session.scalars(select(Refund)).all()


def test_a_quote_that_has_run_out_moves_nothing(app, client, sold, at):
    address = refund_quote(client, sold, "100").location
    at(clock.now() + timedelta(minutes=29))
    assert client.get(address).status_code == 200
    at(clock.now() + timedelta(minutes=2))
    answer = client.post(address, data={"reason": "요청", "confirmed": "y"})
    assert answer.status_code == 409 and "다시 입력" in answer.get_data(as_text=True)


def test_a_customers_own_quote_is_not_the_merchants(app, client, page, sold):
    with app.app_context():
        quote_id = db.session.scalars(select(Quote.id)).first()
    page(f"/admin/refund-quotes/{quote_id}", status=404)


def test_ending_gives_back_what_is_left_without_a_penalty(app, client, page, sold):
    with app.app_context():
        payment = db.session.get_one(Payment, sold["payment_id"])
        payment.used_at = payment.approved_at
        db.session.commit()
    address = f"{story(sold)}/end"
    shown = page(address)
    quote = shown.value("quote")
    done = client.post(address, data={"quote": quote, "reason": "약관 위반", "confirmed": "y"})
    assert done.status_code == 303, done.get_data(as_text=True)
    with app.app_context():
        subscription = db.session.get_one(Subscription, sold["subscription_id"])
        refund = db.session.scalars(select(Refund)).one()
        assert subscription.is_ended and refund.amount_won == 9570
        entry = db.session.scalars(
            select(AuditEntry).filter_by(action="subscription.by_merchant")
        ).one()
        assert entry.facts == {"refund_won": 9570, "reason": "약관 위반"}
        assert db.session.scalars(select(Notice).filter_by(kind=NoticeKind.ENDED)).one()
    assert client.post(address, data={"reason": "x", "confirmed": "y"}).status_code == 409


def test_a_past_due_subscription_is_charged_now_or_ended(app, client, page, gateway, sold):
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT", "잔액부족"))
    moment = due(app, sold)
    run(app, moment)

    answer = client.post(f"{story(sold)}/retry", data={"reason": "전화로 부탁", "confirmed": "y"})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    run(app, moment)
    with app.app_context():
        assert db.session.get_one(Subscription, sold["subscription_id"]).is_active
    assert (
        client.post(f"{story(sold)}/retry", data={"reason": "또", "confirmed": "y"}).status_code
        == 409
    )


def test_a_past_due_subscription_ends_without_a_refund(app, client, page, gateway, sold):
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT", "잔액부족"))
    run(app, due(app, sold))
    shown = page(f"{story(sold)}/end")
    assert "돌려드릴 금액은 없어요" in shown.text
    done = client.post(f"{story(sold)}/end", data={"reason": "요청", "confirmed": "y"})
    assert done.status_code == 303
    with app.app_context():
        subscription = db.session.get_one(Subscription, sold["subscription_id"])
        assert subscription.is_ended and subscription.open_invoice is None
        assert not db.session.scalars(select(Refund)).all()


def test_a_mail_is_sent_again(app, client, page, sold):
    with app.app_context():
        notice = db.session.scalars(select(Notice).filter_by(kind=NoticeKind.CONTRACT)).one()
        notice.lease(until=notice.due_at)
        notice.mark_sent(now=notice.created_at)
        db.session.commit()
        notice_id = notice.id
    answer = client.post(
        f"/admin/notices/{notice_id}", data={"reason": "못 받았대요", "confirmed": "y"}
    )
    assert answer.status_code == 303
    with app.app_context():
        mails = db.session.scalars(select(Notice).filter_by(kind=NoticeKind.CONTRACT)).all()
        assert [mail.status for mail in mails] == [NoticeStatus.SENT, NoticeStatus.PENDING]
        assert mails[0].facts == mails[1].facts and mails[0].user_id == mails[1].user_id


def test_a_mail_with_a_way_in_is_not_sent_again(app, client, sold, now):
    with app.app_context():
        user = User.with_email("hana@example.com")
        Notice.owe(NoticeKind.PASSWORD_RESET, cause="reset:1", user_id=user.id, now=now)
        db.session.commit()
        notice = Notice.with_cause("reset:1")
        notice.lease(until=now)
        notice.mark_sent(now=now)
        db.session.commit()
        notice_id = notice.id
    answer = client.post(f"/admin/notices/{notice_id}", data={"reason": "x", "confirmed": "y"})
    assert answer.status_code == 409


def test_a_closed_account_is_shown_as_one(app, page, sold, now):
    with app.app_context():
        user = User.with_email("hana@example.com")
        user_id = user.id
        user.close(now=now)
        db.session.commit()
    assert "탈퇴한 때" in page(f"/admin/customers/{user_id}").text


def test_attempts_keep_what_toss_traced(app, page, sold):
    with app.app_context():
        attempt = db.session.scalars(select(PaymentAttempt)).one()
        trace = attempt.requests[0].trace_id
    if trace:
        assert f"추적 ID {trace}" in page(story(sold)).text


def test_days_are_given_with_a_reason(app, client, page, sold):
    address = f"{story(sold)}/extension"
    for days in ("", "0", "61", "1.5", "-3"):
        wrong = client.post(address, data={"days": days, "reason": "장애", "confirmed": "y"})
        assert wrong.status_code == 400, days
    done = client.post(address, data={"days": "3", "reason": "장애", "confirmed": "y"})
    assert done.status_code == 303
    shown = page(story(sold))
    assert "이용 기간 연장" in shown.text and "장애" in shown.text
    with app.app_context():
        mail = db.session.scalars(select(Notice).filter_by(kind=NoticeKind.EXTENDED)).one()
        assert "3일 늘려 드렸어요" in mails.render(mail).subject
