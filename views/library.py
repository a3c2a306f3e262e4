"""The library: what a subscription pays for."""

from flask import Blueprint, abort, current_app, render_template
from flask_login import current_user

import clock
from billing.note_use import note_use
from models import Plan, Subscription
from rules.periods import seoul_date
from views import readings

blueprint = Blueprint("library", __name__)

_WITH_UNDERLINES = "premium-"


@blueprint.get("/library")
def index() -> str:
    """Show the readings to a subscriber, and to others how to become one."""
    if _plan_to_read_by() is None:
        return render_template("library/closed.html")
    chosen = readings.of_the_week(seoul_date(clock.now()))
    others = [reading for reading in readings.READINGS if reading is not chosen]
    return render_template("library/index.html", chosen=chosen, others=others)


@blueprint.get("/library/<string:slug>")
def show(slug: str) -> str:
    """Show one reading to a subscriber."""
    reading = readings.BY_SLUG.get(slug) or abort(404)
    if _plan_to_read_by() is None:
        return render_template("library/closed.html")
    return render_template(f"library/{slug}.html", reading=reading)


@blueprint.get("/library/underlines")
def underlines() -> str:
    """Show a premium subscriber what was underlined together this month."""
    plan = _plan_to_read_by()
    if plan is None:
        return render_template("library/closed.html")
    if not plan.slug.startswith(_WITH_UNDERLINES):
        return render_template("library/underlines_closed.html", plan=plan)
    chosen = readings.underlined_in(seoul_date(clock.now()))
    return render_template("library/underlines.html", chosen=chosen)


def _plan_to_read_by() -> Plan | None:
    """Return the plan that lets the customer in today, and note that it is being used."""
    subscription = Subscription.latest_for(current_user.id)
    if subscription is None or not subscription.grants_access(
        clock.now(), grace_days=current_app.config["GRACE_DAYS"]
    ):
        return None
    note_use(subscription, now=clock.now())
    return subscription.plan
