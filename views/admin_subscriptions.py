"""The merchant's subscriptions: lists by state, the whole story of one, and what can be done."""

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import IntegerField, StringField
from wtforms.validators import Regexp
from wtforms.widgets import HiddenInput

import clock
import key_pairs
from billing.extend import NotExtendable, can_extend, extend
from billing.leave import (
    NothingToLeave,
    RefundQuoteExpired,
    end_unpaid,
    leave_now,
    quote_leaving,
)
from billing.refund import give_back
from billing.retry import NothingToRetry, can_retry, retry_now
from models import Quote, Refund, Subscription, db
from models.story import Story
from models.subscription import SubscriptionGroup
from rules import won
from rules.refunds import RefundTerms
from views.access import merchant_only
from views.acts import ReasonForm, act_page, found
from views.filters import long_day, status_label
from views.office_words import GROUPS
from views.timeline import events_of

blueprint = Blueprint("admin_subscriptions", __name__)

ROWS = 50


class ExtensionForm(ReasonForm):
    """How many days more, and why."""

    days = StringField(
        "늘릴 날수",
        [Regexp(r"([1-9]|[1-5][0-9]|60)\Z", message="1부터 60까지의 숫자를 입력해 주세요.")],
    )


class EndForm(ReasonForm):
    """Why it ends, and what comes back."""

    quote = IntegerField(widget=HiddenInput())


@blueprint.get("/admin/subscriptions")
@merchant_only
def index() -> str:
    """List the subscriptions of one state."""
    try:
        group = SubscriptionGroup(request.args.get("state", "all"))
    except ValueError:
        abort(404)
    rows = Subscription.listed(group, ROWS + 1, after=request.args.get("after", type=int))
    return render_template(
        "admin/subscriptions.html",
        subscriptions=rows[:ROWS],
        groups=GROUPS,
        group=group,
        after=rows[ROWS - 1].id if len(rows) > ROWS else None,
    )


@blueprint.get("/admin/subscriptions/<int:subscription_id>")
@merchant_only
def show(subscription_id: int) -> str:
    """Show all that ever happened to a subscription, and what can be done about it."""
    story = Story.of(subscription_id) if subscription_id < 2**31 else None
    if story is None:
        abort(404)
    return render_template(
        "admin/subscription.html",
        subscription=story.subscription,
        events=events_of(story),
    )


@blueprint.route("/admin/subscriptions/<int:subscription_id>/retry", methods=["GET", "POST"])
@merchant_only
def retry(subscription_id: int) -> ResponseReturnValue:
    """Have what is past due charged with the next run."""
    subscription, form = found(Subscription, subscription_id), ReasonForm()
    refusal = None if can_retry(subscription) else NothingToRetry.user_message
    invoice = subscription.open_invoice
    owed_won = invoice.amount_won if invoice is not None else 0
    if refusal is None and form.validate_on_submit():
        try:
            retry_now(
                subscription_id=subscription.id,
                actor_id=current_user.id,
                reason=form.reason.data or "",
                now=clock.now(),
            )
        except NothingToRetry as error:
            refusal = error.user_message
        else:
            flash("다시 결제하도록 했어요. 잠시 뒤 결과가 여기에 보여요.")
            return _back(subscription)
    page = act_page(
        "지금 다시 결제",
        form,
        facts=_facts(subscription),
        words=[
            f"등록한 카드로 {won.formatted(owed_won)}을 지금 결제해요."
            f" 결제 시간({current_app.config['BILLING_HOUR']}시)이 되기 전이면 그때 결제해요.",
            "다시 실패해도 정해진 재시도 날짜와 유예 기간은 그대로예요.",
        ],
        button="지금 다시 결제",
        back=_address(subscription),
        refusal=refusal,
    )
    return page, _status(refusal)


@blueprint.route("/admin/subscriptions/<int:subscription_id>/extension", methods=["GET", "POST"])
@merchant_only
def lengthen(subscription_id: int) -> ResponseReturnValue:
    """Give a customer more days for nothing."""
    subscription, form = found(Subscription, subscription_id), ExtensionForm()
    refusal = None if can_extend(subscription) else NotExtendable.user_message
    if refusal is None and form.validate_on_submit():
        try:
            extend(
                subscription_id=subscription.id,
                days=int(form.days.data or 0),
                actor_id=current_user.id,
                reason=form.reason.data or "",
                now=clock.now(),
            )
        except NotExtendable as error:
            refusal = error.user_message
        else:
            flash("이용 기간을 늘렸어요. 고객에게 메일로 알려요.")
            return _back(subscription)
    page = act_page(
        "이용 기간 늘리기",
        form,
        facts=_facts(subscription),
        words=[
            "늘린 날만큼 더 이용하고, 다음 결제일도 그만큼 뒤로 가요. 늘린 날은 결제하지 않아요.",
            "해지할 때 돌려드릴 금액은 결제한 기간으로 계산해요.",
        ],
        button="늘리기",
        back=_address(subscription),
        refusal=refusal,
    )
    return page, _status(refusal)


