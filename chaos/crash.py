"""Kill a process at every point, restart, run once, and look at the promises: `-m chaos.crash`.

Each death is a process of its own against the sandbox and a real database: a fork of one that has
loaded the shop already. Two lanes share the points, each with a database and a sandbox of its own.
Prints one JSON object a death: the point, the side, and what was broken afterwards.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import requests
from flask import Flask
from sqlalchemy import create_engine, delete, select
from sqlalchemy.pool import NullPool

import config
from app import create_app
from billing import BillingError
from billing.abandon import abandon_checkout, abandon_subscription
from billing.agree_to_price import agree_to_price, keep_price, quote_price
from billing.agreements import Agreement
from billing.announce_policy import announce_policy
from billing.buy_pass import (
    abandon_pass_order,
    announce_pass_end,
    come_back,
    finish_pass_order,
    neighbours_of,
    quote_pass,
    start_pass_order,
)
from billing.cancel import end_due, resume, schedule_cancellation
from billing.cash_receipts import ask_for_receipt, settle_receipt, stop_receipts
from billing.catalogue import describe_plan
from billing.change_card import start_card_change
from billing.change_plan import change_plan, quote_change, undo_change
from billing.close_account import close_account
from billing.dun import lapse
from billing.export import ExportKind, note_export
from billing.extend import extend
from billing.forget import (
    forget_identity,
    forget_inquiry,
    forget_sign_in,
    forget_visit,
    forget_webhook,
)
from billing.give_pass_back import give_pass_back, quote_pass_refund
from billing.inquire import answer_inquiry, inquire
from billing.keep_webhook import keep_webhook
from billing.leave import end_unpaid, leave_now, quote_leaving
from billing.note_use import note_use
from billing.offer_price import follow_price_change, offer_price, withdraw_offer
from billing.probe import probe
from billing.reconcile import reconcile
from billing.refund import ask_again, begin_refund, give_back, settle_by_hand
from billing.refund_by_merchant import quote_refund, refund_quoted
from billing.remind import remind
from billing.renew import renew
from billing.resolve import Decision, resolve
from billing.resolve_pass import resolve_pass
from billing.retry import retry_now
from billing.revoke_billing_key import revoke_billing_key
from billing.send_again import drop_notice, send_again
from billing.send_notice import send_notice
from billing.settle_webhook import drop_webhook, settle_webhook
from billing.steer_sandbox import note_steering, set_test_clock
from billing.subscribe import authorize_checkout, finish_checkout, start_checkout
from billing.tally import tally
from bin import postgres
from bin.shop import Shop
from chaos.points import Point, Tracer, Watched, points
from chaos.promises import broken
from chaos.world import authenticate, charged_by, let_timers_run_out, register
from gateways.mail import Mail, MailError, MailRefused, MailUnavailable, open_mailbox
from gateways.payment import PaymentGatewayError
from models import (
    AuditEntry,
    BillingKey,
    Breaker,
    CashReceipt,
    Checkout,
    Notice,
    PassOrder,
    Payment,
    PaymentAttempt,
    Plan,
    PriceChange,
    PriceOffer,
    Quote,
    SignIn,
    Subscription,
    User,
    WebhookEvent,
    db,
)
from models.cash_receipt import ReceiptKind
from models.refund import RefundCause
from models.user import Role
from rules.periods import seoul_date, seoul_instant
from rules.refunds import RefundTerms
from rules.wording import Language
from timetable import EVERYTHING, Run

START = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
AGREED = Agreement("recurring", "1", "동의합니다", "terms", "<p>약관</p>")
KEPT = {"plan", "product", "alembic_version"}
TIMEOUT = 1.0
LANES = 2


class Story:
    """One shop in this process, and what its customers and its worker do, a step at a time."""

    def __init__(self, shop: Shop, tracer: Tracer) -> None:
        self.shop = shop
        self.app = _app(shop)
        self.tracer = tracer
        self.now = START
        self.gateway = Watched(self.app.extensions["payment_gateway"], tracer)
        self.pass_gateway = Watched(self.app.extensions["pass_gateway"], tracer)
        self.mailbox = Watched(open_mailbox("memory:", "shop <shop@example.com>"), tracer)
        self.vault = self.app.extensions["vault"]
        self.terms = self.app.extensions["collection_terms"]
        self.toss = {"gateway": self.gateway, "vault": self.vault, "terms": self.terms}

    def customer(self, number: int = 1) -> User:
        email = f"reader-{number}@example.com"
        found = User.with_email(email)
        if found is not None:
            return found
        user = User(
            email=email,
            name="김하나",
            role=Role.CUSTOMER,
            password_hash="x",
            created_at=self.now,
            password_changed_at=self.now,
        )
        db.session.add(user)
        db.session.commit()
        return user

    def order(self) -> str:
        user = self.customer()
        plan = db.session.scalars(select(Plan).filter_by(slug="premium-monthly")).one()
        quote = Quote.open_for(user, plan, now=self.now)
        db.session.flush()
        return start_checkout(
            user=user, quote=quote, agreements=[AGREED], address="127.0.0.1", now=self.now
        ).id

    def come_back(self, checkout_id: str, card: str = "works", method: str = "CARD") -> str:
        auth_key = register(self.shop, self.customer(), card, method)
        authorize_checkout(
            checkout_id=checkout_id, auth_key=auth_key, vault=self.vault, now=self.now
        )
        return checkout_id

    def finish(self, checkout_id: str) -> None:
        with suppress(BillingError, PaymentGatewayError):
            finish_checkout(checkout_id=checkout_id, now=self.now, **self.toss)

    def subscribe(self, card: str = "works") -> int:
        self.finish(self.come_back(self.order(), card))
        live = Subscription.latest_for(self.customer().id)
        return live.id if live else 0

    def change_card(self, card: str = "works") -> None:
        user = self.customer()
        live = Subscription.latest_for(user.id)
        assert live is not None
        checkout = start_card_change(user=user, subscription_id=live.id, now=self.now)
        self.finish(self.come_back(checkout.id, card))

    def begin_plan_change(self, slug: str, *, subscribe: bool = True) -> str:
        if subscribe:
            self.subscribe()
        live = Subscription.latest_for(self.customer().id)
        plan = db.session.scalars(select(Plan).filter_by(slug=slug)).one()
        assert live is not None
        terms = RefundTerms()
        quote = quote_change(subscription_id=live.id, plan=plan, terms=terms, now=self.now)
        return change_plan(
            subscription_id=live.id,
            quote_id=quote.id,
            agreements=[AGREED],
            address="127.0.0.1",
            terms=terms,
            now=self.now,
        ).id

    def change_plan(self, slug: str, *faults: dict[str, Any]) -> None:
        checkout_id = self.begin_plan_change(slug)
        self.trouble(*faults)
        self.finish(checkout_id)

    def told(self, event_type: str, data: dict[str, Any]) -> None:
        body = json.dumps({"eventType": event_type, "data": data}).encode()
        keep_webhook(body, transmission_id="whtrans_1", vault=self.vault, now=self.now)
        [(_, event_id)] = WebhookEvent.pending(now=None, limit=9)
        with suppress(PaymentGatewayError):
            settle_webhook(
                event_id=event_id,
                gateway=self.gateway,
                pass_gateway=self.pass_gateway,
                vault=self.vault,
                now=self.now,
            )

    def order_pass(self) -> str:
        user = self.customer()
        [plan] = db.session.scalars(select(Plan).filter_by(slug="pass-1-month"))
        begins_on = neighbours_of(user.id, now=self.now).begins_on
        quote = quote_pass(user=user, plan=plan, begins_on=begins_on, now=self.now)
        return start_pass_order(
            user=user,
            quote=quote,
            agreements=[AGREED],
            address="127.0.0.1",
            told_of_subscription=False,
            is_domestic=False,
            gateway=self.pass_gateway,
            now=self.now,
        ).id

    def come_back_for_pass(self, card: str = "visa") -> str:
        order_id = self.order_pass()
        order = db.session.get_one(PassOrder, order_id)
        come_back(
            order_id=order_id,
            payment_key=authenticate(self.shop, order, card),
            amount_won=order.amount_won,
            user_id=order.user_id,
            now=self.now,
        )
        return order_id

    def finish_pass(self, order_id: str) -> None:
        with suppress(BillingError, PaymentGatewayError):
            finish_pass_order(order_id=order_id, gateway=self.pass_gateway, now=self.now)

    def buy_pass(self, *faults: dict[str, Any], card: str = "visa") -> str:
        order_id = self.come_back_for_pass(card)
        self.trouble(*faults)
        self.finish_pass(order_id)
        return order_id

    def month_later(self) -> int:
        live = Subscription.latest_for(self.customer().id)
        assert live is not None and live.paid_until_on is not None
        self.now = seoul_instant(live.paid_until_on, 9)
        return live.id

    def renew(self) -> None:
        live = Subscription.latest_for(self.customer().id)
        assert live is not None
        with suppress(BillingError, PaymentGatewayError):
            renew(subscription_id=live.id, now=self.now, **self.toss)

    def reconcile(self) -> None:
        for _, attempt_id in PaymentAttempt.pending(looked_up_before=None, limit=9):
            with suppress(BillingError, PaymentGatewayError):
                reconcile(attempt_id=attempt_id, now=self.now, **self.toss)

    def give_back(self, refund_id: int) -> None:
        with suppress(PaymentGatewayError):
            give_back(refund_id=refund_id, gateway=self.gateway, now=self.now)

    def settle_receipts(self) -> None:
        for _, receipt_id in CashReceipt.due(now=self.now, limit=9):
            with suppress(PaymentGatewayError):
                settle_receipt(
                    receipt_id=receipt_id, gateway=self.gateway, vault=self.vault, now=self.now
                )

    def trouble(self, *faults: dict[str, Any]) -> None:
        self.shop.control.plant([{"times": 1, **fault} for fault in faults])

    def pass_time(self, **by: float) -> None:
        self.now += timedelta(**by)

    def meanwhile(self, method: str, act: Callable[[], None]) -> None:
        """Let another process act while the answer to `method` is on its way."""
        gateway = self.pass_gateway if method == "confirm" else self.gateway

        def then(answer: Any) -> Any:
            thread = threading.Thread(target=self._elsewhere, args=(act,))
            thread.start()
            thread.join()
            return answer

        gateway.answers[method] = then

    def _elsewhere(self, act: Callable[[], None]) -> None:
        with self.app.app_context():
            act()


def first_charge(story: Story) -> None:
    story.subscribe()


def first_charge_declined(story: Story) -> None:
    subscription_id = story.subscribe("no-funds")
    story.pass_time(days=3)
    abandon_subscription(subscription_id=subscription_id, now=story.now)


def first_charge_lost(story: Story) -> None:
    story.trouble({"operation": "charge", "kind": "lost"})
    story.subscribe()
    story.pass_time(minutes=5)
    story.reconcile()


def first_charge_never_arrived(story: Story) -> None:
    story.trouble({"operation": "charge", "kind": "status", "status": 502})
    story.subscribe()
    story.pass_time(minutes=5)
    story.reconcile()


def registration_lost(story: Story) -> None:
    story.trouble({"operation": "issue", "kind": "lost"})
    checkout_id = story.come_back(story.order())
    story.finish(checkout_id)
    story.pass_time(minutes=5)
    story.finish(checkout_id)


def registration_refused(story: Story) -> None:
    story.subscribe("issue-refused")


def registration_differs(story: Story) -> None:
    story.gateway.answers["issue_billing_key"] = lambda issued: replace(issued, card=None)
    story.subscribe()


def two_tabs(story: Story) -> None:
    checkout_id = story.come_back(story.order())

    def other_tab() -> None:
        story.pass_time(minutes=5)
        story.finish(checkout_id)

    story.meanwhile("issue_billing_key", other_tab)
    story.finish(checkout_id)


def two_orders(story: Story) -> None:
    first, second = story.come_back(story.order()), story.come_back(story.order())
    story.meanwhile("issue_billing_key", lambda: story.finish(second))
    story.finish(first)


def an_order_too_many(story: Story) -> None:
    first, second = story.come_back(story.order()), story.come_back(story.order())
    story.finish(first)
    story.finish(second)


def nobody_came_back(story: Story) -> None:
    checkout_id = story.order()
    story.pass_time(hours=3)
    abandon_checkout(checkout_id=checkout_id, now=story.now)


def renewal(story: Story) -> None:
    story.subscribe()
    story.month_later()
    story.renew()


def renewal_lost(story: Story) -> None:
    renewal_prepared(story, {"operation": "charge", "kind": "lost"})
    story.pass_time(minutes=5)
    story.reconcile()


def renewal_prepared(story: Story, *faults: dict[str, Any]) -> int:
    story.subscribe()
    subscription_id = story.month_later()
    story.trouble(*faults)
    story.renew()
    return subscription_id


def renewal_settled_by_another(story: Story) -> None:
    story.subscribe()
    story.month_later()

    def other_worker() -> None:
        story.pass_time(minutes=5)
        story.reconcile()

    story.meanwhile("charge", other_worker)
    story.renew()


def renewal_failed_at_toss(story: Story) -> None:
    renewal_prepared(story, {"operation": "charge", "kind": "status", "status": 500})
    failed = {"status": "ABORTED", "failure_code": "REJECT_CARD_PAYMENT"}
    other = story.app.extensions["payment_gateway"]
    order = db.session.scalars(
        select(PaymentAttempt.order_id).order_by(PaymentAttempt.id.desc())
    ).first()
    first = db.session.scalars(select(PaymentAttempt.order_id).order_by(PaymentAttempt.id)).first()
    assert first is not None and order is not None
    answer = other.find_order(first)
    story.gateway.answers["find_order"] = lambda _: replace(answer, order_id=order, **failed)
    story.pass_time(minutes=5)
    story.reconcile()


def renewal_undecided(story: Story) -> None:
    renewal_prepared(story, {"operation": "charge", "kind": "lost"})
    story.gateway.answers["find_order"] = lambda found: replace(found, status="IN_PROGRESS")
    story.pass_time(minutes=5)
    story.reconcile()


def renewal_differs(story: Story) -> None:
    renewal_prepared(story, {"operation": "charge", "kind": "mismatch"})
    _resolve(story)


def renewal_rejected(story: Story) -> None:
    renewal_prepared(story, {"operation": "charge", "kind": "code", "code": "INVALID_ORDER_NAME"})
    _resolve(story)


def renewal_forgotten(story: Story) -> None:
    renewal_prepared(story, {"operation": "charge", "kind": "status", "status": 500})
    story.pass_time(days=20)
    story.reconcile()


def renewal_too_late(story: Story) -> None:
    story.subscribe()
    story.month_later()
    story.pass_time(days=90)
    story.renew()


def renewal_in_flight(story: Story) -> None:
    subscription_id = renewal_prepared(story, {"operation": "charge", "kind": "lost"})
    db.session.get_one(Subscription, subscription_id).charge_on(story.now.date())
    db.session.commit()
    story.renew()


def keys_refused(story: Story) -> None:
    renewal_prepared(story, {"operation": "charge", "kind": "code", "code": "UNAUTHORIZED_KEY"})
    story.pass_time(minutes=11)
    [key_pair] = db.session.scalars(select(Breaker.key_pair))
    probe(key_pair=key_pair, gateway=story.gateway, now=story.now)


def dunning(story: Story) -> None:
    code = {"operation": "charge", "kind": "code", "code": "REJECT_CARD_PAYMENT"}
    subscription_id = renewal_prepared(story, code)
    story.pass_time(days=9)
    lapse(subscription_id=subscription_id, now=story.now)


def card_changed(story: Story) -> None:
    story.subscribe()
    story.change_card()


def card_changed_past_due(story: Story) -> None:
    renewal_prepared(story, {"operation": "charge", "kind": "code", "code": "INVALID_STOPPED_CARD"})
    story.change_card()


def left(story: Story) -> None:
    story.subscribe()
    user = story.customer()
    live = Subscription.latest_for(user.id)
    assert live is not None
    schedule_cancellation(subscription_id=live.id, actor_id=user.id, now=story.now)
    resume(subscription_id=live.id, actor_id=user.id, now=story.now)
    schedule_cancellation(subscription_id=live.id, actor_id=user.id, now=story.now)
    story.month_later()
    end_due(subscription_id=live.id, now=story.now)
    _revoke(story)


def card_not_deleted(story: Story) -> None:
    story.subscribe()
    story.change_card()
    story.trouble({"operation": "delete", "kind": "status", "status": 500})
    with suppress(PaymentGatewayError):
        _revoke(story)


def left_at_once(story: Story) -> None:
    refund_id = _leave_now(story)
    assert refund_id is not None
    story.give_back(refund_id)


def left_and_answer_lost(story: Story) -> None:
    refund_id = _leave_now(story)
    assert refund_id is not None
    story.trouble({"operation": "cancel", "kind": "lost"})
    story.give_back(refund_id)
    story.pass_time(minutes=5)
    story.give_back(refund_id)


def left_and_request_lost(story: Story) -> None:
    refund_id = _leave_now(story)
    assert refund_id is not None
    story.trouble({"operation": "cancel", "kind": "status", "status": 502})
    story.give_back(refund_id)
    story.pass_time(minutes=5)
    story.give_back(refund_id)


def left_and_refused(story: Story) -> None:
    refund_id = _leave_now(story)
    assert refund_id is not None
    story.trouble({"operation": "cancel", "kind": "code", "code": "NOT_CANCELABLE_PAYMENT"})
    story.give_back(refund_id)
    ask_again(refund_id=refund_id, actor_id=None, now=story.now)
    story.trouble({"operation": "cancel", "kind": "code", "code": "NOT_CANCELABLE_PAYMENT"})
    story.give_back(refund_id)
    settle_by_hand(refund_id=refund_id, actor_id=None, now=story.now)


def left_and_never_answered(story: Story) -> None:
    refund_id = _leave_now(story)
    assert refund_id is not None
    story.trouble({"operation": "cancel", "kind": "status", "status": 502})
    story.give_back(refund_id)
    story.pass_time(days=15)
    story.give_back(refund_id)


def plan_changed(story: Story) -> None:
    story.change_plan("premium-yearly")


def plan_change_declined(story: Story) -> None:
    story.change_plan(
        "premium-yearly", {"operation": "charge", "kind": "code", "code": "REJECT_CARD_PAYMENT"}
    )


def plan_change_never_charged(story: Story) -> None:
    checkout_id = story.begin_plan_change("premium-yearly")
    story.pass_time(hours=5)
    story.finish(checkout_id)


def plan_changed_later(story: Story) -> None:
    story.begin_plan_change("basic-monthly")
    live = Subscription.latest_for(story.customer().id)
    assert live is not None
    undo_change(subscription_id=live.id, now=story.now)
    story.begin_plan_change("basic-monthly", subscribe=False)
    story.month_later()
    story.renew()


def refunded_at_toss(story: Story) -> None:
    story.subscribe()
    [payment] = story.shop.control.ledger()["payments"]
    story.shop.control.cancel(payment["payment_key"], 1000)
    story.told("PAYMENT_STATUS_CHANGED", {"paymentKey": payment["payment_key"]})


def told_of_an_open_order(story: Story) -> None:
    story.trouble({"operation": "charge", "kind": "lost"})
    story.subscribe()
    [payment] = story.shop.control.ledger()["payments"]
    story.told("PAYMENT_STATUS_CHANGED", {"orderId": payment["order_id"]})


def told_long_ago(story: Story) -> None:
    refunded_at_toss(story)
    [event_id] = db.session.scalars(select(WebhookEvent.id))
    forget_webhook(event_id=event_id, now=story.now + timedelta(days=100))


def signed_in_long_ago(story: Story) -> None:
    SignIn.begin(story.customer(), address="127.0.0.1", user_agent="x", now=story.now)
    db.session.commit()
    [sign_in_id] = db.session.scalars(select(SignIn.id))
    forget_sign_in(sign_in_id=sign_in_id, now=story.now + timedelta(days=100))


def seen_long_ago(story: Story) -> None:
    AuditEntry.write("back_office.viewed", subject_type="page", subject_id="x", now=story.now)
    db.session.commit()
    [entry_id] = db.session.scalars(select(AuditEntry.id))
    forget_visit(entry_id=entry_id, now=story.now + timedelta(days=800))


def told_while_toss_is_down(story: Story) -> None:
    story.subscribe()
    [payment] = story.shop.control.ledger()["payments"]
    story.trouble({"operation": "lookup", "kind": "status", "status": 502})
    story.told("PAYMENT_STATUS_CHANGED", {"paymentKey": payment["payment_key"]})


def key_deleted_at_toss(story: Story) -> None:
    story.subscribe()
    [key] = story.shop.control.ledger()["billing_keys"]
    story.shop.control.delete_key(key["billing_key"])
    story.told("BILLING_DELETED", {"billingKey": key["billing_key"]})
    story.month_later()
    story.renew()
    story.change_card()


def renewal_announced(story: Story) -> None:
    subscription_id = story.subscribe()
    story.pass_time(days=25)
    remind(subscription_id=subscription_id, now=story.now)


def account_closed(story: Story) -> None:
    refund_id = _leave_now(story)
    assert refund_id is not None
    story.give_back(refund_id)
    user_id = story.customer().id
    close_account(user_id=user_id, vault=story.vault, now=story.now)
    forget_identity(user_id=user_id, now=story.now + timedelta(days=6 * 366))


def asked_and_answered(story: Story) -> None:
    inquiry = inquire(
        user=story.customer(),
        name="김하나",
        email="reader-1@example.com",
        topic="other",
        body="안녕하세요",
        language=Language.KOREAN,
        now=story.now,
    )
    answer_inquiry(inquiry_id=inquiry.id, answer="반갑습니다", now=story.now)
    forget_inquiry(inquiry_id=inquiry.id, now=story.now + timedelta(days=4 * 366))


def receipt_of_a_transfer(story: Story) -> None:
    story.finish(story.come_back(story.order(), "account", method="TRANSFER"))
    payment = db.session.scalars(select(Payment)).one()
    ask_for_receipt(
        payment_id=payment.id,
        user_id=payment.user_id,
        kind=ReceiptKind.INCOME,
        identity_number="01012345678",
        every_payment=True,
        vault=story.vault,
        now=story.now,
    )
    story.settle_receipts()
    stop_receipts(payment_id=payment.id, user_id=payment.user_id, now=story.now)
    refund = begin_refund(payment, won=100, cause=RefundCause.TERMINATION, now=story.now)
    db.session.commit()
    assert refund is not None
    story.give_back(refund.id)
    story.settle_receipts()


def receipt_refused(story: Story) -> None:
    story.finish(story.come_back(story.order(), "account", method="TRANSFER"))
    payment = db.session.scalars(select(Payment)).one()
    story.trouble(
        {"operation": "receipt", "kind": "status", "status": 502},
        {"operation": "receipt", "kind": "code", "code": "INVALID_REQUEST"},
    )
    ask_for_receipt(
        payment_id=payment.id,
        user_id=payment.user_id,
        kind=ReceiptKind.INCOME,
        identity_number="01012345678",
        every_payment=False,
        vault=story.vault,
        now=story.now,
    )
    story.settle_receipts()
    story.pass_time(minutes=10)
    story.settle_receipts()


def receipt_of_what_went_back(story: Story) -> None:
    story.finish(story.come_back(story.order(), "account", method="TRANSFER"))
    payment = db.session.scalars(select(Payment)).one()
    ask_for_receipt(
        payment_id=payment.id,
        user_id=payment.user_id,
        kind=ReceiptKind.EXPENSE,
        identity_number="2208162517",
        every_payment=False,
        vault=story.vault,
        now=story.now,
    )
    refund = begin_refund(
        payment, won=payment.amount_won, cause=RefundCause.TERMINATION, now=story.now
    )
    db.session.commit()
    assert refund is not None
    story.give_back(refund.id)
    story.settle_receipts()


def policy_announced(story: Story) -> None:
    story.customer()
    announce_policy(name="terms", version="2027-06-01", is_adverse=True, now=story.now)


def counted(story: Story) -> None:
    story.subscribe()
    tally(day=story.now.date(), now=story.now)


def sandbox_steered(story: Story) -> None:
    set_test_clock(timedelta(0))
    note_steering("clock.reset", {}, actor_id=story.customer().id, now=story.now)


def plan_described(story: Story) -> None:
    plan = db.session.scalars(select(Plan).filter_by(slug="premium-monthly")).one()
    describe_plan(
        plan_id=plan.id,
        values={**plan.words, "summary": "글을 읽고 밑줄을 나눠요."},
        seen=plan.stamp,
        actor_id=None,
        now=story.now,
    )


def exported(story: Story) -> None:
    today = seoul_date(story.now)
    note_export(ExportKind.PAYMENTS, today, today, actor_id=None, now=story.now)


def price_agreed(story: Story) -> None:
    _offer_price(story)
    _agree_to_price(story)
    story.month_later()
    story.renew()


def price_kept(story: Story) -> None:
    subscription_id = _offer_price(story)
    _agree_to_price(story)
    keep_price(subscription_id=subscription_id, address="127.0.0.1", now=story.now)
    story.month_later()
    story.renew()


def price_offer_withdrawn(story: Story) -> None:
    _offer_price(story)
    _agree_to_price(story)
    offer = db.session.scalars(select(PriceOffer)).one()
    withdraw_offer(offer_id=offer.id, actor_id=offer.created_by_id, now=story.now)
    _follow_prices(story)
    story.month_later()
    story.renew()


def price_never_charged(story: Story) -> None:
    """The keys are refused on the day and for longer than the grace: the old price comes back."""
    _offer_price(story)
    _agree_to_price(story)
    story.month_later()
    story.trouble({"operation": "charge", "kind": "code", "code": "UNAUTHORIZED_KEY"})
    story.renew()
    story.pass_time(days=20)
    db.session.execute(delete(Breaker))
    db.session.commit()
    story.renew()


def read(story: Story) -> None:
    live = db.session.get_one(Subscription, story.subscribe())
    note_use(live, now=story.now)


def mail_sent(story: Story) -> None:
    story.subscribe()
    _send(story)


def mail_unavailable(story: Story) -> None:
    story.subscribe()
    _send(story, MailUnavailable("busy"))


def mail_refused(story: Story) -> None:
    story.subscribe()
    _send(story, MailRefused("no such address"))


def given_back_by_merchant(story: Story) -> None:
    story.subscribe()
    payment = db.session.scalars(select(Payment)).one()
    actor_id = story.customer(2).id
    quote = quote_refund(payment_id=payment.id, won=3000, now=story.now)
    refund_id = refund_quoted(quote_id=quote.id, reason="요청", actor_id=actor_id, now=story.now)
    story.give_back(refund_id)


def retried_and_ended_by_merchant(story: Story) -> None:
    code = {"operation": "charge", "kind": "code", "code": "REJECT_CARD_PAYMENT"}
    subscription_id = renewal_prepared(story, code)
    by: Any = {"actor_id": story.customer(2).id, "reason": "요청", "now": story.now}
    retry_now(subscription_id=subscription_id, **by)
    end_unpaid(subscription_id=subscription_id, **by)


def extended_by_merchant(story: Story) -> None:
    subscription_id = story.subscribe()
    actor_id = story.customer(2).id
    extend(subscription_id=subscription_id, days=5, actor_id=actor_id, reason="요청", now=story.now)
    story.month_later()
    story.pass_time(days=5)
    story.renew()


def mails_decided(story: Story) -> None:
    story.subscribe()
    by: Any = {"actor_id": story.customer(2).id, "reason": "요청", "now": story.now}
    notice_id = db.session.scalars(select(Notice.id)).one()
    _send(story, MailRefused("no such address"))
    send_again(notice_id=notice_id, **by)
    _send(story, MailRefused("no such address"))
    drop_notice(notice_id=notice_id, **by)


def webhook_decided(story: Story) -> None:
    body = b'{"eventType": "PAYMENT_STATUS_CHANGED", "data": {"paymentKey": "x"}}'
    keep_webhook(body, transmission_id="given-up", vault=story.vault, now=story.now)
    event = db.session.scalars(select(WebhookEvent)).one()
    while event.postpone(now=story.now):
        pass
    db.session.commit()
    actor_id = story.customer(2).id
    drop_webhook(event_id=event.id, actor_id=actor_id, reason="요청", now=story.now)


def pass_bought_and_read(story: Story) -> None:
    order = db.session.get_one(PassOrder, story.buy_pass())
    note_use(order, now=story.now)
    story.pass_time(days=28)
    announce_pass_end(order_id=order.id, now=story.now)


def pass_lost(story: Story) -> None:
    order_id = story.buy_pass({"operation": "confirm", "kind": "lost"})
    story.pass_time(minutes=5)
    story.finish_pass(order_id)


def pass_never_arrived(story: Story) -> None:
    order_id = story.buy_pass({"operation": "confirm", "kind": "lost_before"})
    story.pass_time(minutes=5)
    story.finish_pass(order_id)


def pass_refused(story: Story) -> None:
    story.buy_pass(card="foreign-no-funds")


def pass_refused_for_a_while(story: Story) -> None:
    code = {"operation": "confirm", "kind": "code", "code": "PROVIDER_ERROR"}
    order_id = story.buy_pass(code)
    story.pass_time(minutes=5)
    story.finish_pass(order_id)


def pass_too_late(story: Story) -> None:
    order_id = story.come_back_for_pass()
    story.pass_time(minutes=10)
    story.finish_pass(order_id)
    story.told("PAYMENT_STATUS_CHANGED", {"orderId": order_id})


def pass_settled_by_another(story: Story) -> None:
    order_id = story.come_back_for_pass()

    def other_worker() -> None:
        story.pass_time(minutes=5)
        story.finish_pass(order_id)

    story.meanwhile("confirm", other_worker)
    story.finish_pass(order_id)


def pass_failed_at_toss(story: Story) -> None:
    order_id = story.buy_pass({"operation": "confirm", "kind": "lost_before"})
    story.pass_gateway.answers["find_order"] = lambda found: replace(found, status="ABORTED")
    story.pass_time(minutes=5)
    story.finish_pass(order_id)


def pass_undecided(story: Story) -> None:
    story.pass_gateway.answers["confirm"] = lambda paid: replace(paid, status="IN_PROGRESS")
    story.buy_pass()


def pass_differs(story: Story) -> None:
    order_id = _set_pass_aside(story)
    resolve_pass(order_id=order_id, gateway=story.pass_gateway, now=story.now)


def pass_differs_and_was_canceled(story: Story) -> None:
    order_id = _set_pass_aside(story)
    payment_key = db.session.get_one(PassOrder, order_id).payment_key
    assert payment_key is not None
    story.shop.control.cancel(payment_key, 10900)
    resolve_pass(order_id=order_id, gateway=story.pass_gateway, now=story.now)


def pass_with_anothers_payment(story: Story) -> None:
    order_id = story.buy_pass({"operation": "confirm", "kind": "lost_before"})
    story.pass_gateway.answers["find_order"] = lambda _: None
    story.pass_gateway.answers["find_payment"] = lambda one: replace(one, order_id="another-one")
    story.pass_time(minutes=5)
    story.finish_pass(order_id)


def pass_never_answered(story: Story) -> None:
    order_id = story.buy_pass({"operation": "confirm", "kind": "lost_before"})
    story.pass_gateway.answers["find_order"] = lambda _: None
    story.pass_gateway.answers["find_payment"] = lambda _: None
    story.pass_time(days=20)
    story.finish_pass(order_id)


def told_of_a_pass(story: Story) -> None:
    order_id = story.buy_pass({"operation": "confirm", "kind": "lost"})
    story.told("PAYMENT_STATUS_CHANGED", {"orderId": order_id})


def nobody_came_back_for_a_pass(story: Story) -> None:
    order_id = story.order_pass()
    story.pass_time(hours=3)
    abandon_pass_order(order_id=order_id, now=story.now, patience=timedelta(hours=1))


def pass_given_back(story: Story) -> None:
    order_id = story.buy_pass()
    terms = RefundTerms()
    quote = quote_pass_refund(order_id=order_id, terms=terms, now=story.now)
    assert quote is not None
    refund_id = give_pass_back(
        order_id=order_id,
        quote_id=quote.id,
        actor_id=quote.user_id,
        terms=terms,
        now=story.now,
    )
    assert refund_id is not None
    give_back(refund_id=refund_id, gateway=story.pass_gateway, now=story.now)


STORIES: Sequence[Callable[[Story], None]] = (
    first_charge,
    first_charge_declined,
    first_charge_lost,
    first_charge_never_arrived,
    registration_lost,
    registration_refused,
    registration_differs,
    two_tabs,
    two_orders,
    an_order_too_many,
    nobody_came_back,
    renewal,
    renewal_lost,
    renewal_settled_by_another,
    renewal_failed_at_toss,
    renewal_undecided,
    renewal_differs,
    renewal_rejected,
    renewal_forgotten,
    renewal_too_late,
    renewal_in_flight,
    keys_refused,
    dunning,
    card_changed,
    card_changed_past_due,
    left,
    left_at_once,
    left_and_answer_lost,
    left_and_request_lost,
    left_and_refused,
    left_and_never_answered,
    plan_changed,
    plan_change_declined,
    plan_change_never_charged,
    plan_changed_later,
    refunded_at_toss,
    told_of_an_open_order,
    told_long_ago,
    signed_in_long_ago,
    seen_long_ago,
    told_while_toss_is_down,
    key_deleted_at_toss,
    renewal_announced,
    account_closed,
    asked_and_answered,
    policy_announced,
    price_agreed,
    price_kept,
    price_offer_withdrawn,
    price_never_charged,
    receipt_of_a_transfer,
    receipt_refused,
    receipt_of_what_went_back,
    plan_described,
    exported,
    read,
    counted,
    sandbox_steered,
    given_back_by_merchant,
    retried_and_ended_by_merchant,
    extended_by_merchant,
    mails_decided,
    webhook_decided,
    pass_bought_and_read,
    pass_lost,
    pass_never_arrived,
    pass_refused,
    pass_refused_for_a_while,
    pass_too_late,
    pass_settled_by_another,
    pass_failed_at_toss,
    pass_undecided,
    pass_differs,
    pass_differs_and_was_canceled,
    pass_with_anothers_payment,
    pass_never_answered,
    told_of_a_pass,
    nobody_came_back_for_a_pass,
    pass_given_back,
    card_not_deleted,
    mail_sent,
    mail_unavailable,
    mail_refused,
)


def main() -> int:
    """Die at every point that the code has; fail where a promise is broken or none was reached."""
    deaths = [
        (point, side)
        for point in points()
        if not point.file.endswith("audit.py")  # It reads, and changes nothing.
        for side in ("before", "after")
    ]
    stories = range(len(STORIES))
    with postgres.ensure():
        told = _in_lanes(lambda shop, lane: _passed(shop, stories[lane::LANES]))
        ways: dict[str, int] = {}
        for number, names in sorted(pair for lane in told for pair in lane):
            for name in names:
                ways.setdefault(name, number)
        whole = _in_lanes(lambda shop, lane: _die_at(shop, deaths[lane::LANES], ways))
    return 0 if all(whole) else 1


def _in_lanes(act: Callable[[Shop, int], Any]) -> list[Any]:
    """Let each lane, a process with a shop of its own, do its part; return what each returned."""
    lanes = [_fork(partial(_in_own_shop, act, lane)) for lane in range(LANES)]
    ended = [_end_of(*lane) for lane in lanes]
    if any(status for status, _ in ended):
        raise SystemExit("a lane ended early")
    return [returned for _, returned in ended]


def _in_own_shop(act: Callable[[Shop, int], Any], lane: int) -> Any:
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        shop = Shop(Path(folder), {"TOSS_TIMEOUT": str(TIMEOUT)})
        try:
            shop.furnish()
            shop.open_audit_log()
            shop.sandbox.start()
            shop.sandbox.wait_until_ready()
            _warm(shop)
            return act(shop, lane)
        finally:
            shop.close()


def _warm(shop: Shop) -> None:
    """Load, compile and cache what every story needs; leave no connection for forks to share."""
    story = Story(shop, Tracer())
    with story.app.app_context():
        renewal(story)
    _recover(shop)
    with story.app.app_context():
        db.engine.dispose()
    story.app.extensions["payment_gateway"].close()


def _passed(shop: Shop, numbers: Sequence[int]) -> list[tuple[int, list[str]]]:
    """Return the points that each of these stories passes."""
    passed = []
    for number in numbers:
        _reset(shop)
        status, names = _in_child(partial(_tell, shop, number, Tracer()))
        if status:
            raise SystemExit(f"{STORIES[number].__name__} could not be told")
        passed.append((number, names))
    return passed


def _die_at(shop: Shop, deaths: Sequence[tuple[Point, str]], ways: Mapping[str, int]) -> bool:
    """Die at each of these points, and print what came of it; test whether nothing was broken."""
    is_whole = True
    for point, side in deaths:
        result = _die(shop, point, side, ways.get(point.name))
        is_whole = is_whole and not result["broken"]
        line = json.dumps(result, ensure_ascii=False) + "\n"
        os.write(sys.stdout.fileno(), line.encode())  # Whole: another lane writes there too.
    return is_whole


def _die(shop: Shop, point: Point, side: str, number: int | None) -> dict[str, Any]:
    result: dict[str, Any] = {"point": point.name, "side": side, "broken": []}
    if number is None:
        return {**result, "broken": ["no story passes here"]}
    result["story"] = STORIES[number].__name__
    _reset(shop)
    status, _ = _in_child(lambda: _tell(shop, number, Tracer((point.name, side))))
    if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
        return {**result, "broken": [f"the process was not killed: {status}"]}
    shop.control.plant([])
    status, found = _in_child(lambda: _recover(shop))
    return {**result, "broken": found if status == 0 else [f"the run ended with {status}"]}


def _tell(shop: Shop, number: int, tracer: Tracer) -> list[str]:
    story = Story(shop, tracer)
    with story.app.app_context():
        tracer.watch(db.session)
        STORIES[number](story)
        return tracer.passed


def _recover(shop: Shop) -> list[str]:
    """Let the timers of the wire run out, run once, and return what is broken."""
    app = _app(shop)
    with app.app_context():
        latest = _latest(app)
        let_timers_run_out()
        _post_again(shop, app, latest)
    now = latest + timedelta(minutes=1)
    summary = Run(app, time=lambda: now, workers=1).do(EVERYTHING)
    failed = [f"failed: {summary.failed}"] if summary.failed else []
    with app.app_context():
        terms = app.extensions["collection_terms"]
        return failed + broken(charged_by(shop), terms=terms, now=now, is_settled=True)


def _post_again(shop: Shop, app: Flask, now: datetime) -> None:
    """Post every webhook that the sandbox owes, as Toss does until it is answered 200."""
    for delivery in shop.control.ledger()["deliveries"]:
        keep_webhook(
            delivery["body"].encode(),
            transmission_id=delivery["transmission_id"],
            vault=app.extensions["vault"],
            now=now,
        )


def _latest(app: Flask) -> datetime:
    """Return the last instant that the dead process wrote."""
    moments = [START]
    for column in (PaymentAttempt.created_at, Checkout.created_at, Notice.created_at,
                   PassOrder.created_at, PriceOffer.created_at):  # fmt: skip
        moments += [moment for moment in db.session.scalars(select(column)) if moment]
    return max(moments)


def _in_child(act: Callable[[], Any]) -> tuple[int, Any]:
    """Run `act` in a fork; return its exit status and what it returned."""
    return _end_of(*_fork(act))


def _fork(act: Callable[[], Any]) -> tuple[int, int]:
    """Begin `act` in a fork; return its process id and the pipe that it answers through."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reader)
            with os.fdopen(writer, "w") as pipe:
                json.dump(act(), pipe)
            status = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    return pid, reader


