"""What is on sale: the merchant adds, describes, orders and retires it; no price ever changes.

A price is what customers agree to, so it is made with its plan and here alone. Whatever comes from
the back office or from a file goes by the same rules, and is noted in the audit log with what was
before it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select

from billing import BillingError
from models import AuditEntry, Picture, Plan, Product, db
from models.picture import PictureFile
from models.plan import PlanKind, TaxKind
from rules import catalogue as rules
from rules.catalogue import Flaw, Mistake, Unfit, checked, moved

Record = TypeVar("Record", Product, Plan)

_RETIRED, _PUT_ON_SALE = {"on_sale": "yes → no"}, {"on_sale": "no → yes"}


class ChangedMeanwhile(BillingError):
    """Somebody else changed the same after the page was made; nothing was kept."""

    user_message = "그사이 다른 사람이 먼저 바꾸었어요. 지금 저장된 내용을 확인해 주세요."


def create_product(*, values: Mapping[str, Any], actor_id: int | None, now: datetime) -> Product:
    """Add a product behind the others; it is shown once a plan of it is on sale.

    :raises Unfit: a value breaks a rule.
    """
    kept = checked(values, rules.slug, rules.product_words)
    products = Product.lock_catalogue()
    product = _new_product(kept, position=len(products))
    _keep("product.created", product, kept, actor_id=actor_id, now=now)
    return product


def describe_product(
    *, product_id: int, values: Mapping[str, Any], seen: str, actor_id: int | None, now: datetime
) -> bool:
    """Write a product's words anew; return whether any changed. `seen` is their stamp on the page.

    :raises Unfit: a value breaks a rule.
    :raises ChangedMeanwhile: the words are not those that were seen.
    """
    words = checked(values, rules.product_words)
    product = _locked(Product, product_id)
    if _changes(product, words):
        _refuse_unseen(product.stamp, seen)
    changes = _write(product, words)
    return _keep("product.changed", product, changes, actor_id=actor_id, now=now)


def move_product(*, product_id: int, up: bool, actor_id: int | None, now: datetime) -> None:
    """Put a product a place nearer to the front or to the back."""
    products = Product.lock_catalogue()
    places = _places(products, product_id, up=up)
    product = db.session.get_one(Product, product_id)
    _keep("product.moved", product, places, actor_id=actor_id, now=now)


def create_plan(
    *,
    product_id: int,
    values: Mapping[str, Any],
    like_id: int | None,
    actor_id: int | None,
    now: datetime,
) -> Plan:
    """Add a plan behind the product's others, with its price for good; it is not on sale yet.

    One that is made like another shows the same picture.

    :raises Unfit: a value breaks a rule.
    """
    kept = checked(values, rules.slug, rules.plan_words, rules.price)
    product = _locked(Product, product_id)
    plan = _new_plan(product, kept, position=len(_plans_of(product)))
    plan.retire(now=now)
    like = db.session.get(Plan, like_id) if like_id is not None else None
    if like is not None:
        plan.picture_sha256, plan.picture_alt = like.picture_sha256, like.picture_alt
    _keep("plan.created", plan, kept, actor_id=actor_id, now=now)
    return plan


def describe_plan(
    *, plan_id: int, values: Mapping[str, Any], seen: str, actor_id: int | None, now: datetime
) -> bool:
    """Write a plan's words anew; return whether any changed. `seen` is their stamp on the page.

    :raises Unfit: a value breaks a rule.
    :raises ChangedMeanwhile: the words are not those that were seen.
    """
    words = checked(values, rules.plan_words)
    plan = _locked(Plan, plan_id)
    if _changes(plan, words):
        _refuse_unseen(plan.stamp, seen)
    changes = _write(plan, words)
    return _keep("plan.changed", plan, changes, actor_id=actor_id, now=now)


def move_plan(*, plan_id: int, up: bool, actor_id: int | None, now: datetime) -> None:
    """Put a plan a place nearer to the front or to the back of its product."""
    plan = _locked(Plan, plan_id)
    places = _places(_plans_of(plan.product), plan_id, up=up)
    _keep("plan.moved", plan, places, actor_id=actor_id, now=now)


def retire_plan(*, plan_id: int, actor_id: int | None, now: datetime) -> None:
    """Sell a plan no more; who subscribes to it goes on at its price. Twice is once."""
    plan = _locked(Plan, plan_id)
    changes = _RETIRED if plan.is_on_sale else {}
    if changes:
        plan.retire(now=now)
    _keep("plan.retired", plan, changes, actor_id=actor_id, now=now)


def put_plan_on_sale(*, plan_id: int, actor_id: int | None, now: datetime) -> None:
    """Sell a plan, for the first time or again. Twice is once."""
    plan = _locked(Plan, plan_id)
    changes = {} if plan.is_on_sale else _PUT_ON_SALE
    if changes:
        plan.put_on_sale()
    _keep("plan.put_on_sale", plan, changes, actor_id=actor_id, now=now)


def show_picture(
    *,
    plan_id: int,
    file: PictureFile | None,
    alt: str,
    seen: str,
    actor_id: int | None,
    now: datetime,
) -> bool:
    """Show a picture with a plan, or, without a file, change the words that stand for the present.

    Return whether anything changed. The picture before it stays until the next change, for pages
    that are still open. `seen` is the stamp of the picture on the page.

    :raises Unfit: the words break a rule, or there is no picture that they could stand for.
    :raises ChangedMeanwhile: the picture is not the one that was seen.
    """
    words = checked({"alt": alt}, rules.picture_words)["alt"]
    plan = _locked(Plan, plan_id)
    before = plan.picture_sha256
    if file is None and before is None:
        db.session.rollback()
        raise Unfit({"file": Mistake(Flaw.NO_PICTURE)})
    shown = {"picture_sha256": file.sha256 if file else before, "picture_alt": words}
    if _changes(plan, shown):
        _refuse_unseen(plan.picture_stamp, seen)
    if file is not None:
        Picture.keep(file, now=now)
    changes = _write(plan, shown)
    if "picture_sha256" in changes:
        Picture.drop_unused(but=before)
    return _keep("plan.picture_shown", plan, changes, actor_id=actor_id, now=now)


def remove_picture(*, plan_id: int, seen: str, actor_id: int | None, now: datetime) -> None:
    """Show no picture of its own with a plan, and delete it at once if no other plan shows it.

    :raises ChangedMeanwhile: the picture is not the one that was seen.
    """
    plan = _locked(Plan, plan_id)
    if plan.picture_sha256 is not None:
        _refuse_unseen(plan.picture_stamp, seen)
    changes = _write(plan, {"picture_sha256": None, "picture_alt": None})
    Picture.drop_unused(but=None)
    _keep("plan.picture_removed", plan, changes, actor_id=actor_id, now=now)


def load_product(values: Mapping[str, Any], *, position: int, now: datetime) -> Product:
    """Add the product of a file, or write the words of the one there is; the caller commits.

    :raises Unfit: a value breaks a rule.
    """
    words = rules.product_words
    kept = checked(values, rules.slug, words, rules.translated(words))
    product = db.session.scalar(select(Product).filter_by(slug=kept["slug"]))
    if product is None:
        product = _new_product(kept, position=position)
        _note("product.created", product, kept, now=now)
    else:
        changes = _write(product, {**kept, "position": position})
        _note("product.changed", product, changes, now=now)
    return product


def load_plan(product: Product, values: Mapping[str, Any], *, position: int, now: datetime) -> None:
    """Add the plan of a file, or write the words of the one there is; the caller commits.

    :raises Unfit: a value breaks a rule.
    :raises InvalidTransition: the plan has another price, or belongs to another product.
    """
    words = rules.plan_words
    kept = checked(values, rules.slug, words, rules.translated(words), rules.price)
    plan = db.session.scalar(select(Plan).filter_by(slug=kept["slug"]))
    if plan is None:
        plan = _new_plan(product, kept, position=position)
        _note("plan.created", plan, kept, now=now)
    else:
        changes = _write(plan, {**kept, "product_id": product.id, "position": position})
        db.session.flush()
        _note("plan.changed", plan, changes, now=now)
    if values.get("retired") and plan.is_on_sale:
        plan.retire(now=now)
        _note("plan.retired", plan, _RETIRED, now=now)
    elif not values.get("retired") and not plan.is_on_sale:
        plan.put_on_sale()
        _note("plan.put_on_sale", plan, _PUT_ON_SALE, now=now)
    db.session.flush()


def _new_product(kept: Mapping[str, Any], *, position: int) -> Product:
    _refuse_taken(Product, kept["slug"])
    product = Product(**kept, position=position)
    db.session.add(product)
    db.session.flush()
    return product


def _new_plan(product: Product, kept: Mapping[str, Any], *, position: int) -> Plan:
    _refuse_taken(Plan, kept["slug"])
    values = {
        **kept,
        "tax_kind": TaxKind(kept["tax_kind"]),
        "kind": PlanKind(kept["kind"]),
    }
    plan = Plan(**values, product=product, position=position)
    db.session.add(plan)
    db.session.flush()
    return plan


def _refuse_taken(model: type[Record], slug: str) -> None:
    if db.session.scalar(select(model.id).filter_by(slug=slug)) is not None:
        db.session.rollback()
        raise Unfit({"slug": Mistake(Flaw.TAKEN)})


def _refuse_unseen(stamp: str, seen: str) -> None:
    if stamp != seen:
        db.session.rollback()
        raise ChangedMeanwhile


def _locked(model: type[Record], record_id: int) -> Record:
    """Return a record as it is now; nobody else changes the catalogue until the commit."""
    Product.lock_catalogue()
    return db.session.get_one(model, record_id, populate_existing=True)


def _plans_of(product: Product) -> list[Plan]:
    query = select(Plan).filter_by(product_id=product.id).order_by(Plan.position, Plan.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def _changes(record: Product | Plan, values: Mapping[str, Any]) -> dict[str, str]:
    """Return what each value that differs is in the record, and would be."""
    return {
        name: f"{getattr(record, name)} → {value}"
        for name, value in values.items()
        if getattr(record, name) != value
    }


def _write(record: Product | Plan, values: Mapping[str, Any]) -> dict[str, str]:
    """Write these values, and return what changed."""
    changes = _changes(record, values)
    for name in changes:
        setattr(record, name, values[name])
    return changes


def _places(records: Sequence[Product | Plan], record_id: int, *, up: bool) -> dict[str, str]:
    """Number the records anew with one of them moved; return its place before and after."""
    before = [record.id for record in records]
    after = moved(before, record_id, up=up)
    for record in records:
        record.position = after.index(record.id)
    places = f"{before.index(record_id) + 1} → {after.index(record_id) + 1}"
    return {"place": places} if after != before else {}


def _keep(
    action: str,
    record: Product | Plan,
    changes: Mapping[str, Any],
    *,
    actor_id: int | None,
    now: datetime,
) -> bool:
    """Note a change and commit it; return whether there was any."""
    _note(action, record, changes, actor_id=actor_id, now=now)
    db.session.commit()
    return bool(changes)


def _note(
    action: str,
    record: Product | Plan,
    changes: Mapping[str, Any],
    *,
    now: datetime,
    actor_id: int | None = None,
) -> None:
    if changes:
        AuditEntry.write(
            action,
            subject_type=action.partition(".")[0],
            subject_id=record.id,
            actor_id=actor_id,
            facts={"slug": record.slug, **changes},
            now=now,
        )
