"""Price offers: a dearer plan, offered to who pays for another, and what came of it."""

from datetime import date, timedelta
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, SelectChoice, SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length
from wtforms.widgets import HiddenInput

import clock
from billing import BillingError
from billing.offer_price import check_offer, offer_price, withdraw_offer
from models import Plan, PriceChange, PriceOffer, Subscription, db
from models.price_change import PriceChangeStatus
from rules.periods import seoul_date
from rules.price_consent import CONSENT_DAYS, window_opens_on
from views.access import client_address, merchant_only
from views.filters import rate
from views.price_change import consent_text

blueprint = Blueprint("admin_price_offers", __name__)

STATES = {
    PriceChangeStatus.WAITING: "아직 묻지 않음",
    PriceChangeStatus.ASKED: "답을 기다림",
    PriceChangeStatus.AGREED: "동의함",
    PriceChangeStatus.APPLIED: "바뀐 가격 적용",
    PriceChangeStatus.REFUSED: "지금 가격 선택",
    PriceChangeStatus.WITHDRAWN: "동의 철회",
    PriceChangeStatus.LAPSED: "답 없이 지나감",
    PriceChangeStatus.DROPPED: "해당 없음",
}


class ChoiceForm(FlaskForm):
    """From which plan to which, and from when."""

    class Meta:
        csrf = False

    from_plan = SelectField("지금 플랜", coerce=int, validators=[InputRequired()])
    to_plan = SelectField("바뀐 플랜", coerce=int, validators=[InputRequired()])
    change_on = DateField("바뀌는 날", [DataRequired("날짜를 2026-12-20처럼 입력해 주세요.")])


class OfferForm(FlaskForm):
    """The same once more, with why, and a tick that was not set beforehand."""

    from_plan = SelectField(coerce=int, widget=HiddenInput())
    to_plan = SelectField(coerce=int, widget=HiddenInput())
    change_on = DateField(widget=HiddenInput())
    reason = StringField(
        "바꾸는 이유",
        [
            DataRequired("고객이 읽을 이유를 입력해 주세요."),
            Length(max=200, message="이유는 200자 이하로 입력해 주세요."),
        ],
    )
    confirmed = BooleanField(validators=[DataRequired("내용을 확인하고 표시해 주세요.")])


class WithdrawalForm(FlaskForm):
    """A tick that was not set beforehand."""

    confirmed = BooleanField(validators=[DataRequired("내용을 확인하고 표시해 주세요.")])


@blueprint.get("/admin/price-offers")
@merchant_only
def index() -> str:
    """List the offers, with a form to begin another."""
    return _index(_choice(None))


@blueprint.get("/admin/price-offers/new")
@merchant_only
def new() -> ResponseReturnValue:
    """Show what an offer would mean, and what customers would read, before it is made."""
    choice = _choice(request.args)
    if not choice.validate():
        return _index(choice), 400
    form = _offer_form(formdata=None)
    for name in ("from_plan", "to_plan", "change_on"):
        form[name].data = choice[name].data
    return _review(form)


@blueprint.post("/admin/price-offers")
@merchant_only
def create() -> ResponseReturnValue:
    """Make the offer that was reviewed."""
    form = _offer_form()
    if not form.validate_on_submit():
        if form.from_plan.errors or form.to_plan.errors or form.change_on.errors:
            return _index(_choice(None), "플랜과 날짜를 다시 골라 주세요."), 400
        return _review(form, status=400)
    from_plan, to_plan, change_on = _chosen(form)
    try:
        offer = offer_price(
            from_plan=from_plan,
            to_plan=to_plan,
            change_on=change_on,
            reason=" ".join((form.reason.data or "").split()),
            actor_id=current_user.id,
            address=client_address(),
            now=clock.now(),
        )
    except BillingError as refusal:
        return _review(form, refusal.user_message, status=409)
    flash("가격을 제안했어요. 고객마다 결제일 30일 전에 동의를 여쭤요.")
    return redirect(url_for("admin_price_offers.show", offer_id=offer.id), 303)


