"""The library: what a subscription or a pass pays for."""

from collections.abc import Sequence

from flask import Blueprint, abort, current_app, render_template
from flask_login import current_user

import clock
from billing.note_use import note_use
from models import PassOrder, Subscription
from models.access import access_of
from rules.periods import seoul_date
from views import readings

blueprint = Blueprint("library", __name__)

_WITH_UNDERLINES = ("premium-", "pass-")


@blueprint.get("/library")
def index() -> str:
    """Show the readings to a subscriber, and to others how to become one."""
    if not _doors():
        return render_template("library/closed.html")
    chosen = readings.of_the_week(seoul_date(clock.now()))
    others = [each for each in readings.READINGS if each is not chosen]
    return render_template(
        "library/index.html",
        chosen=readings.translated(chosen),
        others=[readings.translated(each) for each in others],
    )


@blueprint.get("/library/<string:slug>")
def show(slug: str) -> str:
    """Show one reading to a subscriber."""
    reading = readings.BY_SLUG.get(slug) or abort(404)
    if not _doors():
        return render_template("library/closed.html")
    shown = readings.translated(reading)
    return render_template(shown.template, reading=shown)


@blueprint.get("/library/underlines")
def underlines() -> str:
    """Show a premium subscriber what was underlined together this month."""
    doors = _doors()
    if not doors:
        return render_template("library/closed.html")
    door = next((one for one in doors if one.plan.slug.startswith(_WITH_UNDERLINES)), None)
    if door is None:
        return render_template("library/underlines_closed.html", plan=doors[0].plan)
    note_use(door, now=clock.now())
    chosen = readings.underlined_in(seoul_date(clock.now()))
    return render_template("library/underlines.html", chosen=chosen)


def _doors() -> Sequence[Subscription | PassOrder]:
    """Return what lets the customer in today; the first one is noted as used."""
    doors = access_of(current_user.id, now=clock.now(), grace_days=current_app.config["GRACE_DAYS"])
    if doors:
        note_use(doors[0], now=clock.now())
    return doors
