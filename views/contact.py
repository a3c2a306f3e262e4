"""The customer centre: how to reach a person, and what is asked often."""

from flask import Blueprint, current_app, render_template

from views.access import public

blueprint = Blueprint("contact", __name__)


@blueprint.get("/contact")
@public
def show() -> str:
    """Show how to reach the shop."""
    days = current_app.config["REFUND_WITHDRAW_DAYS"]
    return render_template("contact/show.html", withdraw_days=days)