@blueprint.route("/admin/subscriptions/<int:subscription_id>/end", methods=["GET", "POST"])
@merchant_only
def end(subscription_id: int) -> ResponseReturnValue:
    """End a subscription at once; what is left of a paid period comes back without a penalty."""
    subscription, form = found(Subscription, subscription_id), EndForm()
    refusal = None
    if form.validate_on_submit():
        try:
            refund_id = _end(subscription, form)
        except (NothingToLeave, RefundQuoteExpired) as error:
            refusal = error.user_message
        else:
            flash("구독을 끝냈어요. 고객에게 메일로 알려요.")
            if refund_id is not None:
                give_back_soon(refund_id)
            return _back(subscription)
    quote = quote_leaving(
        subscription_id=subscription.id, terms=_terms(), now=clock.now(), by_merchant=True
    )
    if refusal is None and not _can_end(subscription, quote):
        refusal = "지금은 끝낼 수 없어요. 이미 끝났거나 결제 결과를 확인하고 있어요."
    form.quote.raw_data, form.quote.data = None, quote.id if quote else None
    page = act_page(
        "지금 끝내기",
        form,
        facts=[*_facts(subscription), *_comes_back(quote)],
        words=[
            "구독이 바로 끝나고 서재가 닫혀요. 등록한 카드는 지워지고 되돌릴 수 없어요.",
            "남은 날만큼의 금액은 위약금 없이 돌려드려요."
            if quote and quote.refund_won
            else "돌려드릴 금액은 없어요.",
        ],
        button="지금 끝내기",
        back=_address(subscription),
        refusal=refusal,
    )
    return page, _status(refusal)


def give_back_soon(refund_id: int) -> None:
    """Ask Toss for a refund now if there is room; else the worker does."""
    key_pair = Refund.key_pair_of(refund_id)
    db.session.rollback()
    current_app.extensions["toss_room"].run(
        lambda: give_back(
            refund_id=refund_id, gateway=key_pairs.gateway_of(key_pair), now=clock.now()
        )
    )


def _end(subscription: Subscription, form: EndForm) -> int | None:
    reason = form.reason.data or ""
    if form.quote.data is None:
        end_unpaid(
            subscription_id=subscription.id,
            actor_id=current_user.id,
            reason=reason,
            now=clock.now(),
        )
        return None
    return leave_now(
        subscription_id=subscription.id,
        quote_id=form.quote.data,
        actor_id=current_user.id,
        terms=_terms(),
        now=clock.now(),
        reason=reason,
    )


def _terms() -> RefundTerms:
    terms: RefundTerms = current_app.extensions["refund_terms"]
    return terms


def _can_end(subscription: Subscription, quote: Quote | None) -> bool:
    is_undecided = subscription.is_held or subscription.is_collecting
    return quote is not None or not (subscription.is_ended or is_undecided)


def _comes_back(quote: Quote | None) -> list[tuple[str, str]]:
    if quote is None:
        return []
    lines = [(str(line["name"]), won.signed(int(line["won"]))) for line in quote.lines]
    return [*lines, ("돌려드릴 금액", won.formatted(quote.refund_won))]


def _facts(subscription: Subscription) -> list[tuple[str, str]]:
    facts = [
        ("고객", f"{subscription.user.name} ({subscription.user.email})"),
        ("플랜", subscription.plan.name),
        ("상태", status_label(subscription)),
    ]
    if subscription.paid_period is not None:
        facts.append(("결제된 기간의 끝", long_day(subscription.paid_period.last_on)))
    return facts


def _address(subscription: Subscription) -> str:
    return url_for("admin_subscriptions.show", subscription_id=subscription.id)


def _back(subscription: Subscription) -> ResponseReturnValue:
    return redirect(_address(subscription), 303)


def _status(refusal: str | None) -> int:
    if request.method == "GET":
        return 200
    return 409 if refusal else 400
