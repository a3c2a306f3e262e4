"""The plans: side by side, and each by itself."""

from flask import Blueprint, abort, render_template

import clock
from models import Plan, Product
from rules.periods import seoul_date
from views.access import public

blueprint = Blueprint("plans", __name__)


@blueprint.get("/plans")
@public
def index() -> str:
    """Show every plan on sale."""
    return render_template("plans/index.html", products=Product.on_sale())


@blueprint.get("/plans/<string:slug>")
@public
def show(slug: str) -> str:
    """Show one plan with its terms of sale."""
    plan = Plan.on_sale(slug) or abort(404)
    next_charge_on = plan.period(seoul_date(clock.now()), 1).end_on
    return render_template("plans/show.html", plan=plan, next_charge_on=next_charge_on)
