"""A higher price that is offered to a customer: what it means, two equal answers, the way back."""

import hashlib
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, StringField
from wtforms.validators import AnyOf, NumberRange, Optional
from wtforms.widgets import HiddenInput

import clock
from billing.agree_to_price import (
    NothingToAnswer,
    PriceQuoteExpired,
    agree_to_price,
    can_answer,
    keep_price,
    quote_price,
)
from billing.agreements import Agreement
from models import Plan, PriceChange, Quote, Subscription
from rules.periods import seoul_date
from views import policies
from views.access import client_address
from views.agreed_words import agreed, kept
from views.filters import charge_day, long_day, rate, tax_note, won
from views.paid_words import means, plan_name
from views.refusals import text_of

blueprint = Blueprint("price_change", __name__)

AGREE, KEEP = "agree", "keep"


class PriceForm(FlaskForm):
    """Which of the two buttons was pressed; neither is chosen beforehand.

    `seen` is the hash of the words above the buttons: only what was read is agreed to.
    """

    quote = IntegerField(widget=HiddenInput(), validators=[Optional(), NumberRange(1, 2**31 - 1)])
    seen = HiddenField()
    answer = StringField(validators=[AnyOf([AGREE, KEEP])])


@blueprint.get("/subscription/price-change")
def edit() -> ResponseReturnValue:
    """Show what would change and from when, with both answers; or what came of it."""
    change = _own()
    if change is None:
        return redirect(url_for("subscription.show"), 303)
    return _page(change, PriceForm())


@blueprint.post("/subscription/price-change")
def update() -> ResponseReturnValue:
    """Take the answer: a yes, a no, or a yes that is taken back."""
    change = _own()
    if change is None:
        raise NothingToAnswer
    form = PriceForm()
    if not form.validate_on_submit():
        return _page(change, form, _("두 단추 가운데 하나를 눌러 주세요.")), 400
    if form.answer.data == KEEP:
        return _keep(change)
    try:
        change = _agree(change, form)
    except PriceQuoteExpired as refusal:
        return _page(change, form, text_of(refusal)), 409
    assert change.quote is not None
    flash(
        _(
            "동의를 받았어요. %(day)s부터 %(won)s을 결제해요. 그 전에는 동의를 철회할 수 있어요.",
            day=long_day(change.quote.period_start_on),
            won=won(change.after_won),
        )
    )
    return redirect(url_for("subscription.show"), 303)


def consent_text(
    from_plan: Plan, to_plan: Plan, *, effective_on: date, anchor_on: date, means: str
) -> str:
    """Return the words of the consent: the day, both amounts, how it is paid, how one leaves."""
    return _(
        "%(from_plan)s의 결제 금액이 %(day)s부터 %(before)s에서 %(after)s(%(tax)s)으로 오르고,"
        " 그날부터 %(days)s에 %(to_plan)s %(won)s이 등록한 결제 수단(%(means)s)으로 자동 결제되는"
        " 데 동의합니다. 내 구독에서 언제든 해지할 수 있고, 해지하면 낸 기간이 끝날 때까지 이용한"
        " 뒤 더 결제되지 않는다는 안내를 읽었습니다.",
        from_plan=plan_name(from_plan),
        day=long_day(effective_on),
        before=rate(from_plan),
        after=rate(to_plan),
        tax=tax_note(to_plan),
        days=charge_day(to_plan, anchor_on),
        to_plan=plan_name(to_plan),
        won=won(to_plan.price_won),
        means=means,
    )


def _own() -> PriceChange | None:
    """Return what this customer was asked last; what is not their turn yet does not exist."""
    subscription = Subscription.latest_for(current_user.id)
    change = PriceChange.latest_for(subscription.id) if subscription is not None else None
    if change is None or (change.is_waiting and not change.is_window_open(seoul_date(clock.now()))):
        return None
    return change


def _page(change: PriceChange, form: PriceForm, notice: str | None = None) -> str:
    if not can_answer(change, now=clock.now()):
        return render_template(
            "price_change/show.html",
            change=change,
            subscription=change.subscription,
            form=form,
            notice=notice,
            is_over=change.is_off or change.period is None,
            is_late=not change.is_window_open(seoul_date(clock.now())),
        )
    quote = quote_price(subscription_id=change.subscription_id, now=clock.now())
    text = agreed(lambda: _consent_text(change, quote))
    form.quote.raw_data, form.quote.data = None, quote.id
    form.seen.data = _hash(text.kept)
    return render_template(
        "price_change/edit.html",
        form=form,
        notice=notice,
        quote=quote,
        consent=text,
        **facts(change, quote.period_start_on),
    )


def facts(change: PriceChange, effective_on: date) -> dict[str, Any]:
    """Return what page and mail say of a price change that takes effect on a day."""
    return {
        "change": change,
        "subscription": change.subscription,
        "plan": change.offer.from_plan,
        "to_plan": change.offer.to_plan,
        "effective_on": effective_on,
        "last_on": effective_on - timedelta(days=1),
        "penalty_percent": current_app.config["REFUND_PENALTY_PCT"],
    }


def _agree(change: PriceChange, form: PriceForm) -> PriceChange:
    quote = Quote.of(current_user.id, form.quote.data, change.offer.to_plan_id)
    if quote is None:
        raise PriceQuoteExpired
    text = kept(lambda: _consent_text(change, quote))
    if form.seen.data != _hash(text):
        raise PriceQuoteExpired
    version, terms = policies.current_version("terms"), kept(lambda: policies.text_of("terms"))
    return agree_to_price(
        subscription_id=change.subscription_id,
        quote_id=quote.id,
        agreement=Agreement("price_rise", version, text, "terms", terms),
        address=client_address(),
        now=clock.now(),
    )


def _keep(change: PriceChange) -> ResponseReturnValue:
    change = keep_price(
        subscription_id=change.subscription_id, address=client_address(), now=clock.now()
    )
    if change.quote_id is None:
        flash(_("지금 가격 그대로 이용해요. 이 가격 변경은 다시 여쭤보지 않아요."))
    else:
        amount = won(change.before_won)
        flash(_("동의를 철회했어요. 앞으로도 %(won)s을 결제해요.", won=amount))
    return redirect(url_for("subscription.show"), 303)


def _consent_text(change: PriceChange, quote: Quote) -> str:
    return consent_text(
        change.offer.from_plan,
        change.offer.to_plan,
        effective_on=quote.period_start_on,
        anchor_on=quote.anchor_on,
        means=_("지금은 %(means)s", means=means(change.subscription.billing_key)),
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
