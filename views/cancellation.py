"""Leaving: one page that shows both ways with the won that come back, and one button."""

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField
from wtforms.validators import AnyOf, NumberRange, Optional
from wtforms.widgets import HiddenInput

import clock
from billing.cancel import NotCancelable, schedule_cancellation
from billing.leave import (
    NothingToLeave,
    RefundQuoteExpired,
    can_leave_now,
    leave_now,
    quote_leaving,
)
from billing.refund import give_back
from models import Quote, Refund, Subscription, db
from views.filters import long_day, won
from views.refusals import text_of

blueprint = Blueprint("cancellation", __name__)

AT_PERIOD_END, NOW = "period_end", "now"


class LeavingForm(FlaskForm):
    """Which way the customer leaves; neither is chosen beforehand."""

    quote = IntegerField(widget=HiddenInput(), validators=[Optional(), NumberRange(1, 2**31 - 1)])
    kind = StringField(validators=[AnyOf([AT_PERIOD_END, NOW])])


@blueprint.get("/subscription/cancellation")
def new() -> ResponseReturnValue:
    """Show what each way of leaving does, from when, before the button."""
    subscription = Subscription.latest_for(current_user.id)
    if subscription is None or subscription.is_ended:
        return redirect(url_for("subscription.show"), 303)
    if subscription.is_canceling and not can_leave_now(subscription):
        return redirect(url_for("subscription.show"), 303)
    return _page(subscription, LeavingForm())


@blueprint.post("/subscription/cancellation")
def create() -> ResponseReturnValue:
    """Leave in the way that was chosen."""
    subscription = Subscription.latest_for(current_user.id)
    if subscription is None:
        raise NotCancelable
    form = LeavingForm()
    if form.kind.data == NOW:
        return _leave_now(subscription, form)
    if form.kind.data == AT_PERIOD_END or not _can_choose(subscription):
        return _leave_later(subscription)
    return _page(subscription, form, _("어떻게 해지할지 골라 주세요.")), 400


def _page(subscription: Subscription, form: LeavingForm, notice: str | None = None) -> str:
    quote = quote_leaving(
        subscription_id=subscription.id,
        terms=current_app.extensions["refund_terms"],
        now=clock.now(),
    )
    form.quote.raw_data, form.quote.data = None, quote.id if quote else None
    return render_template(
        "cancellation/new.html",
        subscription=subscription,
        form=form,
        quote=quote,
        notice=notice,
        pay_days=current_app.config["REFUND_PAY_BDAYS"],
    )


def _can_choose(subscription: Subscription) -> bool:
    return subscription.is_active and not subscription.is_paused


def _leave_now(subscription: Subscription, form: LeavingForm) -> ResponseReturnValue:
    if not form.validate() or form.quote.data is None:
        return _page(subscription, form, text_of(RefundQuoteExpired)), 409
    try:
        refund_id = leave_now(
            subscription_id=subscription.id,
            quote_id=form.quote.data,
            actor_id=current_user.id,
            terms=current_app.extensions["refund_terms"],
            now=clock.now(),
        )
    except (RefundQuoteExpired, NothingToLeave) as refusal:
        current = db.session.get_one(Subscription, subscription.id)
        if current.is_ended:
            return redirect(url_for("subscription.show"), 303)
        return _page(current, form, text_of(refusal)), 409
    quote = db.session.get_one(Quote, form.quote.data)
    if refund_id is None:
        flash(_("구독을 해지했어요. 돌려드릴 금액은 없어요."))
    else:
        _give_back_soon(refund_id)
        flash(_words_for(db.session.get_one(Refund, refund_id), quote))
    return redirect(url_for("subscription.show"), 303)


def _words_for(refund: Refund, quote: Quote) -> str:
    amount = won(quote.refund_won)
    if refund.is_done:
        return _(
            "구독을 해지하고 %(won)s을 환불했어요. 카드사에 따라 3~7영업일 뒤에 반영돼요.",
            won=amount,
        )
    if refund.is_by_hand:
        return _(
            "구독을 해지했어요. %(won)s은 담당자가 따로 돌려드리고 이메일로 알려드려요.", won=amount
        )
    return _(
        "구독을 해지했어요. %(won)s을 환불하고 있어요. 끝나면 이메일로 알려드려요.", won=amount
    )


def _give_back_soon(refund_id: int) -> None:
    extensions = current_app.extensions
    extensions["toss_room"].run(
        lambda: give_back(
            refund_id=refund_id, gateway=extensions["payment_gateway"], now=clock.now()
        )
    )
    db.session.expire_all()


def _leave_later(subscription: Subscription) -> ResponseReturnValue:
    canceled = schedule_cancellation(
        subscription_id=subscription.id, actor_id=current_user.id, now=clock.now()
    )
    if canceled.paid_period is None:
        flash(_("구독을 해지했어요. 결제된 금액은 없어요."))
    elif canceled.is_ended:
        flash(_("구독을 해지했어요. 더 결제되지 않아요."))
    elif not canceled.grants_access(clock.now(), grace_days=0):
        flash(_("해지를 접수했어요. 확인하고 있는 결제 말고는 더 결제되지 않아요."))
    else:
        flash(
            _(
                "해지를 예약했어요. %(day)s까지 이용할 수 있고, 더 결제되지 않아요.",
                day=long_day(canceled.paid_period.last_on),
            )
        )
    return redirect(url_for("subscription.show"), 303)
