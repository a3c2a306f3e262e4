"""What search engines ask for: which pages there are, and which are not for them."""

from flask import Blueprint, Response, current_app, render_template, url_for

from models import Product
from views.access import public
from views.page_cache import same_for_strangers

blueprint = Blueprint("sitemap", __name__)

_PAGES = (
    "home.show",
    "plans.index",
    "policies.terms",
    "policies.privacy",
    "policies.refund_policy",
    "contact.show",
)


@blueprint.get("/robots.txt")
@public
@same_for_strangers
def robots() -> Response:
    """Let robots read what strangers may read."""
    text = render_template("sitemap/robots.txt", origin=current_app.config["PUBLIC_URL"])
    return Response(text, mimetype="text/plain")


@blueprint.get("/sitemap.xml")
@public
@same_for_strangers
def index() -> Response:
    """List every page that strangers may read, with the plans on sale."""
    paths = [url_for(endpoint) for endpoint in _PAGES]
    paths += [
        url_for("plans.show", slug=plan.slug)
        for product in Product.on_sale()
        for plan in product.plans_on_sale
    ]
    origin = current_app.config["PUBLIC_URL"]
    page = render_template("sitemap/index.xml", addresses=[origin + path for path in paths])
    return Response(page, mimetype="application/xml")
