"""The home page: what one gets, for how much, and how one leaves."""

from flask import Blueprint, current_app, render_template

from models import Product
from views.access import public
from views.page_cache import same_for_strangers

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@public
@same_for_strangers
def show() -> str:
    """Show what the shop offers."""
    products = Product.on_sale()
    prices = [plan.price_won for product in products for plan in product.plans_on_sale]
    return render_template(
        "home/show.html",
        products=products,
        lowest_price=min(prices, default=None),
        withdraw_days=current_app.config["REFUND_WITHDRAW_DAYS"],
    )
