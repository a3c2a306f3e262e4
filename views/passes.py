"""Passes: one-time purchases for visitors whose card cannot be registered for billing."""

from typing import Any

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField
from wtforms.validators import DataRequired, NumberRange, Optional
from wtforms.widgets import HiddenInput

import clock
import key_pairs
from billing import BillingError
from billing.agreements import Agreement
from billing.buy_pass import (
    OrderUsed,
    PassAhead,
    come_back,
    finish_pass_order,
    neighbours_of,
    quote_pass,
    start_pass_order,
)
from billing.give_pass_back import (
    NothingToGiveBack,
    can_give_back,
    give_pass_back,
    quote_pass_refund,
)
from billing.leave import RefundQuoteExpired
from billing.refund import give_back
from billing.subscribe import QuoteExpired
from models import PassOrder, Plan, Product, Quote, Refund, db
from models.plan import PlanKind
from rules.periods import seoul_date
from views import card_window, pass_refusals, policies
from views.access import client_address, public
from views.agreed_words import agreed, kept
from views.filters import span, tax_note, won
from views.lane import end_turn
from views.languages import current
from views.page_cache import same_for_strangers
from views.paid_words import plan_name
from views.security import let_card_window_in

blueprint = Blueprint("passes", __name__)

PAYMENT_KEY_LENGTH = 200
FOREIGN, DOMESTIC = "foreign", "domestic"
_WAYS = {FOREIGN: _l("해외에서 발급한 카드"), DOMESTIC: _l("국내에서 발급한 카드·간편결제")}
_NEEDED = _l("동의가 필요해요. 내용을 확인하고 표시해 주세요.")


class PurchaseForm(FlaskForm):
    """What the customer ticks before the payment window; `beside` says what the page told them."""

    quote = IntegerField(
        widget=HiddenInput(), validators=[DataRequired(), NumberRange(1, 2**31 - 1)]
    )
    beside = IntegerField(widget=HiddenInput(), validators=[Optional(), NumberRange(0, 1)])
    purchase = BooleanField(validators=[DataRequired(_NEEDED)])


class GivingBackForm(FlaskForm):
    """What the page said comes back."""

    quote = IntegerField(
        widget=HiddenInput(), validators=[DataRequired(), NumberRange(1, 2**31 - 1)]
    )


@blueprint.before_request
def _hide_where_none_are_sold() -> None:
    """Have no such page before there is a contract for one-time payments, but for what was sold."""
    sold_before = ("passes.order", "passes.state", "passes.edit", "passes.return_pass")
    if not key_pairs.sells_passes() and request.endpoint not in sold_before:
        abort(404)


@blueprint.get("/passes")
@public
@same_for_strangers
def index() -> str:
    """Show every pass on sale; to a customer also those that they bought."""
    now = clock.now()
    own = PassOrder.paid_by(current_user.id) if current_user.is_authenticated else []
    return render_template(
        "passes/index.html", products=Product.with_passes(), own=own, now=now, takes=_takes()
    )


@blueprint.get("/passes/<string:slug>")
@public
@same_for_strangers
def show(slug: str) -> str:
    """Show one pass with its terms of sale."""
    return page_of(_on_sale(slug))


def page_of(plan: Plan, *, is_preview: bool = False) -> str:
    """Return a pass's page; the merchant sees one that is not on sale, with nothing to press."""
    return render_template(
        "passes/show.html",
        plan=plan,
        is_preview=is_preview,
        period=plan.period(seoul_date(clock.now()), 1),
        withdraw_days=current_app.config["REFUND_WITHDRAW_DAYS"],
        takes=_takes(),
    )


@blueprint.get("/passes/<string:slug>/checkout")
def new(slug: str) -> ResponseReturnValue:
    """Show the order for review, with everything the law wants said before the button."""
    return _order_page(_on_sale(slug), PurchaseForm())


