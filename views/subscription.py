"""My subscription: what it is, what comes next, and how to leave or stay."""

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy.orm import joinedload, selectinload

import clock
from billing.agree_to_price import can_answer
from billing.cancel import NotResumable, resume
from billing.change_plan import can_change
from models import Invoice, PassOrder, PriceChange, Subscription
from rules.periods import seoul_date
from views.filters import long_day

blueprint = Blueprint("subscription", __name__)


@blueprint.get("/subscription")
def show() -> str:
    """Show the customer's subscription with its payments."""
    whole = (
        selectinload(Subscription.invoices).joinedload(Invoice.attempts),
        joinedload(Subscription.price_change),
    )
    subscription = Subscription.latest_for(current_user.id, *whole)
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
        form=FlaskForm(),
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


def _price_change(subscription: Subscription) -> PriceChange | None:
    """Return a higher price that was agreed to or may be answered now; nothing else is told."""
    change = subscription.price_change
    if change is None or not (change.stands or can_answer(change, now=clock.now())):
        return None
    return change
