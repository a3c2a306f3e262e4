"""`flask catalog`: products and plans."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

import clock
from models import AuditEntry, InvalidTransition, Plan, Product, db
from models.plan import TaxKind
from rules.periods import Interval

catalog = AppGroup("catalog", help="Products and plans.")


@catalog.command("load")
@click.argument("file", type=click.File("rb"))
def load_catalog(file: BinaryIO) -> None:
    """Add the products and plans of a TOML file, and update their words; safe to repeat.

    Nothing is loaded where anything is wrong; every mistake is told at once.
    """
    try:
        products = tomllib.load(file)["products"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise click.ClickException(f"the catalogue is not as it should be: {error}") from None
    mistakes: list[str] = []
    for position, values in enumerate(products):
        _load_product(values, position, mistakes)
    if mistakes:
        db.session.rollback()
        raise click.ClickException(
            "nothing was loaded:\n" + "\n".join(f"  - {m}" for m in mistakes)
        )
    AuditEntry.write(
        "catalog.loaded", subject_type="catalog", subject_id=file.name[-50:], now=clock.now()
    )
    db.session.commit()
    click.echo(f"loaded {len(products)} product(s)")


def _load_product(values: dict[str, Any], position: int, mistakes: list[str]) -> None:
    slug = values.get("slug", f"number {position + 1}")
    with _telling(f"product {slug}", mistakes):
        product = db.session.scalar(select(Product).filter_by(slug=values["slug"]))
        if product is None:
            product = Product(slug=values["slug"])
            db.session.add(product)
        product.name, product.description = values["name"], values["description"]
        product.position = position
        db.session.flush()
        for place, plan in enumerate(values["plans"]):
            with _telling(f"plan {plan.get('slug', f'number {place + 1} of {slug}')}", mistakes):
                _load_plan(product, dict(plan), place)


def _load_plan(product: Product, values: dict[str, Any], position: int) -> None:
    retired = values.pop("retired", False)
    values |= {
        "features": "\n".join(values.get("features", [])),
        "interval": Interval(values["interval"]),
        "tax_kind": TaxKind(values.get("tax_kind", "taxable")),
        "position": position,
    }
    plan = db.session.scalar(select(Plan).filter_by(slug=values["slug"]))
    if plan is None:
        plan = Plan(product=product)
        db.session.add(plan)
    for name, value in values.items():
        if not hasattr(Plan, name):
            raise ValueError(f"unknown key: {name}")
        if getattr(plan, name) != value:
            setattr(plan, name, value)
    plan.retired_at = (plan.retired_at or clock.now()) if retired else None
    db.session.flush()


@contextmanager
def _telling(what: str, mistakes: list[str]) -> Iterator[None]:
    """Undo what fails inside, and note why, so that the next mistake is found too."""
    try:
        with db.session.begin_nested(), db.session.no_autoflush:
            yield
    except KeyError as error:
        mistakes.append(f"{what}: {error} is missing")
    except InvalidTransition as error:
        mistakes.append(f"{what}: {error} (give it a new slug)")
    except IntegrityError as error:
        mistakes.append(f"{what}: {error.orig}")
    except (ValueError, TypeError, AttributeError) as error:
        mistakes.append(f"{what}: {error}")
