"""My subscription: what it is, what comes next, and how to leave or stay."""

from functools import cache

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import joinedload, lazyload, selectinload
from sqlalchemy.sql.base import ExecutableOption

import clock
from billing.agree_to_price import can_answer
from billing.cancel import NotResumable, resume
from billing.change_plan import can_change
from models import Invoice, PassOrder, Plan, PriceChange, PriceOffer, Subscription
from rules.periods import seoul_date
from views.filters import long_day

blueprint = Blueprint("subscription", __name__)


@blueprint.get("/subscription")
def show() -> str:
    """Show the customer's subscription with its payments."""
    subscription = Subscription.latest_for(current_user.id, *_whole())
    now = clock.now()
    passes, payments = PassOrder.beside_last_payments(
        current_user.id, today=seoul_date(now), limit=3
    )
    return render_template(
        "subscription/show.html",
        subscription=subscription,
        payments=payments,
        passes=passes,
        now=now,
        can_change=subscription is not None and can_change(subscription),
        price_change=_price_change(subscription) if subscription is not None else None,
        grace_days=current_app.config["GRACE_DAYS"],
    )


@blueprint.post("/subscription/resumption")
def resume_canceled() -> ResponseReturnValue:
    """Undo a scheduled cancellation."""
    subscription = Subscription.latest_for(current_user.id)
    if subscription is None:
        raise NotResumable
    renewed = resume(subscription_id=subscription.id, actor_id=current_user.id, now=clock.now())
    flash(
        _(
            "해지 예약을 취소했어요. 다음 결제일은 %(day)s이에요.",
            day=long_day(renewed.next_period.start_on),
        )
    )
    return redirect(url_for("subscription.show"), 303)


@cache
def _whole() -> tuple[ExecutableOption, ...]:
    """Return what loads all that the page says; the customer and their plan's product are known.

    Every table in a query is time for PostgreSQL to plan it.
    """
    change = joinedload(Subscription.price_change).joinedload(PriceChange.offer)
    return (
        lazyload(Subscription.user),
        selectinload(Subscription.invoices).joinedload(Invoice.attempts),
        change.lazyload(PriceOffer.from_plan),
        change.joinedload(PriceOffer.to_plan).lazyload(Plan.product),
    )


def _price_change(subscription: Subscription) -> PriceChange | None:
    """Return a higher price that was agreed to or may be answered now; nothing else is told."""
    change = subscription.price_change
    if change is None or not (change.stands or can_answer(change, now=clock.now())):
        return None
    return change