@blueprint.post("/passes/<string:slug>/checkout")
def create(slug: str) -> ResponseReturnValue:
    """Store the order and the consent, and answer what the payment window needs, as JSON."""
    plan, form = _on_sale(slug), PurchaseForm()
    if not form.validate_on_submit():
        return _refused(plan, form, _("필수 동의를 확인해 주세요."), 400)
    way = _chosen()
    if way is None:
        return _refused(plan, form, _("결제 수단을 골라 주세요."), 400)
    if not card_window.wants_json():
        return _refused(
            plan, form, _("결제창을 열려면 브라우저에서 자바스크립트를 켜 주세요."), 400
        )
    if not card_window.may_open():
        return _refused(
            plan,
            form,
            _("지금은 결제할 수 없어요. 잠시 후 다시 시도하거나 고객센터로 알려 주세요."),
            503,
        )
    quote = Quote.of(current_user.id, form.quote.data, plan.id)
    if quote is None:
        return _refused(plan, form, _(QuoteExpired.user_message), 409)
    try:
        order = start_pass_order(
            user=current_user,
            quote=quote,
            agreements=[_agreement(quote)],
            address=client_address(),
            told_of_subscription=bool(form.beside.data),
            is_domestic=way == DOMESTIC,
            gateway=key_pairs.gateway_of(key_pairs.PASS),
            now=clock.now(),
            language=current(),
        )
    except BillingError as refusal:
        return _refused(plan, form, _(refusal.user_message), 409)
    return jsonify(_window(order)), 201


@blueprint.get("/passes/success")
@public
def success() -> ResponseReturnValue:
    """Take the customer back from the payment window, and go on to the order's own page."""
    order_id, payment_key = request.args.get("orderId", ""), request.args.get("paymentKey", "")
    amount = request.args.get("amount", "")
    is_whole = 0 < len(order_id) <= 64 and 0 < len(payment_key) <= PAYMENT_KEY_LENGTH
    if not is_whole or not amount.isdecimal() or len(amount) > 12:
        return _strange_return(_("결제창에서 돌아온 주소가 온전하지 않아요. 결제된 금액은 없어요."))
    try:
        order = come_back(
            order_id=order_id,
            payment_key=payment_key,
            amount_won=int(amount),
            user_id=current_user.id if current_user.is_authenticated else None,
            now=clock.now(),
        )
    except OrderUsed as refusal:
        return _strange_return(_(refusal.user_message), 409)
    except BillingError as refusal:
        return _strange_return(_(refusal.user_message))
    is_confirming = order.is_confirming
    end_turn()
    if is_confirming:
        _finish_soon(order_id)
    answer = redirect(url_for("passes.order", order_id=order_id), 303)
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@blueprint.get("/passes/fail")
@public
def fail() -> ResponseReturnValue:
    """Say why the payment window sent the customer back; it does not always name the order."""
    code, message = request.args.get("code"), request.args.get("message")
    order = _known(request.args.get("order") or request.args.get("orderId") or "")
    if order is not None and not _is_anothers(order) and order.is_open:
        order.report(code, message)
        db.session.commit()
    return render_template(
        "passes/fail.html",
        refusal=pass_refusals.reported(code),
        again=_again(order),
        code=(code or "")[:100],
        message=(message or "")[:200] if order else "",
    )


@blueprint.get("/passes/orders/<string:order_id>")
def order(order_id: str) -> ResponseReturnValue:
    """Show what came of an order: a pass with its days, a refusal, or that it is being asked."""
    found = _own(order_id)
    if found.is_paid:
        return _pass_page(found)
    if found.is_unsettled:
        return render_template("passes/waiting.html", order=found)
    if found.is_open:
        return redirect(url_for("passes.new", slug=found.plan.slug), 303)
    return render_template(
        "passes/failed.html",
        order=found,
        refusal=pass_refusals.failed(found),
        again=_again(found),
        code=found.failure_code,
    )


@blueprint.get("/passes/orders/<string:order_id>/state")
def state(order_id: str) -> ResponseReturnValue:
    """Answer whether an order is settled; the waiting page asks."""
    return jsonify(settled=not _own(order_id).is_unsettled)


