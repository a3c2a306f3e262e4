"""What waits for the merchant, and how each of it is settled."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

import clock
from billing.refund import begin_refund
from gateways.payment import OutcomeUnknown, RequestRejected
from models import (
    AuditEntry,
    Breaker,
    Inquiry,
    Invoice,
    Notice,
    Payment,
    PaymentAttempt,
    Refund,
    Subscription,
    WebhookEvent,
    db,
)
from models.invoice import InvoiceStatus
from models.notice import NoticeKind, NoticeStatus
from models.refund import RefundCause, RefundStatus
from models.webhook_event import WebhookStatus
from rules.periods import seoul_date, seoul_instant
from timetable import EVERYTHING, Run

YES = {"reason": "확인했어요", "confirmed": "y"}


@pytest.fixture
def office(app, client, subscribed, merchant, enter):
    """One customer has paid; the merchant is in the back office."""
    client.post("/logout")
    enter(merchant)


@pytest.fixture
def set_aside(app, gateway, office):
    """Toss refused the renewal as a mistake of ours. Return the order's attempt."""
    with app.app_context():
        day = db.session.scalars(select(Subscription.next_charge_on)).one()
    assert day is not None
    moment = seoul_instant(day) + timedelta(hours=12)
    gateway.fail_next("charge", RequestRejected("INVALID_ORDER_NAME", "주문명이 잘못되었어요"))
    Run(app, time=lambda: moment, workers=1).do(EVERYTHING)
    with app.app_context():
        invoice = db.session.scalars(
            select(Invoice).filter_by(status=InvoiceStatus.SET_ASIDE)
        ).one()
        return invoice.attempts[-1].id


def entries(app, action):
    with app.app_context():
        query = select(AuditEntry.facts).filter_by(action=action)
        return list(db.session.scalars(query))


def test_with_nothing_to_do_it_says_so(page, office):
    assert "지금은 할 일이 없어요" in page("/admin/work").text


def test_what_toss_refused_as_our_mistake_waits_for_the_merchant(page, set_aside):
    shown = page("/admin/work")
    assert "확인할 결제" in shown.text and "hana@example.com" in shown.text
    address = f"/admin/attempts/{set_aside}/decision"
    assert address in shown.links
    assert "주문명이 잘못되었어요" in page(address).text


def test_while_toss_holds_money_nothing_is_charged_again(app, client, gateway, set_aside):
    with app.app_context():
        paid = db.session.scalars(select(Payment)).one()
        order_id = db.session.get_one(PaymentAttempt, set_aside).order_id
        first = gateway.find_payment(paid.payment_key)
    gateway._payments["other"] = replace(
        first, payment_key="other", order_id=order_id, total_won=10900, balance_won=10900
    )
    held = client.post(
        f"/admin/attempts/{set_aside}/decision", data={**YES, "decision": "charge-again"}
    )
    assert held.status_code == 409
    assert "먼저 취소해 주세요" in held.get_data(as_text=True)
    with app.app_context():
        assert len(db.session.scalars(select(Payment)).all()) == 1


def test_an_order_that_toss_never_charged_is_waived(app, page, client, gateway, set_aside):
    with app.app_context():
        order_id = db.session.get_one(PaymentAttempt, set_aside).order_id
    address = f"/admin/attempts/{set_aside}/decision"
    for data in ({**YES}, {**YES, "decision": "steal"}, {"decision": "waive", "confirmed": "y"}):
        assert client.post(address, data=data).status_code == 400
    done = client.post(address, data={**YES, "decision": "waive"})
    assert done.status_code == 303, done.get_data(as_text=True)
    with app.app_context():
        assert db.session.scalars(select(Subscription)).one().is_active
        assert db.session.get_one(PaymentAttempt, set_aside).invoice.status is InvoiceStatus.VOID
    assert entries(app, "order.waive") == [{"order_id": order_id, "reason": "확인했어요"}]
    assert client.post(address, data={**YES, "decision": "waive"}).status_code == 409


def test_while_toss_is_silent_nothing_is_decided(app, client, gateway, set_aside):
    gateway.fail_next("find_order", OutcomeUnknown("timeout"))
    answer = client.post(f"/admin/attempts/{set_aside}/decision", data={**YES, "decision": "waive"})
    assert answer.status_code == 409
    assert "토스페이먼츠가 답하지 않았어요" in answer.get_data(as_text=True)
    with app.app_context():
        invoice = db.session.get_one(PaymentAttempt, set_aside).invoice
        assert invoice.status is InvoiceStatus.SET_ASIDE


