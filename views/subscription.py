"""My subscription: what it is, what comes next, and how to leave or stay."""

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy.orm import selectinload

import clock
from billing.cancel import NotResumable, resume
from billing.change_plan import can_change
from models import Invoice, Payment, Subscription
from views.filters import long_day

blueprint = Blueprint("subscription", __name__)


@blueprint.get("/subscription")
def show() -> str:
    """Show the customer's subscription with its payments."""
    whole = selectinload(Subscription.invoices).joinedload(Invoice.attempts)
    subscription = Subscription.latest_for(current_user.id, whole)
    return render_template(
        "subscription/show.html",
        subscription=subscription,
        payments=Payment.of_user(current_user.id, limit=3),
        form=FlaskForm(),
        can_change=subscription is not None and can_change(subscription),
        grace_days=current_app.config["GRACE_DAYS"],
    )


@blueprint.post("/subscription/resumption")
def resume_canceled() -> ResponseReturnValue:
    """Undo a scheduled cancellation."""
    subscription = Subscription.latest_for(current_user.id)
    if subscription is None:
        raise NotResumable
    renewed = resume(subscription_id=subscription.id, actor_id=current_user.id, now=clock.now())
    flash(f"해지 예약을 취소했어요. 다음 결제일은 {long_day(renewed.next_period.start_on)}이에요.")
    return redirect(url_for("subscription.show"), 303)
