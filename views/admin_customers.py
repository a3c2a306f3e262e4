"""The merchant's customers: found by what a customer would read out on the phone."""

import re

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from models import (
    BillingKey,
    Consent,
    Inquiry,
    PassOrder,
    Payment,
    PaymentAttempt,
    Subscription,
    User,
    db,
)
from views.access import merchant_only
from views.acts import found
from views.office_words import PASSES

blueprint = Blueprint("admin_customers", __name__)

ROWS = 50
LAST = 20


@blueprint.get("/admin/customers")
@merchant_only
def index() -> ResponseReturnValue:
    """List customers, newest first, or those that fit what was typed.

    An order number or a payment key leads straight to its place in the subscription's story.
    """
    text = request.args.get("q", "").strip()[:200]
    if not text:
        people = User.newest(ROWS + 1, before=request.args.get("before", type=int))
        return _page(people, text="")
    place = _place_of(text)
    if place is not None:
        return redirect(place, 303)
    people = User.called(text, limit=ROWS + 1)
    if re.fullmatch(r"\d{4}", text):
        people += User.with_ids(BillingKey.users_with_tail(text, limit=ROWS + 1 - len(people)))
    return _page(people, text=text)


@blueprint.get("/admin/customers/<int:user_id>")
@merchant_only
def show(user_id: int) -> str:
    """Show one customer: subscriptions, last payments, consents and inquiries."""
    user = found(User, user_id)
    return render_template(
        "admin/customer.html",
        user=user,
        subscriptions=Subscription.of_users([user.id]),
        payments=Payment.last_of_user(user.id, limit=LAST),
        consents=Consent.last_of_user(user.id, limit=LAST),
        inquiries=Inquiry.of_user(user.id),
        passes=PassOrder.last_of_user(user.id, limit=LAST),
        pass_states=PASSES,
    )


def _place_of(text: str) -> str | None:
    """Return where an order number or a payment key is told of."""
    attempt, payment = PaymentAttempt.with_order(text), Payment.with_key(text)
    order = payment.pass_order if payment is not None else db.session.get(PassOrder, text)
    if order is not None:
        return url_for("admin_passes.show", order_id=order.id)
    one = attempt or payment
    if one is None or one.invoice is None:
        return None
    return url_for(
        "admin_subscriptions.show",
        subscription_id=one.invoice.subscription_id,
        _anchor=f"order-{one.order_id}",
    )


def _page(people: list[User], *, text: str) -> str:
    shown = people[:ROWS]
    subscriptions: dict[int, list[Subscription]] = {}
    for one in Subscription.of_users([person.id for person in shown]):
        subscriptions.setdefault(one.user_id, []).append(one)
    return render_template(
        "admin/customers.html",
        people=shown,
        subscriptions=subscriptions,
        text=text,
        has_more=len(people) > ROWS,
        older_than=shown[-1].id if len(people) > ROWS and not text else None,
    )
