"""The customer centre: how to reach a person, and what is asked often."""

from flask import Blueprint, current_app, render_template

from views.access import public
from views.page_cache import same_for_strangers

blueprint = Blueprint("contact", __name__)


@blueprint.get("/contact")
@public
@same_for_strangers
def show() -> str:
    """Show how to reach the shop."""
    days = current_app.config["REFUND_WITHDRAW_DAYS"]
    return render_template("contact/show.html", withdraw_days=days)
