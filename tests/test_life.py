"""A customer, a card, Toss and time do what they like in any order; no promise is broken."""

import json
import os
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from billing import BillingError
from billing.agreements import Agreement
from billing.cancel import resume, schedule_cancellation
from billing.change_card import start_card_change
from billing.change_plan import change_plan, quote_change, undo_change
from billing.keep_webhook import keep_webhook
from billing.leave import leave_now, quote_leaving
from billing.note_use import note_use
from billing.subscribe import authorize_checkout, finish_checkout, start_checkout
from chaos.promises import Charged, broken
from gateways.fake import FakeGateway
from gateways.payment import (
    BillingKeyRejected,
    CancelRequest,
    CardDeclined,
    OutcomeUnknown,
    PaymentAnswer,
    PaymentGatewayError,
    RequestRejected,
)
from models import Payment, Plan, Product, Quote, Subscription, User, db
from models.user import Role
from rules.collection_terms import CollectionTerms
from rules.periods import Interval
from rules.refunds import RefundTerms
from tests.conftest import empty_tables
from timetable import EVERYTHING, Run

START = datetime(2027, 12, 31, 2, 0, tzinfo=UTC)
TERMS = CollectionTerms()
AGREED = Agreement("recurring", "1", "동의합니다", "terms", "<p>약관</p>")
REFUSALS = [
    CardDeclined("REJECT_CARD_PAYMENT"),
    CardDeclined("EXCEED_MAX_AMOUNT"),
    BillingKeyRejected("INVALID_STOPPED_CARD"),
    BillingKeyRejected("REJECT_CARD_COMPANY"),
    RequestRejected("UNAUTHORIZED_KEY", key_pair=True),
    OutcomeUnknown("PROVIDER_ERROR", transient=True),
    OutcomeUnknown("UNKNOWN_PAYMENT_ERROR"),
]
REFUND_REFUSALS = [
    RequestRejected("NOT_CANCELABLE_PAYMENT"),
    RequestRejected("UNAUTHORIZED_KEY", key_pair=True),
    OutcomeUnknown("NOT_AVAILABLE_BANK", transient=True),
    OutcomeUnknown("FAILED_REFUND_PROCESS"),
]
REFUND_TERMS = RefundTerms(penalty_percent=10)
PEOPLE = st.integers(0, 1)
EXAMPLES = int(os.environ.get("LIFE_EXAMPLES", "40"))
"""How many lives are lived; each is a list of 30 events."""


