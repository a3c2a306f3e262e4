"""A shop whose workers are killed and whose Toss misbehaves, day after day on the test clock.

Real processes, a real database, the sandbox over HTTP. Customers come, change cards and leave
meanwhile. What is left afterwards is held against the promises.
"""

import json
import random
import secrets
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from flask import Flask
from sqlalchemy import select

import clock
import config
from app import create_app
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
from billing.change_plan import change_plan, quote_change
from billing.give_pass_back import give_pass_back, quote_pass_refund
from billing.keep_webhook import keep_webhook
from billing.leave import leave_now, quote_leaving
from billing.offer_price import offer_price, withdraw_offer
from billing.subscribe import authorize_checkout, finish_checkout, start_checkout
from bin.service import ROOT, Service
from bin.shop import Shop
from chaos.promises import broken
from chaos.world import authenticate, charged_by, let_timers_run_out, register
from gateways.payment import PaymentGatewayError
from gateways.sandbox_control import set_sandbox_clock
from models import PassOrder, Plan, PriceOffer, Quote, ShopClock, Subscription, User, db
from models.plan import PlanKind
from models.user import Role
from rules.collection_terms import CollectionTerms
from rules.periods import seoul_date, seoul_instant

TIMEOUT = 1.0
AGREED = Agreement("recurring", "1", "동의합니다", "terms", "<p>약관</p>")
FOREIGN_CARDS = ["visa"] * 6 + ["jcb", "foreign-no-funds", "foreign-refused", "foreign-reject"]
CARDS = ["works"] * 12 + ["works-check", "no-funds", "never", "limit"]
TROUBLE: list[dict[str, Any]] = [
    {"operation": "charge", "kind": "lost", "chance": 0.08},
    {"operation": "charge", "kind": "hang", "seconds": 2.5, "chance": 0.02},
    {"operation": "charge", "kind": "status", "status": 500, "chance": 0.04},
    {"operation": "charge", "kind": "garbage", "chance": 0.04},
    {"operation": "charge", "kind": "code", "code": "REJECT_CARD_PAYMENT", "chance": 0.06},
    {"operation": "charge", "kind": "code", "code": "REJECT_CARD_COMPANY", "chance": 0.02},
    {"operation": "charge", "kind": "code", "code": "INVALID_STOPPED_CARD", "chance": 0.01},
    {"operation": "charge", "kind": "code", "code": "PROVIDER_ERROR", "chance": 0.03},
    {"operation": "issue", "kind": "lost", "chance": 0.05},
    {"operation": "lookup", "kind": "status", "status": 502, "chance": 0.08},
    {"operation": "lookup", "kind": "lost", "chance": 0.04},
    {"operation": "cancel", "kind": "lost", "chance": 0.2},
    {"operation": "cancel", "kind": "status", "status": 500, "chance": 0.15},
    {"operation": "cancel", "kind": "code", "code": "NOT_AVAILABLE_BANK", "chance": 0.1},
    {"operation": "cancel", "kind": "code", "code": "EXCEED_CANCEL_LIMIT", "chance": 0.05},
    {"operation": "delete", "kind": "status", "status": 500, "chance": 0.1},
    {"operation": "confirm", "kind": "lost", "chance": 0.15},
    {"operation": "confirm", "kind": "lost_before", "chance": 0.1},
    {"operation": "confirm", "kind": "status", "status": 500, "chance": 0.05},
    {"operation": "confirm", "kind": "code", "code": "REJECT_CARD_PAYMENT", "chance": 0.05},
    {"operation": "confirm", "kind": "code", "code": "PROVIDER_ERROR", "chance": 0.05},
    {"operation": "any", "kind": "hang", "seconds": 0.15, "chance": 0.15},
]


@dataclass
class Outcome:
    """What a storm did, which promises it broke, and which records failed in the last run."""

    days: int = 0
    kills: int = 0
    subscriptions: dict[str, int] = field(default_factory=dict)
    charges: int = 0
    won: int = 0
    refunds: int = 0
    seconds: float = 0.0
    failed: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


