"""What search engines ask for: which pages there are, and which are not for them."""

from flask import Blueprint, Response, current_app, render_template, url_for

import key_pairs
from models import Product
from rules.wording import TRANSLATED, Language
from views.access import public
from views.languages import TAGS, in_language
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
    text = render_template(
        "sitemap/robots.txt",
        origin=current_app.config["PUBLIC_URL"],
        prefixes=["", *(f"/{language}" for language in TRANSLATED)],
    )
    return Response(text, mimetype="text/plain")


@blueprint.get("/sitemap.xml")
@public
@same_for_strangers
def index() -> Response:
    """List every page that strangers may read in each language, with the plans on sale."""
    paths = [url_for(endpoint) for endpoint in _PAGES]
    paths += [
        url_for("plans.show", slug=plan.slug)
        for product in Product.on_sale()
        for plan in product.plans_on_sale
    ]
    if key_pairs.sells_passes():
        paths.append(url_for("passes.index"))
        paths += [
            url_for("passes.show", slug=plan.slug)
            for product in Product.with_passes()
            for plan in product.passes_on_sale
        ]
    origin = current_app.config["PUBLIC_URL"]
    pages = [
        [(TAGS[language], origin + in_language(path, language)) for language in Language]
        for path in paths
    ]
    page = render_template("sitemap/index.xml", pages=pages)
    return Response(page, mimetype="application/xml")