@pytest.fixture
def owed(app, office):
    """Toss cannot send part of the payment back. Return the refund's id."""
    with app.app_context():
        payment = db.session.scalars(select(Payment)).one()
        payment.is_partial_cancelable = False
        refund = begin_refund(payment, won=3000, cause=RefundCause.TERMINATION, now=clock.now())
        db.session.commit()
        assert refund is not None
        return refund.id


def test_what_was_given_back_by_hand_is_booked(app, page, client, owed):
    assert "3,000원" in page("/admin/work").text
    address = f"/admin/refunds/{owed}/settlement"
    assert client.post(address, data=YES).status_code == 400
    assert client.post(address, data={**YES, "how": "paid"}).status_code == 303
    with app.app_context():
        refund = db.session.get_one(Refund, owed)
        assert refund.status is RefundStatus.PAID_BY_HAND
        assert refund.payment.refunded_won == 3000
    assert entries(app, "refund.paid_by_hand")[0]["reason"] == "확인했어요"
    assert client.post(address, data={**YES, "how": "again"}).status_code == 409


def test_toss_is_asked_once_more(app, client, owed):
    answer = client.post(f"/admin/refunds/{owed}/settlement", data={**YES, "how": "again"})
    assert answer.status_code == 303
    with app.app_context():
        assert db.session.get_one(Refund, owed).is_pending


@pytest.mark.parametrize(
    ("again", "status"), [("y", NoticeStatus.PENDING), ("n", NoticeStatus.DROPPED)]
)
def test_a_mail_that_was_given_up_is_tried_again_or_left(app, page, client, office, again, status):
    with app.app_context():
        notice = db.session.scalars(select(Notice).filter_by(kind=NoticeKind.CONTRACT)).one()
        notice.give_up("550 no such user")
        db.session.commit()
        notice_id = notice.id
    shown = page("/admin/work")
    assert "550 no such user" in shown.text
    address = f"/admin/notices/{notice_id}"
    assert client.post(address, data=YES).status_code == 400
    assert client.post(address, data={**YES, "again": again}).status_code == 303
    with app.app_context():
        assert db.session.get_one(Notice, notice_id).status is status
    assert "보내지 못한 메일" not in page("/admin/work").text


@pytest.mark.parametrize(
    ("again", "status"), [("y", WebhookStatus.PENDING), ("n", WebhookStatus.IGNORED)]
)
def test_a_webhook_that_was_given_up_is_tried_again_or_left(
    app, page, client, office, vault, again, status
):
    with app.app_context():
        WebhookEvent.keep(
            b"{}",
            transmission_id="t-1",
            event_type="PAYMENT_STATUS_CHANGED",
            is_of_use=True,
            vault=vault,
            now=clock.now(),
        )
        db.session.commit()
        event = db.session.scalars(select(WebhookEvent)).one()
        while event.postpone(now=clock.now()):
            pass
        db.session.commit()
        event_id = event.id
    assert "PAYMENT_STATUS_CHANGED" in page("/admin/work").text
    address = f"/admin/webhooks/{event_id}"
    assert client.post(address, data={**YES, "again": again}).status_code == 303
    with app.app_context():
        assert db.session.get_one(WebhookEvent, event_id).status is status
    assert client.post(address, data={**YES, "again": again}).status_code == 409


def test_an_inquiry_is_answered_once(app, page, client, office, merchant):
    with app.app_context():
        inquiry = Inquiry(
            name="이두리",
            email="dul@example.com",
            topic="other",
            body="<b>굵은</b> 글씨로 묻습니다.\n두 번째 줄",
            created_at=clock.now(),
            keep_until_on=seoul_date(clock.now()) + timedelta(days=1000),
        )
        db.session.add(inquiry)
        db.session.commit()
        address = f"/admin/inquiries/{inquiry.id}"
    assert address in page("/admin/work").links
    assert "<b>굵은" not in page(address).html
    assert client.post(address, data={"answer": " "}).status_code == 400
    assert client.post(address, data={"answer": "네, 됩니다."}).status_code == 303
    assert client.post(address, data={"answer": "아니요."}).status_code == 409
    assert "네, 됩니다." in page(address).text
    with app.app_context():
        assert (
            len(
                db.session.scalars(select(Notice).filter_by(kind=NoticeKind.INQUIRY_ANSWERED)).all()
            )
            == 1
        )
        entry = db.session.scalars(select(AuditEntry).filter_by(action="inquiry.answered")).one()
        assert entry.actor_id == merchant.id


def test_refused_keys_are_told_first(app, page, office):
    with app.app_context():
        Breaker.open("billing", code="UNAUTHORIZED_KEY", now=clock.now())
        db.session.commit()
    assert "UNAUTHORIZED_KEY" in page("/admin/work").text
