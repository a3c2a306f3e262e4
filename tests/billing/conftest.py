"""Stories of money: a customer who came back from the card window, a paid subscription."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import Executable, text

from billing.buy_pass import (
    come_back,
    finish_pass_order,
    neighbours_of,
    quote_pass,
    start_pass_order,
)
from billing.subscribe import authorize_checkout, finish_checkout, start_checkout
from gateways.fake import FakeGateway
from models import Checkout, PassOrder, Plan, Quote, Subscription, User, Vault, db
from rules.collection_terms import CollectionTerms
from rules.periods import Interval

TERMS = CollectionTerms()
PATIENCE = 10.0


@pytest.fixture(autouse=True)
def _in_context(context: None) -> None:
    """Run every test of this folder inside an app context."""


@dataclass
class Buyer:
    """Walks a customer through the checkout, step by step."""

    app: Flask
    gateway: FakeGateway
    vault: Vault
    plan: Plan

    def start(self, user: User, *, now: datetime, plan: Plan | None = None) -> str:
        quote = Quote.open_for(user, plan or self.plan, now=now)
        db.session.flush()
        checkout = start_checkout(
            user=user, quote=quote, agreements=(), address="127.0.0.1", now=now
        )
        return checkout.id

    def come_back(self, user: User, *, now: datetime, plan: Plan | None = None) -> str:
        checkout_id = self.start(user, now=now, plan=plan)
        auth_key = self.gateway.register(user.customer_key)
        authorize_checkout(checkout_id=checkout_id, auth_key=auth_key, vault=self.vault, now=now)
        return checkout_id

    def finish(self, checkout_id: str, *, now: datetime) -> Checkout:
        finish_checkout(
            checkout_id=checkout_id, gateway=self.gateway, vault=self.vault, terms=TERMS, now=now
        )
        return db.session.get_one(Checkout, checkout_id)

    def subscribe(self, user: User, *, now: datetime) -> Subscription:
        checkout = self.finish(self.come_back(user, now=now), now=now)
        assert checkout.invoice is not None
        return checkout.invoice.subscription


@pytest.fixture
def buyer(app: Flask, gateway: FakeGateway, vault: Vault, plan: Plan) -> Buyer:
    """Return the walker."""
    return Buyer(app, gateway, vault, plan)


@pytest.fixture
def subscription(buyer: Buyer, user: User, now: datetime) -> Subscription:
    """Return a paid subscription."""
    return buyer.subscribe(user, now=now)


@pytest.fixture
def in_threads(app: Flask) -> Callable[..., list[object]]:
    """Run one call many times at once, each in a context of its own; return what came of each."""

    def run(times: int, call: Callable[[], object]) -> list[object]:
        gate = Barrier(times)

        def one(_: int) -> object:
            with app.app_context():
                gate.wait(timeout=10)
                try:
                    return call()
                except Exception as error:
                    return error

        db.session.commit()
        with ThreadPoolExecutor(times) as threads:
            return list(threads.map(one, range(times)))

    return run


@pytest.fixture
def in_other_session(app: Flask) -> Callable[..., list[object]]:
    """Run a select on a connection of its own: it sees what is committed, and nothing else."""

    def run(query: Executable) -> list[object]:
        with app.app_context():
            return list(db.session.execute(query).all())

    return run


@pytest.fixture
def yearly_plan(app: Flask, plan: Plan) -> Plan:
    """Return a yearly plan of the same product."""
    yearly = Plan(
        product_id=plan.product_id,
        slug="premium-yearly",
        name="프리미엄 연간",
        summary="모든 글과 낭독을 일 년 동안",
        description="매주 새 글을 읽고 들어요.",
        features="매주 새 글",
        price_won=99_000,
        interval=Interval.YEAR,
    )
    db.session.add(yearly)
    db.session.commit()
    return yearly


@dataclass
class PassBuyer:
    """Walks a customer through the purchase of a pass, step by step."""

    gateway: FakeGateway
    plan: Plan

    def start(self, user: User, *, now: datetime, told: bool = False) -> str:
        begins_on = neighbours_of(user.id, now=now).begins_on
        quote = quote_pass(user=user, plan=self.plan, begins_on=begins_on, now=now)
        order = start_pass_order(
            user=user,
            quote=quote,
            agreements=(),
            address="127.0.0.1",
            told_of_subscription=told,
            is_domestic=False,
            gateway=self.gateway,
            now=now,
        )
        return order.id

    def come_back(self, user: User, *, now: datetime, told: bool = False) -> str:
        order_id = self.start(user, now=now, told=told)
        payment_key = self.gateway.authenticate(order_id, self.plan.price_won)
        come_back(
            order_id=order_id,
            payment_key=payment_key,
            amount_won=self.plan.price_won,
            user_id=user.id,
            now=now,
        )
        return order_id

    def finish(self, order_id: str, *, now: datetime) -> PassOrder:
        finish_pass_order(order_id=order_id, gateway=self.gateway, now=now)
        return db.session.get_one(PassOrder, order_id)

    def buy(self, user: User, *, now: datetime, told: bool = False) -> PassOrder:
        self.gateway.now = now
        return self.finish(self.come_back(user, now=now, told=told), now=now)


@pytest.fixture
def pass_buyer(pass_gateway: FakeGateway, pass_plan: Plan) -> PassBuyer:
    """Return the walker of passes."""
    return PassBuyer(pass_gateway, pass_plan)


@pytest.fixture
def until_somebody_waits(backend: str) -> Callable[[], None]:
    """Return once another connection waits for a row; SQLite lets nobody in until the commit."""

    def wait() -> None:
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        give_up_at = time.monotonic() + PATIENCE
        while backend == "postgresql" and not db.session.scalar(waiting):
            assert time.monotonic() < give_up_at
            db.session.execute(text("SELECT pg_stat_clear_snapshot()"))

    return wait
