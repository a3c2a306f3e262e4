"""Another plan for a subscription (플랜 변경): what it costs and gives back, and from when."""

from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField
from wtforms.validators import DataRequired, NumberRange
from wtforms.widgets import HiddenInput

import clock
from billing.agreements import Agreement
from billing.change_plan import (
    ChangeQuoteExpired,
    NotChangeable,
    can_change,
    change_plan,
    quote_change,
    undo_change,
)
from models import Plan, Quote, Subscription
from views import card_window, policies
from views.access import client_address
from views.agreed_words import agreed, kept
from views.checkout import finish_soon
from views.filters import charge_day, long_day, tax_note, won
from views.paid_words import plan_name
from views.refusals import text_of

blueprint = Blueprint("plan_change", __name__)

_NEEDED = _l("동의가 필요해요. 내용을 확인하고 표시해 주세요.")


class ChangeForm(FlaskForm):
    """The yes to other amounts on other days; nothing is ticked beforehand."""

    quote = IntegerField(
        widget=HiddenInput(), validators=[DataRequired(), NumberRange(1, 2**31 - 1)]
    )
    recurring = BooleanField(validators=[DataRequired(_NEEDED)])


@blueprint.get("/subscription/plan")
def edit() -> ResponseReturnValue:
    """Show the plans to choose from, or what changing to the chosen one means."""
    subscription = _changeable()
    if subscription is None:
        return redirect(url_for("subscription.show"), 303)
    if "to" not in request.args:
        others = [
            plan for plan in subscription.product.plans_on_sale if plan is not subscription.plan
        ]
        return render_template("plan_change/index.html", subscription=subscription, plans=others)
    return _review(subscription, _chosen(), ChangeForm())


@blueprint.post("/subscription/plan")
def update() -> ResponseReturnValue:
    """Change the plan as the page showed."""
    subscription = _changeable()
    if subscription is None:
        raise NotChangeable
    plan, form = _chosen(), ChangeForm()
    if not form.validate_on_submit():
        return _review(subscription, plan, form, _("필수 동의를 확인해 주세요.")), 400
    quote = Quote.of(current_user.id, form.quote.data, plan.id)
    if quote is None:
        return _review(subscription, plan, form, text_of(ChangeQuoteExpired)), 409
    if quote.begins_now and not card_window.may_open():
        return _review(subscription, plan, form, card_window.NOT_ARMED), 503
    try:
        checkout = change_plan(
            subscription_id=subscription.id,
            quote_id=quote.id,
            agreements=[_agreement(quote)],
            address=client_address(),
            terms=current_app.extensions["refund_terms"],
            now=clock.now(),
        )
    except ChangeQuoteExpired as refusal:
        return _review(subscription, plan, form, text_of(refusal)), 409
    if not quote.begins_now:
        flash(
            _(
                "%(day)s부터 %(plan)s으로 바꿔요. 그 전에는 되돌릴 수 있어요.",
                day=long_day(quote.anchor_on),
                plan=plan_name(plan),
            )
        )
        return redirect(url_for("subscription.show"), 303)
    finish_soon(checkout.id)
    return redirect(url_for("checkout.show", checkout_id=checkout.id), 303)


@blueprint.post("/subscription/plan/cancellation")
def undo() -> ResponseReturnValue:
    """Keep the plan after all."""
    subscription = Subscription.latest_for(current_user.id)
    if subscription is None:
        raise NotChangeable
    undo_change(subscription_id=subscription.id, now=clock.now())
    flash(
        _("플랜 변경을 취소했어요. %(plan)s을 그대로 이용해요.", plan=plan_name(subscription.plan))
    )
    return redirect(url_for("subscription.show"), 303)


def _changeable() -> Subscription | None:
    subscription = Subscription.latest_for(current_user.id)
    return subscription if subscription is not None and can_change(subscription) else None


def _chosen() -> Plan:
    return Plan.on_sale(request.args.get("to", "")) or abort(404)


def _review(
    subscription: Subscription, plan: Plan, form: ChangeForm, notice: str | None = None
) -> Any:
    quote = quote_change(
        subscription_id=subscription.id,
        plan=plan,
        terms=current_app.extensions["refund_terms"],
        now=clock.now(),
    )
    form.quote.raw_data, form.quote.data = None, quote.id
    return render_template(
        "plan_change/edit.html",
        subscription=subscription,
        plan=plan,
        quote=quote,
        form=form,
        notice=notice,
        consent=agreed(lambda: _consent_text(quote)),
        pay_days=current_app.config["REFUND_PAY_BDAYS"],
    )


def _consent_text(quote: Quote) -> str:
    facts = {
        "plan": plan_name(quote.plan),
        "won": won(quote.amount_won),
        "tax": tax_note(quote.plan),
        "days": charge_day(quote.plan, quote.anchor_on),
    }
    if quote.begins_now:
        return _(
            "%(plan)s으로 바꾸고, 오늘 %(won)s이 결제되고, 이후 %(days)s에 %(won)s(%(tax)s)이 자동"
            " 결제되는 데 동의합니다.",
            **facts,
        )
    return _(
        "%(plan)s으로 바꾸고, %(day)s부터 %(days)s에 %(won)s(%(tax)s)이 자동 결제되는 데"
        " 동의합니다.",
        day=long_day(quote.anchor_on),
        **facts,
    )


def _agreement(quote: Quote) -> Agreement:
    return kept(
        lambda: Agreement(
            "plan_change",
            policies.current_version("terms"),
            _consent_text(quote),
            "terms",
            policies.text_of("terms"),
        )
    )