@blueprint.get("/passes/orders/<string:order_id>/refund")
def edit(order_id: str) -> ResponseReturnValue:
    """Show what comes back of a pass, and why, before the button."""
    found = _own(order_id)
    if not can_give_back(found, now=clock.now()):
        return redirect(url_for("passes.order", order_id=order_id), 303)
    return _refund_page(found, GivingBackForm())


@blueprint.post("/passes/orders/<string:order_id>/refund")
def return_pass(order_id: str) -> ResponseReturnValue:
    """Give a pass back for what the page said."""
    found, form = _own(order_id), GivingBackForm()
    if not form.validate_on_submit() or form.quote.data is None:
        return _refund_page(found, form, _(RefundQuoteExpired.user_message), 409)
    try:
        refund_id = give_pass_back(
            order_id=order_id,
            quote_id=form.quote.data,
            actor_id=current_user.id,
            terms=current_app.extensions["refund_terms"],
            now=clock.now(),
        )
    except (RefundQuoteExpired, NothingToGiveBack) as refusal:
        found = _own(order_id)
        if not can_give_back(found, now=clock.now()):
            return redirect(url_for("passes.order", order_id=order_id), 303)
        return _refund_page(found, form, _(refusal.user_message), 409)
    if refund_id is None:
        flash(_("이용권을 끝냈어요. 돌려드릴 금액은 없어요."))
    else:
        _give_back_soon(refund_id, _own(order_id).key_pair)
        flash(_words_for(db.session.get_one(Refund, refund_id)))
    return redirect(url_for("passes.order", order_id=order_id), 303)


def _on_sale(slug: str) -> Plan:
    return Plan.on_sale(slug, PlanKind.PASS) or abort(404)


def _takes() -> list[str]:
    """Return the ways to pay that are offered: foreign cards, and others where the shop says so."""
    offers_domestic = current_app.config["PASS_DOMESTIC_CARDS"]
    return [FOREIGN, DOMESTIC] if offers_domestic else [FOREIGN]


def _chosen() -> str | None:
    ways = _takes()
    if len(ways) == 1:
        return ways[0]
    return next((way for way in ways if way == request.form.get("way")), None)


def _order_page(
    plan: Plan, form: PurchaseForm, notice: str | None = None, status: int = 200
) -> Any:
    now = clock.now()
    try:
        beside = neighbours_of(current_user.id, now=now)
    except PassAhead:
        return render_template("passes/ahead.html", own=PassOrder.paid_by(current_user.id)), status
    quote = quote_pass(user=current_user, plan=plan, begins_on=beside.begins_on, now=now)
    form.quote.raw_data, form.quote.data = None, quote.id
    form.beside.raw_data, form.beside.data = None, int(beside.subscription is not None)
    let_card_window_in()
    page = render_template(
        "passes/new.html",
        plan=plan,
        quote=quote,
        form=form,
        notice=notice,
        purchase=agreed(lambda: _consent_text(quote)),
        beside=beside,
        client_key=current_app.config["TOSS_PASS_CLIENT_KEY"],
        sdk_url=current_app.config["TOSS_SDK_URL"],
        ways=[(way, str(_WAYS[way])) for way in _takes()],
        withdraw_days=current_app.config["REFUND_WITHDRAW_DAYS"],
    )
    return page, status


def _refused(plan: Plan, form: PurchaseForm, message: str, status: int) -> ResponseReturnValue:
    if card_window.wants_json():
        return card_window.refused(message, status)
    return _order_page(plan, form, message, status)


def _agreement(quote: Quote) -> Agreement:
    return Agreement(
        "purchase",
        policies.current_version("refund"),
        kept(lambda: _consent_text(quote)),
        "refund",
        kept(lambda: policies.text_of("refund")),
    )


def _consent_text(quote: Quote) -> str:
    return _(
        "%(plan)s %(won)s(%(tax)s, 한 번만 결제), 이용 기간 %(span)s, 환불 규정을 확인했고"
        " 구매에 동의합니다.",
        plan=plan_name(quote.plan),
        won=won(quote.amount_won),
        tax=tax_note(quote.plan),
        span=span(quote.period),
    )


