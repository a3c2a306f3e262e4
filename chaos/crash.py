"""Kill a process at every point, restart, run once, and look at the promises: `-m chaos.crash`.

Each death is a forked process of its own against the sandbox and a real database. Prints one JSON
object a death: the point, the side, and what was broken afterwards.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import requests
from flask import Flask
from sqlalchemy import select

import config
from app import create_app
from billing import BillingError
from billing.abandon import abandon_checkout, abandon_subscription
from billing.agreements import Agreement
from billing.announce_policy import announce_policy
from billing.cancel import end_due, resume, schedule_cancellation
from billing.cash_receipts import ask_for_receipt, settle_receipt, stop_receipts
from billing.change_card import start_card_change
from billing.change_plan import change_plan, quote_change, undo_change
from billing.close_account import close_account
from billing.dun import lapse
from billing.forget import forget_identity, forget_inquiry, forget_sign_in, forget_webhook
from billing.inquire import answer_inquiry, inquire
from billing.keep_webhook import keep_webhook
from billing.leave import leave_now, quote_leaving
from billing.note_use import note_use
from billing.probe import probe
from billing.reconcile import reconcile
from billing.refund import ask_again, begin_refund, give_back, settle_by_hand
from billing.remind import remind
from billing.renew import renew
from billing.resolve import Decision, resolve
from billing.revoke_billing_key import revoke_billing_key
from billing.send_notice import send_notice
from billing.settle_webhook import settle_webhook
from billing.subscribe import authorize_checkout, finish_checkout, start_checkout
from bin import postgres
from bin.shop import Shop
from chaos.points import Point, Tracer, Watched, points
from chaos.promises import broken
from chaos.world import charged_by, let_timers_run_out, register
from gateways.mail import Mail, MailError, MailRefused, MailUnavailable, open_mailbox
from gateways.payment import PaymentGatewayError
from models import (
    BillingKey,
    Breaker,
    CashReceipt,
    Checkout,
    Notice,
    Payment,
    PaymentAttempt,
    Plan,
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
from rules.periods import seoul_instant
from rules.refunds import RefundTerms
from timetable import EVERYTHING, Run

START = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
AGREED = Agreement("recurring", "1", "동의합니다", "terms", "<p>약관</p>")
KEPT = {"plan", "product", "alembic_version"}
TIMEOUT = 1.0


class Story:
    """One shop in this process, and what its customers and its worker do, a step at a time."""

    def __init__(self, shop: Shop, tracer: Tracer) -> None:
        self.shop = shop
        self.app = _app(shop)
        self.tracer = tracer
        self.now = START
        self.gateway = Watched(self.app.extensions["payment_gateway"], tracer)
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
            settle_webhook(event_id=event_id, gateway=self.gateway, vault=self.vault, now=self.now)

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

        def then(answer: Any) -> Any:
            thread = threading.Thread(target=self._elsewhere, args=(act,))
            thread.start()
            thread.join()
            return answer

        self.gateway.answers[method] = then

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
    told_while_toss_is_down,
    key_deleted_at_toss,
    renewal_announced,
    account_closed,
    asked_and_answered,
    policy_announced,
    receipt_of_a_transfer,
    receipt_refused,
    receipt_of_what_went_back,
    read,
    card_not_deleted,
    mail_sent,
    mail_unavailable,
    mail_refused,
)


def main() -> int:
    """Die at every point that the code has; fail where a promise is broken or none was reached."""
    is_whole = True
    with postgres.ensure(), tempfile.TemporaryDirectory(prefix="crash-") as folder:
        shop = Shop(Path(folder), {"TOSS_TIMEOUT": str(TIMEOUT)})
        try:
            shop.flask("db", "upgrade")
            shop.open_audit_log()
            shop.flask("catalog", "load", "demo/catalog.toml")
            shop.sandbox.start()
            shop.sandbox.wait_until_ready()
            ways = _ways(shop)
            for point in points():
                if point.file.endswith("audit.py"):
                    continue  # It reads, and changes nothing.
                for side in ("before", "after"):
                    result = _die(shop, point, side, ways.get(point.name))
                    is_whole = is_whole and not result["broken"]
                    print(json.dumps(result, ensure_ascii=False), flush=True)
        finally:
            shop.close()
    return 0 if is_whole else 1


def _ways(shop: Shop) -> dict[str, int]:
    """Return the story that passes each point first."""
    ways: dict[str, int] = {}
    for number in range(len(STORIES)):
        _reset(shop)
        for name in _in_child(partial(_tell, shop, number, Tracer()))[1] or []:
            ways.setdefault(name, number)
    return ways


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
    for column in (PaymentAttempt.created_at, Checkout.created_at, Notice.created_at):
        moments += [moment for moment in db.session.scalars(select(column)) if moment]
    return max(moments)


def _in_child(act: Callable[[], Any]) -> tuple[int, Any]:
    """Run `act` in a fork; return its exit status and what it returned."""
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
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    return status, json.loads(told) if told and status == 0 else None


def _reset(shop: Shop) -> None:
    requests.delete(f"{shop.env['SANDBOX_CONTROL_URL']}/ledger", timeout=10)
    shop.control.plant([])

    def empty() -> None:
        with _app(shop).app_context():
            for table in reversed(db.metadata.sorted_tables):
                if table.name not in KEPT:
                    db.session.execute(table.delete())
            db.session.commit()

    _in_child(empty)


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
