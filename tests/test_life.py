"""A customer, a card, Toss and time do what they like in any order; no promise is broken."""

import json
import os
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from billing import BillingError
from billing.agree_to_price import agree_to_price, keep_price, quote_price
from billing.agreements import Agreement
from billing.buy_pass import (
    come_back,
    finish_pass_order,
    neighbours_of,
    quote_pass,
    start_pass_order,
)
from billing.cancel import resume, schedule_cancellation
from billing.change_card import start_card_change
from billing.change_plan import change_plan, quote_change, undo_change
from billing.give_pass_back import give_pass_back, quote_pass_refund
from billing.keep_webhook import keep_webhook
from billing.leave import leave_now, quote_leaving
from billing.note_use import note_use
from billing.offer_price import offer_price, withdraw_offer
from billing.subscribe import authorize_checkout, finish_checkout, start_checkout
from chaos.charged import Charged
from chaos.promises import broken
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
from models import (
    PassOrder,
    Payment,
    Plan,
    PriceChange,
    PriceOffer,
    Product,
    Quote,
    Subscription,
    User,
    db,
)
from models.plan import PlanKind
from models.user import Role
from rules.collection_terms import CollectionTerms
from rules.periods import Interval, seoul_date
from rules.refunds import RefundTerms
from tests.conftest import empty_tables
from timetable import EVERYTHING, Run

