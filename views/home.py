"""The home page: what one gets, for how much, and how one leaves."""

from flask import Blueprint, render_template

from models import Product
from views.access import public

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@public
def show() -> str:
    """Show what the shop offers."""
    return render_template("home/show.html", products=Product.on_sale())
