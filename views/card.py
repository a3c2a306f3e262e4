"""The card of a subscription, and changing it (카드 변경)."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm

import clock
from billing.change_card import NothingToChange, start_card_change
from models import Subscription
from views import card_window
from views.security import let_card_window_in

blueprint = Blueprint("card", __name__)


@blueprint.get("/card")
def edit() -> ResponseReturnValue:
    """Show the card that is charged, and open the window for another."""
    subscription = Subscription.latest_for(current_user.id)
    if subscription is None or not subscription.is_running:
        return redirect(url_for("subscription.show"), 303)
    return _page(subscription)


@blueprint.post("/card")
def create() -> ResponseReturnValue:
    """Keep what the window is opened for, and answer what it needs, as JSON."""
    subscription = Subscription.latest_for(current_user.id)
    if subscription is None or not subscription.is_running:
        raise NothingToChange
    if not card_window.wants_json():
        return _page(subscription, card_window.NEEDS_SCRIPT), 400
    if not FlaskForm().validate_on_submit():
        return card_window.refused(_("화면을 연 지 오래되었어요. 새로고침해 주세요."), 400)
    way = card_window.chosen()
    if way is None:
        return card_window.refused(card_window.NO_WAY, 400)
    if not card_window.may_open():
        return card_window.refused(card_window.NOT_ARMED, 503)
    checkout = start_card_change(
        user=current_user, subscription_id=subscription.id, now=clock.now(), way=way
    )
    return card_window.opened(checkout)


def _page(subscription: Subscription, notice: str | None = None) -> str:
    let_card_window_in()
    return render_template(
        "card/edit.html",
        subscription=subscription,
        form=FlaskForm(),
        notice=notice,
        **card_window.settings(),
    )
