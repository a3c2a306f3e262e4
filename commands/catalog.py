"""`flask catalog`: products and plans."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import click
from flask.cli import AppGroup

import clock
from billing.catalogue import load_plan, load_product
from models import AuditEntry, InvalidTransition, Product, db
from rules.catalogue import doubtful_words

catalog = AppGroup("catalog", help="Products and plans.")

_KEYS_OF_PLAN = {
    "slug", "name", "summary", "description", "features", "price_won", "tax_kind", "tax_free_won",
    "interval", "interval_count", "kind", "retired", "translations",
}  # fmt: skip


@catalog.command("load")
@click.argument("file", type=click.File("rb"))
@click.option("--if-empty", is_flag=True, help="do nothing where there is a product already")
def load_catalog(file: BinaryIO, if_empty: bool) -> None:
    """Add the products and plans of a TOML file, and update their words; safe to repeat.

    Nothing is loaded where anything is wrong; every mistake is told at once. What the file names is
    then as the file has it, whatever was changed in the back office.
    """
    if Product.lock_catalogue() and if_empty:
        click.echo("there is a catalogue already")
        return
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
        product = load_product(values, position=position, now=clock.now())
        for place, plan in enumerate(values["plans"]):
            with _telling(f"plan {plan.get('slug', f'number {place + 1} of {slug}')}", mistakes):
                _refuse_unknown_keys(plan)
                load_plan(product, plan, position=place, now=clock.now())
                _warn(plan)


def _refuse_unknown_keys(plan: dict[str, Any]) -> None:
    unknown = set(plan) - _KEYS_OF_PLAN
    if unknown:
        raise ValueError(f"unknown key: {', '.join(sorted(unknown))}")


def _warn(plan: dict[str, Any]) -> None:
    found = doubtful_words(*(str(plan[name]) for name in ("name", "summary", "description")))
    if found:
        click.echo(
            f"plan {plan['slug']}: a reviewer may refuse it for {', '.join(found)}", err=True
        )


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
    except (ValueError, TypeError, AttributeError) as error:
        mistakes.append(f"{what}: {error}")
