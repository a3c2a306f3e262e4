"""What is on sale, as the merchant orders it, and the words of each product."""

from typing import Any

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField

import clock
from billing.catalogue import ChangedMeanwhile, create_product, describe_product, move_product
from models import Product, Subscription, db
from rules.catalogue import Unfit
from views.access import merchant_only
from views.admin_catalogue import saved, show_mistakes

blueprint = Blueprint("admin_products", __name__)

DIRECTIONS = ("up", "down")


class ProductForm(FlaskForm):
    """The words of a product."""

    name = StringField("이름")
    description = TextAreaField("설명")


class NewProductForm(ProductForm):
    """A product that is not there yet."""

    slug = StringField("영문 이름")


@blueprint.get("/admin/products")
@merchant_only
def index() -> str:
    """List the products with their plans."""
    return render_template(
        "admin/products.html",
        products=Product.in_order(),
        live_counts=Subscription.live_counts(),
        seconds=current_app.config["PAGE_CACHE_SECONDS"],
    )


@blueprint.get("/admin/products/new")
@merchant_only
def new() -> str:
    """Ask for the words of a new product."""
    return render_template("admin/product_new.html", form=NewProductForm())


@blueprint.post("/admin/products/new")
@merchant_only
def create() -> ResponseReturnValue:
    """Add a product."""
    form = NewProductForm()
    try:
        product = create_product(values=form.data, actor_id=current_user.id, now=clock.now())
    except Unfit as refusal:
        show_mistakes(form, refusal.mistakes)
        return render_template("admin/product_new.html", form=form), 400
    saved(f"{product.name} 상품을 만들었어요. 플랜을 더하면 팔 수 있어요.")
    return redirect(_place_of(product.id), 303)


@blueprint.get("/admin/products/<int:product_id>")
@merchant_only
def edit(product_id: int) -> str:
    """Show the words of a product, to be changed."""
    product = _product(product_id)
    return _page(product, ProductForm(None, data=product.words), seen=product.stamp)


@blueprint.post("/admin/products/<int:product_id>")
@merchant_only
def update(product_id: int) -> ResponseReturnValue:
    """Change the words of a product."""
    product, form, seen = _product(product_id), ProductForm(), request.form.get("seen", "")
    try:
        is_changed = describe_product(
            product_id=product_id,
            values=form.data,
            seen=seen,
            actor_id=current_user.id,
            now=clock.now(),
        )
    except Unfit as refusal:
        show_mistakes(form, refusal.mistakes)
        return _page(product, form, seen=seen), 400
    except ChangedMeanwhile as refusal:
        return _page(product, form, seen=product.stamp, conflict=refusal.user_message), 409
    saved("상품을 고쳤어요." if is_changed else "바뀐 내용이 없어요.")
    return redirect(url_for("admin_products.edit", product_id=product_id), 303)


@blueprint.post("/admin/products/<int:product_id>/position")
@merchant_only
def move(product_id: int) -> ResponseReturnValue:
    """Put a product a place up or down."""
    _product(product_id)
    move_product(product_id=product_id, up=wanted_up(), actor_id=current_user.id, now=clock.now())
    saved("순서를 바꾸었어요.")
    return redirect(_place_of(product_id), 303)


def wanted_up() -> bool:
    """Return which way the merchant pressed; anything else is refused."""
    direction = request.form.get("direction")
    if direction not in DIRECTIONS:
        abort(400)
    return direction == "up"


def _product(product_id: int) -> Product:
    found = db.session.get(Product, product_id) if product_id < 2**31 else None
    return found or abort(404)


def _place_of(product_id: int) -> str:
    return url_for("admin_products.index", _anchor=f"product-{product_id}")


def _page(product: Product, form: ProductForm, *, seen: str, conflict: str | None = None) -> Any:
    return render_template(
        "admin/product.html", product=product, form=form, seen=seen, conflict=conflict
    )