def _window(order: PassOrder) -> dict[str, Any]:
    """Return what the script opens the payment window with."""
    origin = current_app.config["PUBLIC_URL"]
    card: dict[str, Any] = {"language": str(current()).upper()}
    if not order.is_domestic:
        card["useInternationalCardOnly"] = True
    return {
        "customerKey": order.user.customer_key,
        "method": "CARD",
        "amount": {"currency": "KRW", "value": order.amount_won},
        "taxFreeAmount": order.tax_free_won,
        "orderId": order.id,
        "orderName": order.order_name,
        "customerName": order.user.name,
        "customerEmail": order.user.email,
        "successUrl": origin + url_for("passes.success"),
        "failUrl": origin + url_for("passes.fail", order=order.id),
        "card": card,
    }


def _known(order_id: str) -> PassOrder | None:
    return db.session.get(PassOrder, order_id) if 0 < len(order_id) <= 64 else None


def _is_anothers(order: PassOrder) -> bool:
    return current_user.is_authenticated and current_user.id != order.user_id


def _own(order_id: str) -> PassOrder:
    found = _known(order_id)
    if found is None or found.user_id != current_user.id:
        abort(404)
    return found


def _again(order: PassOrder | None) -> str:
    if order is None or _is_anothers(order) or not order.plan.is_on_sale:
        return url_for("passes.index")
    return url_for("passes.new", slug=order.plan.slug)


def _strange_return(message: str, status: int = 400) -> ResponseReturnValue:
    page = render_template("passes/strange_return.html", message=message)
    return page, status, {"Referrer-Policy": "no-referrer"}


def _finish_soon(order_id: str) -> None:
    """Confirm an order in the room for calls to Toss; what finds no place is the worker's."""
    gateway = key_pairs.gateway_of(key_pairs.PASS)
    current_app.extensions["toss_room"].run(
        lambda: finish_pass_order(order_id=order_id, gateway=gateway, now=clock.now())
    )


def _pass_page(found: PassOrder) -> str:
    payment = found.payment
    return render_template(
        "passes/order.html",
        order=found,
        payment=payment,
        refunds=[one for one in payment.refunds if not one.is_void] if payment else [],
        is_new=not found.is_ended and seoul_date(found.settled_at) == seoul_date(clock.now())
        if found.settled_at
        else False,
        grants=found.grants_access(clock.now()),
        is_over=found.is_over(clock.now()),
        can_return=can_give_back(found, now=clock.now()),
        withdraw_days=current_app.config["REFUND_WITHDRAW_DAYS"],
    )


def _refund_page(
    found: PassOrder, form: GivingBackForm, notice: str | None = None, status: int = 200
) -> ResponseReturnValue:
    quote = quote_pass_refund(
        order_id=found.id, terms=current_app.extensions["refund_terms"], now=clock.now()
    )
    if quote is None:
        return redirect(url_for("passes.order", order_id=found.id), 303)
    form.quote.raw_data, form.quote.data = None, quote.id
    page = render_template(
        "passes/refund.html",
        order=found,
        quote=quote,
        form=form,
        notice=notice,
        pay_days=current_app.config["REFUND_PAY_BDAYS"],
    )
    return page, status


def _give_back_soon(refund_id: int, key_pair: str) -> None:
    current_app.extensions["toss_room"].run(
        lambda: give_back(
            refund_id=refund_id, gateway=key_pairs.gateway_of(key_pair), now=clock.now()
        )
    )
    db.session.expire_all()


def _words_for(refund: Refund) -> str:
    amount = won(refund.amount_won)
    if refund.is_done:
        return _(
            "이용권을 끝내고 %(won)s을 환불했어요. 카드사에 따라 3~7영업일 뒤에 반영돼요.",
            won=amount,
        )
    if refund.is_by_hand:
        return _(
            "이용권을 끝냈어요. %(won)s은 담당자가 따로 돌려드리고 이메일로 알려드려요.", won=amount
        )
    return _(
        "이용권을 끝냈어요. %(won)s을 환불하고 있어요. 끝나면 이메일로 알려드려요.", won=amount
    )