class Life(RuleBasedStateMachine):
    """Two customers with a monthly and a yearly plan, for some years."""

    app: Flask
    empty: staticmethod

    def __init__(self) -> None:
        super().__init__()
        self.empty()
        self.now = START
        self.told = 0
        self.gateway = FakeGateway()
        self.app.extensions["payment_gateway"] = self.gateway
        self.vault = self.app.extensions["vault"]
        with self.app.app_context():
            product = Product(slug="dalbit", name="달빛서재", description="책")
            plans = [
                _plan(product, "monthly", 9_900, Interval.MONTH),
                _plan(product, "yearly", 99_000, Interval.YEAR),
                _plan(product, "basic", 4_900, Interval.MONTH),
            ]
            people = [_person(number) for number in range(2)]
            db.session.add_all([*plans, *people])
            db.session.commit()
            self.plan_ids = [plan.id for plan in plans]
            self.user_ids = [user.id for user in people]

    @rule(who=PEOPLE)
    def subscribe(self, who: int) -> None:
        with self.app.app_context():
            user = db.session.get_one(User, self.user_ids[who])
            plan = db.session.get_one(Plan, self.plan_ids[who])
            quote = Quote.open_for(user, plan, now=self.now)
            db.session.flush()
            self._try(
                lambda: self._come_back(
                    user,
                    start_checkout(
                        user=user,
                        quote=quote,
                        agreements=[AGREED],
                        address="127.0.0.1",
                        now=self.now,
                    ).id,
                )
            )

    @rule(who=PEOPLE)
    def change_card(self, who: int) -> None:
        with self.app.app_context():
            user = db.session.get_one(User, self.user_ids[who])
            live = Subscription.latest_for(user.id)
            if live is not None:
                self._try(
                    lambda: self._come_back(
                        user,
                        start_card_change(user=user, subscription_id=live.id, now=self.now).id,
                    )
                )

    @rule(who=PEOPLE)
    def cancel(self, who: int) -> None:
        self._on_subscription(who, schedule_cancellation)

    @rule(who=PEOPLE)
    def resume(self, who: int) -> None:
        self._on_subscription(who, resume)

    @rule(who=PEOPLE, reads_between=st.booleans(), waits_hours=st.sampled_from([0, 0, 1, 20]))
    def leave_now(self, who: int, reads_between: bool, waits_hours: int) -> None:
        """Leave for the amount on the page; what happened since may have made it void."""
        with self.app.app_context():
            live = Subscription.latest_for(self.user_ids[who])
            quote = live and quote_leaving(
                subscription_id=live.id, terms=REFUND_TERMS, now=self.now
            )
            if live is None or quote is None:
                return
            if reads_between:
                note_use(live, now=self.now)
            self.pass_time(waits_hours)
            self._try(
                lambda: leave_now(
                    subscription_id=live.id,
                    quote_id=quote.id,
                    actor_id=live.user_id,
                    terms=REFUND_TERMS,
                    now=self.now,
                )
            )

    @rule(who=PEOPLE, to=st.integers(0, 2), waits_hours=st.sampled_from([0, 0, 1, 20]))
    def change_plan(self, who: int, to: int, waits_hours: int) -> None:
        with self.app.app_context():
            live = Subscription.latest_for(self.user_ids[who])
            if live is not None:
                self._try(lambda: self._change_plan(live.id, self.plan_ids[to], waits_hours))

    @rule(who=PEOPLE)
    def undo_plan_change(self, who: int) -> None:
        with self.app.app_context():
            live = Subscription.latest_for(self.user_ids[who])
            if live is not None:
                self._try(lambda: undo_change(subscription_id=live.id, now=self.now))

    @rule(who=PEOPLE)
    def read(self, who: int) -> None:
        with self.app.app_context():
            live = Subscription.latest_for(self.user_ids[who])
            if live is not None and live.grants_access(self.now, grace_days=TERMS.grace_days):
                note_use(live, now=self.now)

    @rule(part=st.sampled_from([1, 2, 5]))
    def merchant_cancels_at_toss(self, part: int) -> None:
        """Give some of the newest payment back in Toss's back office."""
        paid = [payment for payment in self.gateway.payments if payment.balance_won >= part]
        if not paid:
            return
        with self.app.app_context():
            booked = db.session.scalar(select(Payment.id).filter_by(order_id=paid[-1].order_id))
        if booked is None:
            return
        self._at_toss(paid[-1], paid[-1].balance_won // part)
        self._told("PAYMENT_STATUS_CHANGED", {"paymentKey": paid[-1].payment_key})

    @rule(is_true=st.booleans())
    def told_of_a_deleted_key(self, is_true: bool) -> None:
        """Post that the newest card is gone at Toss, which may be a lie."""
        keys = [key for key in self.gateway.billing_keys if not key.is_deleted]
        if keys:
            keys[-1].is_deleted = is_true
            self._told("BILLING_DELETED", {"billingKey": keys[-1].billing_key})

    @rule(status=st.sampled_from(["DONE", "CANCELED", "EXPIRED"]))
    def told_what_is_not_so(self, status: str) -> None:
        """Post a status of the newest payment that Toss does not confirm."""
        for paid in self.gateway.payments[-1:]:
            self._told("PAYMENT_STATUS_CHANGED", {"paymentKey": paid.payment_key, "status": status})

    @rule(refusal=st.sampled_from(REFUND_REFUSALS))
    def refuse_next_refund(self, refusal: PaymentGatewayError) -> None:
        self.gateway.fail_next("cancel", refusal)

    @rule(refusal=st.sampled_from(REFUSALS))
    def decline_next(self, refusal: PaymentGatewayError) -> None:
        self.gateway.fail_next("charge", refusal)

    @rule(
        operation=st.sampled_from(
            ["charge", "issue_billing_key", "find_order", "cancel", "find_payment"]
        )
    )
    def lose_next_answer(self, operation: str) -> None:
        self.gateway.lose_next(operation)  # type: ignore[arg-type]

    @rule(
        operation=st.sampled_from(["charge", "issue_billing_key", "delete_billing_key", "cancel"])
    )
    def lose_next_request(self, operation: str) -> None:
        self.gateway.lose_before(operation)  # type: ignore[arg-type]

    @rule(hours=st.sampled_from([1, 5, 24, 72, 24 * 8, 24 * 30, 24 * 100]))
    def pass_time(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.gateway.now = self.now

    @rule(days=st.integers(1, 40))
    def live_on(self, days: int) -> None:
        for _ in range(days):
            self.pass_time(24)
            self.run()

    @rule()
    def run(self) -> None:
        summary = Run(self.app, time=lambda: self.now, workers=1).do(EVERYTHING)
        assert not summary.failed, summary.failed

    @invariant()
    def no_promise_is_broken(self) -> None:
        with self.app.app_context():
            assert self._broken(is_settled=False) == []

    def teardown(self) -> None:
        """Let Toss answer again, and look once more after some quiet runs."""
        self.gateway._faults.clear()
        for _ in range(4):
            self.now += timedelta(minutes=15)
            self.gateway.now = self.now
            self.run()
        with self.app.app_context():
            assert self._broken(is_settled=True) == []

    def _broken(self, *, is_settled: bool) -> list[str]:
        charged = [
            Charged(
                paid.order_id,
                paid.total_won,
                paid.balance_won,
                tuple((cancel.reason, cancel.amount_won) for cancel in paid.cancels),
            )
            for paid in self.gateway.payments
        ]
        return broken(charged, terms=TERMS, now=self.now, is_settled=is_settled)

    def _change_plan(self, subscription_id: int, plan_id: int, waits_hours: int) -> None:
        quote = quote_change(
            subscription_id=subscription_id,
            plan=db.session.get_one(Plan, plan_id),
            terms=REFUND_TERMS,
            now=self.now,
        )
        self.pass_time(waits_hours)
        checkout = change_plan(
            subscription_id=subscription_id,
            quote_id=quote.id,
            agreements=[AGREED],
            address="127.0.0.1",
            terms=REFUND_TERMS,
            now=self.now,
        )
        finish_checkout(
            checkout_id=checkout.id,
            gateway=self.gateway,
            vault=self.vault,
            terms=TERMS,
            now=self.now,
        )

    def _told(self, event_type: str, data: dict[str, str]) -> None:
        """Post a webhook, twice, under one transmission id."""
        self.told += 1
        body = json.dumps({"eventType": event_type, "data": data}).encode()
        with self.app.app_context():
            for _ in range(2):
                keep_webhook(
                    body,
                    transmission_id=f"whtrans_{self.told}",
                    vault=self.vault,
                    now=self.now,
                )

    def _at_toss(self, paid: PaymentAnswer, won: int) -> None:
        request = CancelRequest(
            payment_key=paid.payment_key,
            amount_won=won,
            tax_free_won=0,
            refundable_won=paid.balance_won,
            reason="고객 요청",
            idempotency_key=f"merchant-{len(paid.cancels)}",
        )
        faults, self.gateway._faults = self.gateway._faults, defaultdict(deque)
        self.gateway.cancel(request)
        self.gateway._faults = faults

    def _come_back(self, user: User, checkout_id: str) -> None:
        auth_key = self.gateway.register(user.customer_key)
        authorize_checkout(
            checkout_id=checkout_id, auth_key=auth_key, vault=self.vault, now=self.now
        )
        finish_checkout(
            checkout_id=checkout_id,
            gateway=self.gateway,
            vault=self.vault,
            terms=TERMS,
            now=self.now,
        )

    def _on_subscription(self, who: int, act: Callable[..., object]) -> None:
        with self.app.app_context():
            live = Subscription.latest_for(self.user_ids[who])
            if live is not None:
                self._try(
                    lambda: act(subscription_id=live.id, actor_id=self.user_ids[who], now=self.now)
                )

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (BillingError, PaymentGatewayError):
            db.session.rollback()


def _plan(product: Product, slug: str, price_won: int, interval: Interval) -> Plan:
    return Plan(
        product=product,
        slug=slug,
        name=f"플랜 {slug}",
        summary="글",
        description="글",
        features="글",
        price_won=price_won,
        interval=interval,
    )


def _person(number: int) -> User:
    return User(
        email=f"reader{number}@example.com",
        name="김하나",
        role=Role.CUSTOMER,
        password_hash="x",
        created_at=START,
        password_changed_at=START,
    )


def test_any_order_of_events_keeps_every_promise(app):
    def empty() -> None:
        with app.app_context():
            empty_tables()

    case = type("Case", (Life,), {"app": app, "empty": staticmethod(empty)})
    run_state_machine_as_test(
        case,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize="LIFE_EXAMPLES" not in os.environ,
        ),
    )
