"""A plan in the back office: its words, its picture, and whether it is on sale; never its price."""

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from wtforms import SelectChoice, SelectField, StringField, TextAreaField

import clock
from billing.catalogue import (
    ChangedMeanwhile,
    create_plan,
    describe_plan,
    move_plan,
    put_plan_on_sale,
    remove_picture,
    retire_plan,
    show_picture,
)
from models import Plan, Product, Subscription, db
from rules.catalogue import Unfit, doubtful_words
from views import passes, plans
from views.access import merchant_only
from views.admin_catalogue import saved, show_mistakes
from views.admin_products import wanted_up
from views.uploads import MOST_BYTES, NotAPicture, read_picture, takes_picture

blueprint = Blueprint("admin_plans", __name__)

CYCLES = [
    *(SelectChoice(f"month-{count}", f"{count}개월") for count in range(1, 13)),
    SelectChoice("year-1", "1년"),
]
KINDS = [
    SelectChoice("subscription", "정기결제 (구독)"),
    SelectChoice("pass", "한 번 결제 (이용권)"),
]
TAX_KINDS = [
    SelectChoice("taxable", "과세 (부가세 포함)"),
    SelectChoice("tax_free", "면세"),
]


class PlanForm(FlaskForm):
    """The words of a plan."""

    name = StringField("이름")
    summary = StringField("한 줄 소개")
    description = TextAreaField("설명")
    features = TextAreaField("담긴 것")


class NewPlanForm(PlanForm):
    """A plan that is not there yet, with what will never change."""

    slug = StringField("영문 이름")
    price_won = StringField("금액(원)")
    kind = SelectField("결제 방식", choices=KINDS, validate_choice=False)
    cycle = SelectField("결제 주기 또는 이용 기간", choices=CYCLES, validate_choice=False)
    tax_kind = SelectField("과세", choices=TAX_KINDS, validate_choice=False)
    tax_free_won = StringField("그 가운데 면세 금액(원)")

    @property
    def values(self) -> dict[str, Any]:
        """Return what was typed, under the names that files use."""
        interval, _, count = (self.cycle.data or "").partition("-")
        return {
            **self.data,
            "interval": interval,
            "interval_count": int(count) if count in map(str, range(100)) else 0,
        }


class PictureForm(FlaskForm):
    """A picture, and the words that stand for it."""

    file = FileField("그림 파일")
    alt = StringField("그림 설명")


@blueprint.get("/admin/plans/new")
@merchant_only
def new() -> str:
    """Ask for a new plan; one that is made like another begins with its words."""
    like = _wanted("like", Plan)
    if like is None:
        return _new_page(NewPlanForm(None))
    values = {
        **like.words,
        "price_won": like.price_won,
        "kind": str(like.kind),
        "cycle": f"{like.interval}-{like.interval_count}",
        "tax_kind": str(like.tax_kind),
        "tax_free_won": like.tax_free_won or "",
    }
    return _new_page(NewPlanForm(None, data=values))


@blueprint.post("/admin/plans/new")
@merchant_only
def create() -> ResponseReturnValue:
    """Add a plan, with its price for good; it is not on sale yet."""
    form, product, like = NewPlanForm(), _product_of_new(), _wanted("like", Plan)
    try:
        plan = create_plan(
            product_id=product.id,
            values=form.values,
            like_id=like.id if like is not None else None,
            actor_id=current_user.id,
            now=clock.now(),
        )
    except Unfit as refusal:
        show_mistakes(form, refusal.mistakes)
        return _new_page(form), 400
    saved("플랜을 만들었어요. 아직 팔지 않아요. 그림을 올리고 미리 본 뒤 판매를 시작해 주세요.")
    return redirect(_address(plan.id), 303)


@blueprint.get("/admin/plans/<int:plan_id>")
@merchant_only
def edit(plan_id: int) -> str:
    """Show a plan: what may be changed, and what will not."""
    return _page(_plan(plan_id))


@blueprint.post("/admin/plans/<int:plan_id>")
@merchant_only
def update(plan_id: int) -> ResponseReturnValue:
    """Change the words of a plan."""
    plan, form, seen = _plan(plan_id), PlanForm(), request.form.get("seen", "")
    try:
        is_changed = describe_plan(
            plan_id=plan_id,
            values=form.data,
            seen=seen,
            actor_id=current_user.id,
            now=clock.now(),
        )
    except Unfit as refusal:
        show_mistakes(form, refusal.mistakes)
        return _page(plan, form=form, seen=seen), 400
    except ChangedMeanwhile as refusal:
        return _page(plan, form=form, conflict=refusal.user_message), 409
    saved("플랜을 고쳤어요." if is_changed else "바뀐 내용이 없어요.")
    return redirect(_address(plan_id), 303)


@blueprint.post("/admin/plans/<int:plan_id>/position")
@merchant_only
def move(plan_id: int) -> ResponseReturnValue:
    """Put a plan a place up or down."""
    _plan(plan_id)
    move_plan(plan_id=plan_id, up=wanted_up(), actor_id=current_user.id, now=clock.now())
    saved("순서를 바꾸었어요.")
    return redirect(url_for("admin_products.index", _anchor=f"plan-{plan_id}"), 303)


@blueprint.get("/admin/plans/<int:plan_id>/preview")
@merchant_only
def preview(plan_id: int) -> str:
    """Show a plan as customers will see it, before it is on sale."""
    plan = _plan(plan_id)
    page_of = passes.page_of if plan.is_pass else plans.page_of
    return page_of(plan, is_preview=True)


