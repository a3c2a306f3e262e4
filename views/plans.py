"""The plans: side by side, and each by itself."""

from flask import Blueprint, abort, current_app, render_template

import clock
from models import Plan, Product
from rules.periods import seoul_date
from views.access import public
from views.page_cache import same_for_strangers

blueprint = Blueprint("plans", __name__)


@blueprint.get("/plans")
@public
@same_for_strangers
def index() -> str:
    """Show every plan on sale."""
    return render_template("plans/index.html", products=Product.on_sale())


@blueprint.get("/plans/<string:slug>")
@public
@same_for_strangers
def show(slug: str) -> str:
    """Show one plan with its terms of sale."""
    return page_of(Plan.on_sale(slug) or abort(404))


def page_of(plan: Plan, *, is_preview: bool = False) -> str:
    """Return a plan's page; the merchant sees one that is not on sale, with nothing to press."""
    today = seoul_date(clock.now())
    return render_template(
        "plans/show.html",
        plan=plan,
        is_preview=is_preview,
        today=today,
        next_charge_on=plan.period(today, 1).end_on,
        withdraw_days=current_app.config["REFUND_WITHDRAW_DAYS"],
    )