pytestmark = pytest.mark.slow

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
EXAMPLES = int(os.environ.get("LIFE_EXAMPLES", "15"))
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
        self.pass_gateway = FakeGateway(key_pair="pass", secret_fingerprint="fake00000000pass")
        self.app.extensions["payment_gateway"] = self.gateway
        self.app.extensions["pass_gateway"] = self.pass_gateway
        self.vault = self.app.extensions["vault"]
        with self.app.app_context():
            product = Product(slug="dalbit", name="달빛서재", description="책")
            plans = [
                _plan(product, "monthly", 9_900, Interval.MONTH),
                _plan(product, "yearly", 99_000, Interval.YEAR),
                _plan(product, "basic", 4_900, Interval.MONTH),
            ]
            dearer = [
                _plan(product, "monthly-2", 12_900, Interval.MONTH),
                _plan(product, "yearly-2", 119_000, Interval.YEAR),
            ]
            for_a_while = _plan(product, "pass-1-month", 10_900, Interval.MONTH)
            for_a_while.kind = PlanKind.PASS
            db.session.add(for_a_while)
            people = [_person(number) for number in range(2)]
            merchant = _person(9)
            db.session.add_all([*plans, *dearer, *people, merchant])
            db.session.commit()
            self.plan_ids = [plan.id for plan in plans]
            self.dearer_ids = [plan.id for plan in dearer]
            self.pass_id = for_a_while.id
            self.user_ids = [user.id for user in people]
            self.merchant_id = merchant.id

    @initialize(whom=st.sampled_from([(0, 1), (0, 1), (0,), (1,), ()]))
    def begin(self, whom: tuple[int, ...]) -> None:
        """Let most lives begin with subscribers: more can happen to them."""
        for who in whom:
            self.subscribe(who)

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

    @rule(
        who=PEOPLE,
        dated=st.sampled_from([30, 31, 35]),
        days_before=st.sampled_from([31, 30, 8, 1, 1, 0]),
        waits_hours=st.sampled_from([0, 0, 0, 1, 20]),
    )
    def be_asked_for_more(self, who: int, dated: int, days_before: int, waits_hours: int) -> None:
        """Let the merchant offer a dearer plan, and agree so many days before one's own day."""
        with self.app.app_context():
            live = Subscription.latest_for(self.user_ids[who])
            change = live and (PriceChange.open_for(live.id) or self._offered(live, dated))
            if live is None or change is None or change.period is None:
                return
            until = change.period.start_on - timedelta(days=days_before)
        while (days := (until - seoul_date(self.now)).days) > 0:
            self.pass_time(24 * min(days, 25))
            self.run()
        with self.app.app_context():
            self._try(lambda: self._agree_to_price(live.id, waits_hours))

    @rule()
    def withdraw_offer(self) -> None:
        with self.app.app_context():
            offer_id = db.session.scalar(
                select(PriceOffer.id).order_by(PriceOffer.id.desc()).limit(1)
            )
            if offer_id is not None:
                self._try(
                    lambda: withdraw_offer(
                        offer_id=offer_id, actor_id=self.merchant_id, now=self.now
                    )
                )

    @rule(who=PEOPLE)
    def keep_price(self, who: int) -> None:
        with self.app.app_context():
            live = Subscription.latest_for(self.user_ids[who])
            if live is not None:
                self._try(
                    lambda: keep_price(subscription_id=live.id, address="127.0.0.1", now=self.now)
                )

    @rule(who=PEOPLE)
    def read(self, who: int) -> None:
        with self.app.app_context():
            live = Subscription.latest_for(self.user_ids[who])
            if live is not None and live.grants_access(self.now, grace_days=TERMS.grace_days):
                note_use(live, now=self.now)

    @rule(
        who=PEOPLE,
        minutes=st.sampled_from([0, 0, 0, 5, 11, 61]),
        waits_minutes=st.sampled_from([0, 0, 0, 9, 12]),
        trick=st.sampled_from(["", "", "", "", "amount", "twice", "stolen", "tabs"]),
    )
    def buy_pass(self, who: int, minutes: int, waits_minutes: int, trick: str) -> None:
        """Buy a pass, honestly or not; come back after some minutes, confirmed some later."""
        with self.app.app_context():
            self._try(lambda: self._buy_pass(who, minutes, waits_minutes, trick))

    @rule(who=PEOPLE, reads_between=st.booleans(), waits_hours=st.sampled_from([0, 0, 1, 20]))
    def give_pass_back(self, who: int, reads_between: bool, waits_hours: int) -> None:
        with self.app.app_context():
            passes = PassOrder.granted_to(self.user_ids[who], from_on=seoul_date(self.now))
            quote = passes and quote_pass_refund(
                order_id=passes[-1].id, terms=REFUND_TERMS, now=self.now
            )
            if not quote:
                return
            if reads_between:
                note_use(passes[-1], now=self.now)
            self.pass_time(waits_hours)
            self._try(
                lambda: give_pass_back(
                    order_id=passes[-1].id,
                    quote_id=quote.id,
                    actor_id=self.user_ids[who],
                    terms=REFUND_TERMS,
                    now=self.now,
                )
            )

    @rule(
        refusal=st.sampled_from(
            [
                *REFUSALS,
                BillingKeyRejected("NOT_FOUND_PAYMENT_SESSION"),
                RequestRejected("FORBIDDEN_REQUEST"),
            ]
        )
    )
    def refuse_next_pass(self, refusal: PaymentGatewayError) -> None:
        self.pass_gateway.fail_next("confirm", refusal)

    @rule(operation=st.sampled_from(["confirm", "find_order", "cancel", "find_payment"]))
    def lose_next_answer_about_a_pass(self, operation: str) -> None:
        self.pass_gateway.lose_next(operation)  # type: ignore[arg-type]

    @rule(operation=st.sampled_from(["confirm", "confirm", "cancel"]))
    def lose_next_request_about_a_pass(self, operation: str) -> None:
        self.pass_gateway.lose_before(operation)  # type: ignore[arg-type]

    @rule()
    def told_of_a_pass(self) -> None:
        """Post what may be so or not of the newest order for a pass."""
        with self.app.app_context():
            newest = select(PassOrder.id).order_by(PassOrder.created_at.desc()).limit(1)
            order_id = db.session.scalar(newest)
        if order_id is not None:
            self._told("PAYMENT_STATUS_CHANGED", {"orderId": order_id, "status": "DONE"})

    @rule(part=st.sampled_from([1, 2]))
    def merchant_cancels_a_pass_at_toss(self, part: int) -> None:
        self._canceled_at_toss(self.pass_gateway, part)

    @rule(part=st.sampled_from([1, 2, 5]))
    def merchant_cancels_at_toss(self, part: int) -> None:
        """Give some of the newest payment back in Toss's back office."""
        self._canceled_at_toss(self.gateway, part)

    def _canceled_at_toss(self, gateway: FakeGateway, part: int) -> None:
        paid = [payment for payment in gateway.payments if payment.balance_won >= part]
        if not paid:
            return
        with self.app.app_context():
            booked = db.session.scalar(select(Payment.id).filter_by(order_id=paid[-1].order_id))
        if booked is None:
            return
        self._at_toss(gateway, paid[-1], paid[-1].balance_won // part)
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
        self.gateway.now = self.pass_gateway.now = self.now

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
        self.pass_gateway._faults.clear()
        for _ in range(4):
            self.now += timedelta(minutes=15)
            self.gateway.now = self.pass_gateway.now = self.now
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
            for paid in [*self.gateway.payments, *self.pass_gateway.payments]
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

    def _offered(self, live: Subscription, dated: int) -> PriceChange | None:
        """Offer the dearer plan to all who pay for the one that somebody pays for."""
        dearer = dict(zip(self.plan_ids, self.dearer_ids, strict=False))
        if live.plan_id in dearer:
            self._try(
                lambda: offer_price(
                    from_plan=live.plan,
                    to_plan=db.session.get_one(Plan, dearer[live.plan_id]),
                    change_on=seoul_date(self.now) + timedelta(days=dated),
                    reason="글",
                    actor_id=self.merchant_id,
                    now=self.now,
                )
            )
        return PriceChange.open_for(live.id)

    def _agree_to_price(self, subscription_id: int, waits_hours: int) -> None:
        quote = quote_price(subscription_id=subscription_id, now=self.now)
        self.pass_time(waits_hours)
        agree_to_price(
            subscription_id=subscription_id,
            quote_id=quote.id,
            agreement=AGREED,
            address="127.0.0.1",
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

    def _at_toss(self, gateway: FakeGateway, paid: PaymentAnswer, won: int) -> None:
        request = CancelRequest(
            payment_key=paid.payment_key,
            amount_won=won,
            tax_free_won=0,
            refundable_won=paid.balance_won,
            reason="고객 요청",
            idempotency_key=f"merchant-{len(paid.cancels)}",
        )
        faults, gateway._faults = gateway._faults, defaultdict(deque)
        gateway.cancel(request)
        gateway._faults = faults

    def _buy_pass(self, who: int, minutes: int, waits_minutes: int, trick: str) -> None:
        user = db.session.get_one(User, self.user_ids[who])
        beside = neighbours_of(user.id, now=self.now)
        quote = quote_pass(
            user=user,
            plan=db.session.get_one(Plan, self.pass_id),
            begins_on=beside.begins_on,
            now=self.now,
        )
        tabs = [
            start_pass_order(
                user=user,
                quote=quote,
                agreements=[AGREED],
                address="127.0.0.1",
                told_of_subscription=beside.subscription is not None,
                is_domestic=False,
                gateway=self.pass_gateway,
                now=self.now,
            ).id
            for _ in range(2 if trick == "tabs" else 1)
        ]
        self.now += timedelta(minutes=minutes)
        for order_id in tabs:
            self._try(partial(self._back, user.id, order_id, trick))
        self.now += timedelta(minutes=waits_minutes)
        for order_id in tabs * 2:
            self._try(
                partial(
                    finish_pass_order,
                    order_id=order_id,
                    gateway=self.pass_gateway,
                    now=self.now,
                )
            )

    def _back(self, user_id: int, order_id: str, trick: str) -> None:
        won = 100 if trick == "amount" else 10_900
        keys = [self.pass_gateway.authenticate(order_id, won)]
        if trick == "twice":
            keys.append(self.pass_gateway.authenticate(order_id, won))
        if trick == "stolen":
            keys = [paid.payment_key for paid in self.pass_gateway.payments[-1:]]
        for payment_key in keys:
            come_back(
                order_id=order_id,
                payment_key=payment_key,
                amount_won=won,
                user_id=user_id,
                now=self.now,
            )

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