class Storm:
    """One shop under way; `weather` draws all chances, so that a storm has a name."""

    def __init__(self, folder: Path, *, customers: int, seed: int) -> None:
        self.shop = Shop(
            folder,
            {"TOSS_TIMEOUT": str(TIMEOUT), "MAIL_URL": "console:", "BILLING_RATE": "2000"},
        )
        self.weather = random.Random(seed)
        self.outcome = Outcome()
        self._customers = customers
        self._workers = [self._worker(f"worker-{number}") for number in (1, 2)]
        self._app: Flask | None = None
        self._emails: list[str] = []

    @property
    def app(self) -> Flask:
        """Return the shop as this process speaks to it, for what customers do."""
        assert self._app is not None
        return self._app

    def __enter__(self) -> "Storm":
        shop = self.shop
        shop.furnish()
        shop.sandbox.start()
        shop.sandbox.wait_until_ready()
        settings = {name: shop.env[name] for name in config.DEFAULTS if name in shop.env}
        self._app = create_app(settings)
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.stop()
        clock.follow(None)
        if self._app is not None:
            with self._app.app_context():
                db.session.remove()
                db.engine.dispose()
        self.shop.close()

    def rage(self, *, days: int, kills: int, seconds_a_day: float) -> Outcome:
        """Live through `days`, with at least so many kills, and return what came of it."""
        started = time.monotonic()
        for number in range(self._customers):
            self._subscribe(f"reader-{number}@example.com")
        for worker in self._workers:
            worker.start()
        self.shop.control.plant(TROUBLE)
        end = seoul_instant(seoul_date(clock.now()) + timedelta(days=days))
        day = 0
        while day < days or self.outcome.kills < kills:
            self._set_clock(min(clock.now() + timedelta(days=1), end) if day < days else end)
            self._let_pass(seconds_a_day, wanted=kills * (day + 1) / days)
            day += 1
        self.outcome.days = days
        self.shop.control.plant([])
        self._clean_up()
        self.outcome.seconds = round(time.monotonic() - started, 1)
        return self.outcome

    def _let_pass(self, seconds: float, *, wanted: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end or self.outcome.kills < wanted - 3:
            time.sleep(self.weather.uniform(0, 0.15))
            if self.outcome.kills < wanted:
                self._kill_one()
            with suppress(BillingError, PaymentGatewayError):
                self._somebody_acts()

    def _kill_one(self) -> None:
        worker = self.weather.choice(self._workers)
        if worker.is_alive() and any("worker ready" in line for line in list(worker.lines)):
            time.sleep(self.weather.uniform(0, 0.8))
            worker.kill()
            self.outcome.kills += 1
            worker.start()
        elif not worker.is_alive():
            worker.start()

    def _somebody_acts(self) -> None:
        act = self.weather.choices(
            [
                self._come,
                self._change_card,
                self._change_plan,
                self._leave,
                self._stay,
                self._leave_now,
                self._merchant_acts_at_toss,
                self._merchant_asks_for_more,
                self._answer_price,
                self._buy_pass,
                self._give_pass_back,
            ],
            weights=[3, 4, 3, 1, 1, 1, 1, 1, 6, 3, 1],
        )[0]
        with self.app.app_context():
            try:
                act()
            finally:
                db.session.rollback()

    def _come(self) -> None:
        if len(self._emails) < 2 * self._customers:
            self._subscribe(f"late-{len(self._emails)}@example.com")

    def _change_card(self) -> None:
        subscription, user = self._somebody()
        checkout = start_card_change(user=user, subscription_id=subscription.id, now=clock.now())
        self._come_back(user, checkout.id)

    def _change_plan(self) -> None:
        subscription, _ = self._somebody()
        plans = Plan.all()
        terms, now = self.app.extensions["refund_terms"], clock.now()
        quote = quote_change(
            subscription_id=subscription.id,
            plan=self.weather.choice(plans),
            terms=terms,
            now=now,
        )
        checkout = change_plan(
            subscription_id=subscription.id,
            quote_id=quote.id,
            agreements=[AGREED],
            address="127.0.0.1",
            terms=terms,
            now=now,
        )
        self._finish(checkout.id, now)

    def _leave(self) -> None:
        subscription, user = self._somebody()
        schedule_cancellation(subscription_id=subscription.id, actor_id=user.id, now=clock.now())

    def _stay(self) -> None:
        subscription, user = self._somebody()
        resume(subscription_id=subscription.id, actor_id=user.id, now=clock.now())

    def _leave_now(self) -> None:
        subscription, user = self._somebody()
        terms, now = self.app.extensions["refund_terms"], clock.now()
        quote = quote_leaving(subscription_id=subscription.id, terms=terms, now=now)
        if quote is not None:
            leave_now(
                subscription_id=subscription.id,
                quote_id=quote.id,
                actor_id=user.id,
                terms=terms,
                now=now,
            )

    def _merchant_acts_at_toss(self) -> None:
        """Give money back or delete a card in Toss's back office; webhooks tell of it, or not."""
        ledger = self.shop.control.ledger()
        whole = [row for row in ledger["payments"] if row["balance_amount"] > 1000]
        keys = [row for row in ledger["billing_keys"] if not row["deleted_at"]]
        if self.weather.random() < 0.7 and whole:
            payment = self.weather.choice(whole)
            amount = self.weather.choice([1000, payment["balance_amount"]])
            with suppress(HTTPError):
                self.shop.control.cancel(payment["payment_key"], amount)
            self._tell("PAYMENT_STATUS_CHANGED", {"paymentKey": payment["payment_key"]})
        elif keys:
            key = self.weather.choice(keys)["billing_key"]
            self.shop.control.delete_key(key)
            self._tell("BILLING_DELETED", {"billingKey": key})

    def _merchant_asks_for_more(self) -> None:
        """Offer a dearer plan of the same length, or take the newest offer back."""
        newest = db.session.scalar(select(PriceOffer).order_by(PriceOffer.id.desc()).limit(1))
        user, now = User.with_email(self._emails[0]), clock.now()
        assert user is not None
        if newest is not None and self.weather.random() < 0.1:
            withdraw_offer(offer_id=newest.id, actor_id=user.id, now=now)
        plans = Plan.all()
        pairs = [(old, new) for old in plans for new in plans if new.is_dearer_than(old)]
        from_plan, to_plan = self.weather.choice(pairs)
        offer_price(
            from_plan=from_plan,
            to_plan=to_plan,
            change_on=seoul_date(now) + timedelta(days=self.weather.choice([30, 33, 45])),
            reason="종이값이 올랐어요.",
            actor_id=user.id,
            now=now,
        )

    def _answer_price(self) -> None:
        subscription, _ = self._somebody()
        if self.weather.random() < 0.1:
            keep_price(subscription_id=subscription.id, address="127.0.0.1", now=clock.now())
            return
        quote = quote_price(subscription_id=subscription.id, now=clock.now())
        agree_to_price(
            subscription_id=subscription.id,
            quote_id=quote.id,
            agreement=AGREED,
            address="127.0.0.1",
            now=clock.now(),
        )

    def _buy_pass(self) -> None:
        """Order a pass, pay for it in the window, come back, and sometimes close the browser."""
        user, now = User.with_email(self.weather.choice(self._emails)), clock.now()
        assert user is not None
        gateway = self.app.extensions["pass_gateway"]
        beside = neighbours_of(user.id, now=now)
        plan = self.weather.choice(Plan.all(PlanKind.PASS))
        quote = quote_pass(user=user, plan=plan, begins_on=beside.begins_on, now=now)
        order = start_pass_order(
            user=user,
            quote=quote,
            agreements=[AGREED],
            address="127.0.0.1",
            told_of_subscription=beside.subscription is not None,
            is_domestic=False,
            gateway=gateway,
            now=now,
        )
        order_id, user_id, won = order.id, user.id, order.amount_won
        payment_key = authenticate(self.shop, order, self.weather.choice(FOREIGN_CARDS))
        come_back(
            order_id=order_id,
            payment_key=payment_key or secrets.token_urlsafe(20),
            amount_won=won,
            user_id=user_id,
            now=clock.now(),
        )
        if self.weather.random() < 0.5:
            finish_pass_order(order_id=order_id, gateway=gateway, now=clock.now())

    def _give_pass_back(self) -> None:
        user, now = User.with_email(self.weather.choice(self._emails)), clock.now()
        assert user is not None
        terms = self.app.extensions["refund_terms"]
        for order in PassOrder.granted_to(user.id, from_on=seoul_date(now))[:1]:
            quote = quote_pass_refund(order_id=order.id, terms=terms, now=now)
            if quote is not None:
                give_pass_back(
                    order_id=order.id,
                    quote_id=quote.id,
                    actor_id=user.id,
                    terms=terms,
                    now=now,
                )

    def _tell(self, event_type: str, data: dict[str, str]) -> None:
        body = json.dumps({"eventType": event_type, "data": data}).encode()
        for number in range(self.weather.choice([1, 2])):
            keep_webhook(
                body,
                transmission_id=f"{secrets.token_hex(8)}-{number}",
                vault=self.app.extensions["vault"],
                now=clock.now(),
            )

    def _somebody(self) -> tuple[Subscription, User]:
        user = User.with_email(self.weather.choice(self._emails))
        assert user is not None
        subscription = Subscription.latest_for(user.id)
        if subscription is None:
            raise BillingError
        return subscription, user

    def _subscribe(self, email: str) -> None:
        now = clock.now()
        with self.app.app_context():
            user = User(
                email=email,
                name="김하나",
                role=Role.CUSTOMER,
                password_hash="nobody logs in",
                created_at=now,
                password_changed_at=now,
            )
            db.session.add(user)
            plans = Plan.all()
            quote = Quote.open_for(user, self.weather.choice(plans), now=now)
            db.session.commit()
            self._emails.append(email)
            checkout = start_checkout(
                user=user, quote=quote, agreements=[AGREED], address="127.0.0.1", now=now
            )
            with suppress(BillingError, PaymentGatewayError):
                self._come_back(user, checkout.id)

    def _come_back(self, user: User, checkout_id: str) -> None:
        extensions = self.app.extensions
        card = self.weather.choice(CARDS)
        auth_key = register(self.shop, user, card) or secrets.token_urlsafe(20)
        vault = extensions["vault"]
        now = clock.now()
        authorize_checkout(checkout_id=checkout_id, auth_key=auth_key, vault=vault, now=now)
        self._finish(checkout_id, now)

    def _finish(self, checkout_id: str, now: datetime) -> None:
        if self.weather.random() < 0.5:
            return  # The browser is closed: a worker must finish what the customer began.
        extensions = self.app.extensions
        finish_checkout(
            checkout_id=checkout_id,
            gateway=extensions["payment_gateway"],
            vault=extensions["vault"],
            terms=extensions["collection_terms"],
            now=now,
        )

    def _set_clock(self, moment: datetime) -> None:
        with self.app.app_context():
            ShopClock.set_ahead(moment - clock.real_now())
            db.session.commit()
        clock.read_again()
        set_sandbox_clock(self.shop.env["SANDBOX_CONTROL_URL"], moment)

    def _clean_up(self) -> None:
        """Stop the workers, let the timers of the wire run out, and do one quiet run."""
        for worker in self._workers:
            worker.kill()
        with self.app.app_context():
            let_timers_run_out()
        self._run_once()
        with self.app.app_context():
            terms: CollectionTerms = self.app.extensions["collection_terms"]
            charged = charged_by(self.shop)
            self.outcome.charges = len(charged)
            self.outcome.won = sum(payment.balance_won for payment in charged)
            self.outcome.refunds = sum(len(payment.cancels) for payment in charged)
            self.outcome.broken = broken(
                charged, terms=terms, now=clock.now(), is_settled=True, slack=timedelta(days=1)
            )
            for subscription in db.session.scalars(select(Subscription)):
                name = "held" if subscription.is_held else str(subscription.status)
                counts = self.outcome.subscriptions
                counts[name] = counts.get(name, 0) + 1

    def _run_once(self) -> None:
        command = [sys.executable, "-m", "flask", "billing", "run", "--json"]
        patient = {**self.shop.env, "TOSS_TIMEOUT": "30"}
        ran = subprocess.run(
            command, cwd=ROOT, env=patient, capture_output=True, text=True, timeout=300
        )
        failed = json.loads(ran.stdout or "{}").get("failed", {"run": ran.stderr[-2000:]})
        self.outcome.failed = failed

    def _worker(self, name: str) -> Service:
        command = [sys.executable, "-m", "flask", "billing", "work"]
        return Service(
            name,
            [*command, "--workers", "3", "--pause", "0.05"],
            ready="worker ready",
            environ=self.shop.env,
        )
