"""From a plan to a paid subscription: review, consents, card window, and what came of it."""

import hmac
from collections.abc import Callable
from typing import Any

from flask import (
    Blueprint,
    abort,
    current_app,
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
from sqlalchemy import select
from wtforms import BooleanField, IntegerField
from wtforms.validators import DataRequired, NumberRange
from wtforms.widgets import HiddenInput

import clock
from billing.agreements import Agreement
from billing.collect import CollectionInProgress
from billing.subscribe import (
    AlreadySubscribed,
    CheckoutExpired,
    QuoteExpired,
    authorize_checkout,
    finish_checkout,
    start_checkout,
)
from models import Checkout, PassOrder, PaymentAttempt, Plan, Quote, Refund, Subscription, db
from rules.periods import seoul_date
from views import card_window, policies, refusals
from views.access import client_address, public
from views.agreed_words import agreed, kept
from views.filters import charge_day, tax_note, won
from views.lane import end_turn
from views.paid_words import plan_name
from views.security import let_card_window_in

blueprint = Blueprint("checkout", __name__)

AUTH_KEY_LENGTH = 300
_NEEDED = _l("동의가 필요해요. 내용을 확인하고 표시해 주세요.")


class ConsentForm(FlaskForm):
    """What the customer ticks before the card window; nothing is ticked beforehand."""

    quote = IntegerField(
        widget=HiddenInput(), validators=[DataRequired(), NumberRange(1, 2**31 - 1)]
    )
    purchase = BooleanField(validators=[DataRequired(_NEEDED)])
    recurring = BooleanField(validators=[DataRequired(_NEEDED)])


@blueprint.get("/checkout/<string:plan>")
def new(plan: str) -> ResponseReturnValue:
    """Show the order for review, with everything the law wants said before the button."""
    found = Plan.on_sale(plan) or abort(404)
    live = Subscription.live_for(current_user.id, found.product_id)
    if live is not None and (live.is_running or live.is_collecting):
        return redirect(url_for("subscription.show"), 303)
    return _order_page(found, ConsentForm())


@blueprint.post("/checkout/<string:plan>")
def create(plan: str) -> ResponseReturnValue:
    """Store the consents and answer what the card window needs, as JSON."""
    found = Plan.on_sale(plan) or abort(404)
    form = ConsentForm()
    if not form.validate_on_submit():
        return _refused(found, form, _("필수 동의를 확인해 주세요."), 400)
    way = card_window.chosen()
    if way is None:
        return _refused(found, form, card_window.NO_WAY, 400)
    if not card_window.wants_json():
        return _refused(found, form, card_window.NEEDS_SCRIPT, 400)
    if not card_window.may_open():
        return _refused(found, form, card_window.NOT_ARMED, 503)
    quote = Quote.of(current_user.id, form.quote.data, found.id)
    if quote is None:
        return _refused(found, form, refusals.text_of(QuoteExpired), 409)
    try:
        checkout = start_checkout(
            user=current_user,
            quote=quote,
            agreements=_agreements(quote),
            address=client_address(),
            now=clock.now(),
            way=way,
        )
    except (QuoteExpired, AlreadySubscribed, CollectionInProgress) as refusal:
        return _refused(found, form, refusals.text_of(refusal), 409)
    return card_window.opened(checkout)


@blueprint.get("/success")
@public
def success() -> ResponseReturnValue:
    """Take the customer back from the card window, and go on to the checkout's own page."""
    checkout_id, auth_key = request.args.get("checkout", ""), request.args.get("authKey", "")
    checkout = _returned(checkout_id, request.args.get("customerKey", ""))
    if checkout is None or not 0 < len(auth_key) <= AUTH_KEY_LENGTH:
        return _unknown_return()
    try:
        authorize_checkout(
            checkout_id=checkout_id,
            auth_key=auth_key,
            vault=current_app.extensions["vault"],
            now=clock.now(),
        )
    except CheckoutExpired as refusal:
        return _unknown_return(refusals.text_of(refusal))
    end_turn()
    finish_soon(checkout_id)
    answer = redirect(url_for("checkout.show", checkout_id=checkout_id), 303)
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@blueprint.get("/fail")
@public
def fail() -> ResponseReturnValue:
    """Say why the card window sent the customer back, and what to do."""
    code, message = request.args.get("code"), request.args.get("message")
    checkout = _known(request.args.get("checkout", ""))
    if checkout is not None and checkout.is_open:
        checkout.report(code, message)
        db.session.commit()
    return render_template(
        "checkout/fail.html",
        refusal=refusals.reported(code),
        again=card_window.again(checkout),
        code=(code or "")[:100],
        message=(message or "")[:200] if checkout else "",
    )


@blueprint.get("/checkouts/<string:checkout_id>")
def show(checkout_id: str) -> ResponseReturnValue:
    """Show what came of a checkout: paid, refused, not begun, or not known yet."""
    checkout = _own(checkout_id)
    if checkout.is_completed and checkout.is_card_change:
        return _card_changed(checkout)
    if checkout.is_completed and checkout.is_plan_change:
        return _plan_changed(checkout)
    if checkout.is_completed:
        return render_template("checkout/completed.html", checkout=checkout, **_contract(checkout))
    if checkout.is_unfinished:
        return render_template(
            "checkout/waiting.html", checkout=checkout, is_set_aside=_is_set_aside(checkout)
        )
    again = card_window.again(checkout)
    if checkout.is_open:
        return redirect(again or url_for("plans.index"), 303)
    return render_template(
        "checkout/failed.html", checkout=checkout, again=again, refusal=refusals.failed(checkout)
    )


@blueprint.get("/checkouts/<string:checkout_id>/state")
def state(checkout_id: str) -> ResponseReturnValue:
    """Answer whether a checkout is settled; the waiting page asks."""
    return jsonify(settled=not _own(checkout_id).is_unfinished)


def _order_page(plan: Plan, form: ConsentForm, notice: str | None = None, status: int = 200) -> Any:
    quote = Quote.open_for(current_user, plan, now=clock.now())
    db.session.commit()
    form.quote.raw_data, form.quote.data = None, quote.id
    let_card_window_in()
    page = render_template(
        "checkout/new.html",
        plan=plan,
        quote=quote,
        form=form,
        notice=notice,
        purchase=agreed(lambda: _purchase_text(quote)),
        recurring=agreed(lambda: _recurring_text(quote)),
        told=_told_before_button(quote),
        next_charge_on=quote.period_end_on,
        running_pass=_last_pass(),
        **card_window.settings(),
        withdraw_days=current_app.config["REFUND_WITHDRAW_DAYS"],
    )
    return page, status


def _last_pass() -> PassOrder | None:
    """Return the pass that a subscription begun today would run beside; the last, if more."""
    passes = PassOrder.granted_to(current_user.id, from_on=seoul_date(clock.now()))
    return passes[-1] if passes else None


def _refused(plan: Plan, form: ConsentForm, message: str, status: int) -> ResponseReturnValue:
    if card_window.wants_json():
        return card_window.refused(message, status)
    return _order_page(plan, form, message, status)


def _agreements(quote: Quote) -> list[Agreement]:
    return kept(
        lambda: [
            Agreement(
                document,
                policies.current_version(policy),
                words(quote),
                policy,
                policies.text_of(policy),
            )
            for document, (policy, words) in _CONSENTS.items()
        ]
    )


def _purchase_text(quote: Quote) -> str:
    return _(
        "%(plan)s %(won)s(%(tax)s), 이용 기간, 해지·환불 규정을 확인했고 구매에 동의합니다.",
        plan=plan_name(quote.plan),
        won=won(quote.amount_won),
        tax=tax_note(quote.plan),
    )


def _recurring_text(quote: Quote) -> str:
    if _takes_cards_only():
        text = _(
            "오늘 %(won)s이 결제되고, 이후 %(days)s에 %(won)s이 등록한 카드로 자동 결제되는 데"
            " 동의합니다."
        )
    else:
        text = _(
            "오늘 %(won)s이 결제되고, 이후 %(days)s에 %(won)s이 등록한 결제 수단으로 자동 결제되는"
            " 데 동의합니다."
        )
    return text % _charges(quote)


def _told_before_button(quote: Quote) -> str:
    """Return what will be charged, when, and how: a card, or whatever the customer will choose."""
    if _takes_cards_only():
        text = _("오늘 %(won)s이 결제되고, 이후 %(days)s에 %(won)s이 등록한 카드로 자동 결제돼요.")
    else:
        text = _(
            "오늘 %(won)s이 결제되고, 이후 %(days)s에 %(won)s이 등록한 결제 수단으로 자동 결제돼요."
        )
    return text % _charges(quote)


_CONSENTS: dict[str, tuple[str, Callable[[Quote], str]]] = {
    "purchase": ("refund", _purchase_text),
    "recurring": ("terms", _recurring_text),
}
"""What is agreed to, by the name of its box: the policy behind it, and the words."""


def _charges(quote: Quote) -> dict[str, str]:
    return {"won": won(quote.amount_won), "days": charge_day(quote.plan, quote.anchor_on)}


def _takes_cards_only() -> bool:
    return len(card_window.offered()) == 1


def _known(checkout_id: str) -> Checkout | None:
    return db.session.get(Checkout, checkout_id) if 0 < len(checkout_id) <= 43 else None


def _returned(checkout_id: str, customer_key: str) -> Checkout | None:
    """Return the checkout that a redirect belongs to; a stranger's is nobody's."""
    checkout = _known(checkout_id)
    if checkout is None or not hmac.compare_digest(
        checkout.user.customer_key.encode(), customer_key.encode()
    ):
        return None
    if current_user.is_authenticated and current_user.id != checkout.user_id:
        return None
    return checkout


def _own(checkout_id: str) -> Checkout:
    checkout = _known(checkout_id)
    if checkout is None or checkout.user_id != current_user.id:
        abort(404)
    return checkout


def _unknown_return(message: str | None = None) -> ResponseReturnValue:
    page = render_template("checkout/unknown_return.html", message=message)
    return page, 400, {"Referrer-Policy": "no-referrer"}


def finish_soon(checkout_id: str) -> None:
    """Take a checkout on in the room for calls to Toss; what finds no place is the worker's."""
    extensions = current_app.extensions
    extensions["toss_room"].run(
        lambda: finish_checkout(
            checkout_id=checkout_id,
            gateway=extensions["payment_gateway"],
            vault=extensions["vault"],
            terms=extensions["collection_terms"],
            now=clock.now(),
        )
    )


def _contract(checkout: Checkout) -> dict[str, Any]:
    invoice = checkout.invoice
    assert invoice is not None
    return {
        "invoice": invoice,
        "payment": invoice.payment,
        "subscription": invoice.subscription,
        "withdraw_days": current_app.config["REFUND_WITHDRAW_DAYS"],
    }


def _card_changed(checkout: Checkout) -> str:
    subscription = checkout.subscription
    assert subscription is not None
    declined = PaymentAttempt.last_declined_for(subscription.id)
    return render_template(
        "checkout/card_changed.html",
        subscription=subscription,
        refusal=refusals.one_after_another(
            *refusals.declined(declined.failure_code if declined else None)
        ),
    )


def _plan_changed(checkout: Checkout) -> str:
    payment = checkout.invoice.payment if checkout.invoice else None
    of_quote = select(Refund).filter_by(quote_id=checkout.quote_id)
    return render_template(
        "checkout/plan_changed.html",
        checkout=checkout,
        payment=payment,
        refund=db.session.scalar(of_quote),
    )


def _is_set_aside(checkout: Checkout) -> bool:
    invoice = checkout.invoice
    return invoice is not None and any(attempt.is_set_aside for attempt in invoice.attempts)