@blueprint.get("/admin/price-offers/<int:offer_id>")
@merchant_only
def show(offer_id: int) -> str:
    """Show one offer: how many were asked, agreed, refused."""
    return _show(_found(offer_id), WithdrawalForm(formdata=None))


@blueprint.post("/admin/price-offers/<int:offer_id>/withdrawal")
@merchant_only
def withdraw(offer_id: int) -> ResponseReturnValue:
    """Take an offer back."""
    offer, form = _found(offer_id), WithdrawalForm()
    if not form.validate_on_submit():
        return _show(offer, form), 400
    withdraw_offer(
        offer_id=offer.id, actor_id=current_user.id, address=client_address(), now=clock.now()
    )
    flash("가격 제안을 철회했어요. 아직 바뀌지 않은 고객은 모두 지금 가격으로 결제해요.")
    return redirect(url_for("admin_price_offers.show", offer_id=offer.id), 303)


def _index(choice: ChoiceForm, mistake: str | None = None) -> str:
    return render_template(
        "admin/price_offers.html",
        offers=PriceOffer.newest(),
        form=choice,
        earliest=seoul_date(clock.now()) + timedelta(days=CONSENT_DAYS),
        mistake=mistake,
    )


def _review(form: OfferForm, mistake: str | None = None, status: int = 200) -> ResponseReturnValue:
    from_plan, to_plan, change_on = _chosen(form)
    if mistake is None:
        try:
            check_offer(from_plan=from_plan, to_plan=to_plan, change_on=change_on, now=clock.now())
        except BillingError as refusal:
            mistake, status = refusal.user_message, 409
    page = render_template(
        "admin/price_offer_new.html",
        form=form,
        from_plan=from_plan,
        to_plan=to_plan,
        change_on=change_on,
        asks_on=window_opens_on(change_on),
        whom=PriceChange.count_to_ask(from_plan.id, to_plan.id),
        mistake=mistake,
        consent=consent_text(
            from_plan,
            to_plan,
            effective_on=change_on,
            anchor_on=change_on,
            means="카드사와 카드 번호",
        ),
    )
    return page, status


def _show(offer: PriceOffer, form: WithdrawalForm) -> str:
    tally = PriceChange.tally(offer.id)
    return render_template(
        "admin/price_offer.html",
        offer=offer,
        form=form,
        states=[(label, tally.get(status, 0)) for status, label in STATES.items()],
        agreed=tally.get(PriceChangeStatus.AGREED, 0),
        can_withdraw=not offer.is_withdrawn and PriceChange.is_any_left(offer.id),
    )


def _choice(values: Any) -> ChoiceForm:
    form = ChoiceForm(formdata=values)
    plans, payers = Plan.all(), Subscription.live_counts()
    form.from_plan.choices = [
        SelectChoice(plan.id, f"{_label(plan)}, 구독자 {payers[plan.id]}명")
        for plan in plans
        if payers.get(plan.id)
    ]
    form.to_plan.choices = [SelectChoice(plan.id, _label(plan)) for plan in plans]
    return form


def _offer_form(**how: Any) -> OfferForm:
    form = OfferForm(**how)
    form.from_plan.choices = form.to_plan.choices = [
        SelectChoice(plan.id, plan.name) for plan in Plan.all()
    ]
    return form


def _label(plan: Plan) -> str:
    off_sale = "" if plan.is_on_sale else ", 판매 종료"
    return f"{plan.product.name} · {plan.name} ({rate(plan)}{off_sale})"


def _chosen(form: OfferForm) -> tuple[Plan, Plan, date]:
    assert form.change_on.data is not None
    from_plan = db.session.get_one(Plan, form.from_plan.data)
    return from_plan, db.session.get_one(Plan, form.to_plan.data), form.change_on.data


def _found(offer_id: int) -> PriceOffer:
    offer = db.session.get(PriceOffer, offer_id) if offer_id < 2**31 else None
    return offer or abort(404)
