"""Leaving: one page that says what happens, and one button."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm

import clock
from billing.cancel import NotCancelable, schedule_cancellation
from models import Subscription
from views.filters import long_day

blueprint = Blueprint("cancellation", __name__)


@blueprint.get("/subscription/cancellation")
def new() -> ResponseReturnValue:
    """Show what cancelling does, from when, before the button."""
    subscription = Subscription.latest_for(current_user.id)
    if subscription is None or subscription.is_ended or subscription.is_canceling:
        return redirect(url_for("subscription.show"), 303)
    return render_template("cancellation/new.html", subscription=subscription, form=FlaskForm())


@blueprint.post("/subscription/cancellation")
def create() -> ResponseReturnValue:
    """Cancel at the end of what was paid for."""
    subscription = Subscription.latest_for(current_user.id)
    if subscription is None:
        raise NotCancelable
    canceled = schedule_cancellation(
        subscription_id=subscription.id, actor_id=current_user.id, now=clock.now()
    )
    if canceled.paid_period is None:
        flash("구독을 해지했어요. 결제된 금액은 없어요.")
    elif canceled.is_ended:
        flash("구독을 해지했어요. 더 결제되지 않아요.")
    elif not canceled.grants_access(clock.now(), grace_days=0):
        flash("해지를 접수했어요. 확인하고 있는 결제 말고는 더 결제되지 않아요.")
    else:
        flash(
            f"해지를 예약했어요. {long_day(canceled.paid_period.last_on)}까지 이용할 수 있고,"
            " 더 결제되지 않아요."
        )
    return redirect(url_for("subscription.show"), 303)