@blueprint.get("/admin/plans/<int:plan_id>/retirement")
@merchant_only
def new_retirement(plan_id: int) -> ResponseReturnValue:
    """Say what retiring a plan means, before the button."""
    plan = _plan(plan_id)
    if not plan.is_on_sale:
        return redirect(_address(plan_id), 303)
    return render_template(
        "admin/plan_retirement.html",
        plan=plan,
        live_count=Subscription.live_counts().get(plan_id, 0),
        is_last=not plan.is_pass
        and sum(len(product.plans_on_sale) for product in Product.on_sale()) == 1,
    )


@blueprint.post("/admin/plans/<int:plan_id>/retirement")
@merchant_only
def retire(plan_id: int) -> ResponseReturnValue:
    """Sell a plan no more."""
    plan = _plan(plan_id)
    retire_plan(plan_id=plan_id, actor_id=current_user.id, now=clock.now())
    saved(f"{plan.name} 판매를 끝냈어요. 구독하는 분들은 그대로 이용해요.")
    return redirect(_address(plan_id), 303)


@blueprint.post("/admin/plans/<int:plan_id>/sale")
@merchant_only
def put_on_sale(plan_id: int) -> ResponseReturnValue:
    """Sell a plan, for the first time or again."""
    plan = _plan(plan_id)
    put_plan_on_sale(plan_id=plan_id, actor_id=current_user.id, now=clock.now())
    saved(f"{plan.name} 판매를 시작했어요.")
    return redirect(_address(plan_id), 303)


@blueprint.post("/admin/plans/<int:plan_id>/picture")
@merchant_only
@takes_picture
def update_picture(plan_id: int) -> ResponseReturnValue:
    """Show a picture with a plan, or change the words that stand for it."""
    plan, form, seen = _plan(plan_id), PictureForm(), request.form.get("seen_picture", "")
    db.session.rollback()  # Nothing is locked while the picture is drawn.
    try:
        is_changed = show_picture(
            plan_id=plan_id,
            file=read_picture(form.file.data) if _is_sent(form.file.data) else None,
            alt=form.alt.data or "",
            seen=seen,
            actor_id=current_user.id,
            now=clock.now(),
        )
    except NotAPicture as refusal:
        form.file.errors = [refusal.user_message]
        return _page(plan, picture_form=form, picture_seen=seen), 400
    except Unfit as refusal:
        show_mistakes(form, refusal.mistakes)
        return _page(plan, picture_form=form, picture_seen=seen), 400
    except ChangedMeanwhile as refusal:
        return _page(plan, picture_form=form, picture_conflict=refusal.user_message), 409
    saved("그림을 바꾸었어요." if is_changed else "바뀐 내용이 없어요.")
    return redirect(_address(plan_id, "picture"), 303)


@blueprint.post("/admin/plans/<int:plan_id>/picture/removal")
@merchant_only
def delete_picture(plan_id: int) -> ResponseReturnValue:
    """Show no picture of its own with a plan."""
    plan, seen = _plan(plan_id), request.form.get("seen_picture", "")
    try:
        remove_picture(plan_id=plan_id, seen=seen, actor_id=current_user.id, now=clock.now())
    except ChangedMeanwhile as refusal:
        return _page(plan, picture_conflict=refusal.user_message), 409
    saved("그림을 지웠어요.")
    return redirect(_address(plan_id, "picture"), 303)


def _plan(plan_id: int) -> Plan:
    found = db.session.get(Plan, plan_id) if plan_id < 2**31 else None
    return found or abort(404)


def _wanted(name: str, model: Any) -> Any:
    """Return the record that the address names, if it names one."""
    if name not in request.args:
        return None
    number = request.args.get(name, type=int)
    if number is None or not 0 < number < 2**31:
        abort(404)
    return db.session.get(model, number) or abort(404)


def _product_of_new() -> Product:
    like = _wanted("like", Plan)
    product: Product = like.product if like is not None else _wanted("product", Product)
    return product or abort(404)


def _is_sent(file: Any) -> bool:
    return isinstance(file, FileStorage) and bool(file.filename)


def _address(plan_id: int, anchor: str | None = None) -> str:
    return url_for("admin_plans.edit", plan_id=plan_id, _anchor=anchor)


def _new_page(form: NewPlanForm) -> str:
    return render_template(
        "admin/plan_new.html", form=form, product=_product_of_new(), like=_wanted("like", Plan)
    )


def _page(
    plan: Plan,
    *,
    form: PlanForm | None = None,
    seen: str | None = None,
    conflict: str | None = None,
    picture_form: PictureForm | None = None,
    picture_seen: str | None = None,
    picture_conflict: str | None = None,
) -> str:
    return render_template(
        "admin/plan.html",
        plan=plan,
        form=form or PlanForm(None, data=plan.words),
        seen=plan.stamp if seen is None else seen,
        conflict=conflict,
        picture_form=picture_form or PictureForm(None, data={"alt": plan.picture_alt}),
        picture_seen=plan.picture_stamp if picture_seen is None else picture_seen,
        picture_conflict=picture_conflict,
        live_count=Subscription.live_counts().get(plan.id, 0),
        doubtful=doubtful_words(*plan.words.values()),
        most_bytes=MOST_BYTES,
    )
