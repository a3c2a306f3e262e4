"""The promises about passes, checked against what the gateway of their keys did."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from chaos.charged import Charged
from models import Consent, PassOrder, Payment, Subscription, db
from models.pass_order import CONFIRM_WITHIN


def broken_passes(charged: Sequence[Charged], *, now: datetime, is_settled: bool) -> list[str]:
    """Return every promise about passes that is broken, in words."""
    orders = {
        order.id: order
        for order in db.session.scalars(
            select(PassOrder).options(
                selectinload(PassOrder.requests), selectinload(PassOrder.payment)
            )
        )
    }
    found = [
        *_money_has_rows(charged, orders),
        *_nobody_pays_twice(orders),
        *_nothing_is_sent_as_new(orders),
        *_nothing_is_confirmed_late_or_unasked(orders),
        *_access_is_what_was_paid(orders, now),
    ]
    if is_settled:
        found += _nothing_is_forgotten(orders)
    return found


def _money_has_rows(charged: Sequence[Charged], orders: dict[str, PassOrder]) -> Iterator[str]:
    """Promises 1 and 4: what was confirmed was committed before, for the amount that was agreed."""
    for one in charged:
        order = orders[one.order_id]
        if not order.requests:
            yield f"1: {order.id} was confirmed without a row of its sending"
        if {one.won} != {order.amount_won, order.quote.amount_won}:
            yield f"4: {order.id} took {one.won} won, agreed {order.quote.amount_won}"


def _nobody_pays_twice(orders: dict[str, PassOrder]) -> Iterator[str]:
    """Promise 2: no day is paid for twice with a pass, and no money stays without one."""
    by_user: defaultdict[int, list[PassOrder]] = defaultdict(list)
    for order in orders.values():
        if order.is_paid and not order.is_ended:
            by_user[order.user_id].append(order)
        elif order.payment is not None and order.came_to_nothing and not order.payment.refunds:
            yield f"5: {order.id} came to nothing and keeps its money"
    for own in by_user.values():
        for before, after in pairwise(sorted(own, key=lambda one: one.starts_on)):
            if after.starts_on < before.ends_on:
                yield f"2: {after.id} pays for days of {before.id}"


def _nothing_is_sent_as_new(orders: dict[str, PassOrder]) -> Iterator[str]:
    """Promise 3: the same request, or a new key after a passing refusal."""
    for order in orders.values():
        for first, second in pairwise(order.requests):
            if second.idempotency_key != first.idempotency_key and not first.transient:
                yield f"3: {order.id} was sent again with another key"


def _nothing_is_confirmed_late_or_unasked(orders: dict[str, PassOrder]) -> Iterator[str]:
    """Promise 5: nothing is confirmed without a consent, or begun after ten minutes."""
    consented = set(db.session.scalars(select(Consent.quote_id)))
    for order in orders.values():
        if not order.requests or order.came_back_at is None:
            continue
        if order.quote_id not in consented:
            yield f"5: {order.id} was confirmed without a consent"
        if order.requests[0].sent_at >= order.came_back_at + CONFIRM_WITHIN:
            yield f"5: {order.id} was confirmed for the first time after ten minutes"


def _access_is_what_was_paid(orders: dict[str, PassOrder], now: datetime) -> Iterator[str]:
    """Promise 6: who reads by a pass has paid for it, and no pass is granted over another's money.

    And none runs beside a subscription that its page did not speak of.
    """
    for order in orders.values():
        payment = order.payment
        if order.is_paid and payment is None:
            yield f"6: {order.id} is granted without a payment"
        if order.grants_access(now) and payment is not None and payment.is_refunded_whole:
            yield f"6: {order.id} is granted and its money went back"
    keys = [one.payment_key for one in db.session.scalars(select(Payment)) if one.pass_order_id]
    if len(keys) != len(set(keys)):
        yield "2: one payment key paid for two passes"
    for subscription in db.session.scalars(select(Subscription)):
        for order in orders.values():
            if (
                order.is_paid
                and order.user_id == subscription.user_id
                and not order.told_of_subscription
                and order.came_back_at is not None
                and subscription.created_at < order.came_back_at
                and subscription.is_running
                and subscription.paid_from_on is not None
            ):
                yield f"4: {order.id} runs beside a subscription, unsaid"


def _nothing_is_forgotten(orders: dict[str, PassOrder]) -> Iterator[str]:
    """Promise 12: after a clean run every order is decided, or waits for the merchant."""
    for order in orders.values():
        if order.is_confirming:
            yield f"12: {order.id} is being confirmed after a clean run"
