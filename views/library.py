"""The library: what a subscription pays for."""

from flask import Blueprint, abort, current_app, render_template
from flask_login import current_user

import clock
from models import Subscription

blueprint = Blueprint("library", __name__)

READINGS = {
    "autumn-window": "가을 창가에서",
    "slow-letter": "느린 편지",
    "night-train": "밤 기차의 책",
}


@blueprint.get("/library")
def index() -> str:
    """Show the readings to a subscriber, and to others how to become one."""
    if not _may_read():
        return render_template("library/closed.html")
    return render_template("library/index.html", readings=READINGS)


@blueprint.get("/library/<string:slug>")
def show(slug: str) -> str:
    """Show one reading to a subscriber."""
    title = READINGS.get(slug) or abort(404)
    if not _may_read():
        return render_template("library/closed.html")
    return render_template(f"library/{slug}.html", title=title)


def _may_read() -> bool:
    subscription = Subscription.latest_for(current_user.id)
    return subscription is not None and subscription.grants_access(
        clock.now(), grace_days=current_app.config["GRACE_DAYS"]
    )
