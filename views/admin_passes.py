"""The merchant's passes: what was ordered, what came of it, and what can be done about it."""

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import IntegerField
from wtforms.validators import NumberRange, Optional
from wtforms.widgets import HiddenInput

import clock
import key_pairs
from billing import BillingError
from billing.give_pass_back import (
    NothingToGiveBack,
    can_give_back,
    give_pass_back,
    quote_pass_refund,
)
from billing.leave import RefundQuoteExpired
from billing.resolve_pass import resolve_pass
from gateways.payment import PaymentGatewayError
from models import PassOrder, Quote, db
from models.pass_story import PassStory
from rules import won
from views.access import merchant_only
from views.acts import ReasonForm, act_page
from views.admin_subscriptions import give_back_soon
from views.filters import span
from views.office_words import PASS_FAILURES, PASSES
from views.timeline import events_of_pass

blueprint = Blueprint("admin_passes", __name__)

ROWS = 50


class EndForm(ReasonForm):
    """Why, and what the page said comes back."""

    quote = IntegerField(widget=HiddenInput(), validators=[Optional(), NumberRange(1, 2**31 - 1)])


@blueprint.get("/admin/passes")
@merchant_only
def index() -> str:
    """List orders for passes, newest first."""
    orders = PassOrder.listed(ROWS + 1, before=request.args.get("before", default="")[:64])
    return render_template(
        "admin/passes.html",
        orders=orders[:ROWS],
        states=PASSES,
        older_than=orders[ROWS - 1].id if len(orders) > ROWS else None,
    )


@blueprint.get("/admin/passes/<string:order_id>")
@merchant_only
def show(order_id: str) -> str:
    """Show all that ever happened to an order for a pass."""
    story = PassStory.of(order_id)
    if story is None:
        abort(404)
    now = clock.now()
    return render_template(
        "admin/pass.html",
        order=story.order,
        state=PASSES[story.order.status],
        failure=PASS_FAILURES.get(story.order.failure_kind) if story.order.failure_kind else None,
        events=events_of_pass(story),
        can_end=can_give_back(story.order, now=now),
        now=now,
    )


@blueprint.route("/admin/passes/<string:order_id>/end", methods=["GET", "POST"])
@merchant_only
def end(order_id: str) -> ResponseReturnValue:
    """End a pass at once; what is left of it comes back without a penalty."""
    order, form, refusal = _found(order_id), EndForm(), None
    if form.validate_on_submit():
        try:
            if form.quote.data is None:
                raise NothingToGiveBack
            refund_id = give_pass_back(
                order_id=order_id,
                quote_id=form.quote.data,
                actor_id=current_user.id,
                terms=current_app.extensions["refund_terms"],
                now=clock.now(),
                reason=form.reason.data or "",
            )
        except (NothingToGiveBack, RefundQuoteExpired) as error:
            refusal = error.user_message
        else:
            flash("이용권을 끝냈어요. 고객에게 메일로 알려요.")
            if refund_id is not None:
                give_back_soon(refund_id)
            return redirect(_address(order_id), 303)
    order = _found(order_id)
    quote = quote_pass_refund(
        order_id=order_id,
        terms=current_app.extensions["refund_terms"],
        now=clock.now(),
        by_merchant=True,
    )
    if quote is None:
        refusal = refusal or NothingToGiveBack.user_message
    form.quote.raw_data, form.quote.data = None, quote.id if quote else None
    page = act_page(
        "이용권 끝내기",
        form,
        facts=[*_facts(order), *_comes_back(quote)],
        words=[
            "이용권이 바로 끝나고 되돌릴 수 없어요.",
            "남은 날만큼의 금액은 위약금 없이 돌려드려요."
            if quote and quote.refund_won
            else "돌려드릴 금액은 없어요.",
        ],
        button="이용권 끝내기",
        back=_address(order_id),
        refusal=refusal,
    )
    return page, _status(refusal)


@blueprint.route("/admin/passes/<string:order_id>/decision", methods=["GET", "POST"])
@merchant_only
def decide(order_id: str) -> ResponseReturnValue:
    """Ask Toss about an order that was set aside, and settle it by what it says."""
    order, form = _found(order_id), ReasonForm()
    refusal = None if order.is_set_aside else "이미 정한 주문이에요."
    if refusal is None and form.validate_on_submit():
        refusal = _resolve(order, form.reason.data or "")
        if refusal is None:
            flash("토스페이먼츠에 물어 정리했어요.")
            return redirect(_address(order_id), 303)
        order = _found(order_id)
    page = act_page(
        "이용권 결제 확인",
        form,
        facts=[*_facts(order), ("토스페이먼츠 코드", order.failure_code or "–")],
        words=[
            "주문한 것과 다른 답이 왔거나 답을 끝내 받지 못한 주문이에요."
            " 토스페이먼츠 상점관리자에서 이 주문을 먼저 확인해 주세요.",
            "토스페이먼츠에 다시 물어봐요. 주문한 대로 결제되어 있으면 이용권을 드리고,"
            " 결제되지 않았으면 주문을 닫아요.",
            "다른 금액이 남아 있으면 상점관리자에서 취소한 뒤 다시 와 주세요.",
        ],
        button="물어보고 정리하기",
        back=_address(order_id),
        refusal=refusal,
    )
    return page, _status(refusal)


def _found(order_id: str) -> PassOrder:
    order = db.session.get(PassOrder, order_id)
    if order is None:
        abort(404)
    return order


def _resolve(order: PassOrder, reason: str) -> str | None:
    """Settle an order in the room for calls to Toss; return what stood in the way."""
    refusals: list[str] = []
    done: list[bool] = []
    order_id, actor_id, key_pair = order.id, current_user.id, order.key_pair

    def resolve_now() -> None:
        try:
            resolve_pass(
                order_id=order_id,
                gateway=key_pairs.gateway_of(key_pair),
                now=clock.now(),
                actor_id=actor_id,
                reason=reason,
            )
        except BillingError as error:
            refusals.append(error.user_message)
        except PaymentGatewayError as error:
            refusals.append(
                f"토스페이먼츠가 답하지 않았어요 ({error.code}). 잠시 뒤 다시 해 주세요."
            )
        done.append(True)

    db.session.rollback()
    current_app.extensions["toss_room"].run(resolve_now)
    if refusals:
        return refusals[0]
    return None if done else "토스페이먼츠가 답하는 데 오래 걸려요. 잠시 뒤 결과를 확인해 주세요."


def _facts(order: PassOrder) -> list[tuple[str, str]]:
    return [
        ("고객", f"{order.user.name} ({order.user.email})"),
        ("이용권", order.plan.name),
        ("이용 기간", span(order.period)),
        ("금액", won.formatted(order.amount_won)),
    ]


def _comes_back(quote: Quote | None) -> list[tuple[str, str]]:
    if quote is None:
        return []
    lines = [(str(line["name"]), won.signed(int(line["won"]))) for line in quote.lines]
    return [*lines, ("돌려드릴 금액", won.formatted(quote.refund_won))]


def _address(order_id: str) -> str:
    return url_for("admin_passes.show", order_id=order_id)


def _status(refusal: str | None) -> int:
    if refusal is not None and request.method == "POST":
        return 409
    return 400 if request.method == "POST" else 200