def _end_of(pid: int, reader: int) -> tuple[int, Any]:
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    return status, json.loads(told) if told and status == 0 else None


def _reset(shop: Shop) -> None:
    requests.delete(f"{shop.env['SANDBOX_CONTROL_URL']}/ledger", timeout=10)
    shop.control.plant([])
    tables = [table for table in reversed(db.metadata.sorted_tables) if table.name not in KEPT]
    engine = create_engine(shop.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(";".join(f"DELETE FROM {table.name}" for table in tables))


@cache
def _app(shop: Shop) -> Flask:
    settings = {name: shop.env[name] for name in config.DEFAULTS if name in shop.env}
    return create_app({**settings, "TESTING": True})


def _resolve(story: Story) -> None:
    newest = select(PaymentAttempt.order_id).order_by(PaymentAttempt.id.desc()).limit(1)
    resolve(
        order_id=db.session.scalars(newest).one(),
        decision=Decision.CHARGE_AGAIN,
        gateway=story.gateway,
        terms=story.terms,
        now=story.now,
    )


def _set_pass_aside(story: Story) -> str:
    story.pass_gateway.answers["confirm"] = lambda paid: replace(paid, total_won=1)
    return story.buy_pass()


def _leave_now(story: Story) -> int | None:
    subscription_id = story.subscribe()
    quote = quote_leaving(subscription_id=subscription_id, terms=RefundTerms(), now=story.now)
    assert quote is not None
    return leave_now(
        subscription_id=subscription_id,
        quote_id=quote.id,
        actor_id=quote.user_id,
        terms=RefundTerms(),
        now=story.now,
    )


def _offer_price(story: Story) -> int:
    """Offer a dearer plan, and let its days come."""
    subscription_id = story.subscribe()
    plan = db.session.scalars(select(Plan).filter_by(slug="premium-monthly")).one()
    offer_price(
        from_plan=plan,
        to_plan=_dearer(plan),
        change_on=seoul_date(story.now) + timedelta(days=30),
        reason="글",
        actor_id=story.customer().id,
        now=story.now,
    )
    story.pass_time(days=2)
    _follow_prices(story)
    return subscription_id


def _dearer(plan: Plan) -> Plan:
    found = db.session.scalar(select(Plan).filter_by(slug="premium-dearer"))
    if found is None:
        found = Plan(
            product_id=plan.product_id,
            slug="premium-dearer",
            name="프리미엄",
            summary="글",
            description="글",
            features="글",
            price_won=plan.price_won + 3000,
            interval=plan.interval,
        )
        db.session.add(found)
        db.session.commit()
    return found


def _agree_to_price(story: Story) -> None:
    live = Subscription.latest_for(story.customer().id)
    assert live is not None
    quote = quote_price(subscription_id=live.id, now=story.now)
    agree_to_price(
        subscription_id=live.id,
        quote_id=quote.id,
        agreement=AGREED,
        address="127.0.0.1",
        now=story.now,
    )


def _follow_prices(story: Story) -> None:
    for _, number in PriceChange.to_follow(seoul_date(story.now), limit=9):
        follow_price_change(price_change_id=number, now=story.now)


def _revoke(story: Story) -> None:
    for (key_id,) in BillingKey.to_revoke(now=story.now, limit=9):
        revoke_billing_key(
            billing_key_id=key_id,
            gateway=story.gateway,
            vault=story.vault,
            now=story.now,
        )


def _send(story: Story, error: MailError | None = None) -> None:
    def refuse(_: Any) -> None:
        if error is not None:
            raise error

    story.mailbox.answers["send"] = refuse
    for _, notice_id in Notice.due(now=story.now, limit=9):
        with suppress(MailError):
            send_notice(
                notice_id=notice_id,
                render=lambda notice: Mail(to="reader@example.com", subject="x", text="x"),
                mailbox=story.mailbox,
                now=story.now,
            )


if __name__ == "__main__":
    sys.exit(main())
