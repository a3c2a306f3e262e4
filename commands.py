"""The shop's commands: accounts, the catalogue, and the billing run."""

import json
import logging
import secrets
import signal
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from threading import Event
from typing import Any, BinaryIO

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

import clock
from models import AuditEntry, InvalidTransition, Plan, Product, User, db
from models.plan import TaxKind
from models.user import Role
from rules.periods import Interval
from timetable import EVERYTHING, LOST_ANSWERS, Job, Summary, run_due

log = logging.getLogger("shop")

users = AppGroup("users", help="Accounts.")
catalog = AppGroup("catalog", help="Products and plans.")
billing = AppGroup("billing", help="Charge, settle, end and send what is due.")


def register(app: Flask) -> None:
    """Add the shop's commands to `flask`."""
    for group in (users, catalog, billing):
        app.cli.add_command(group)


@users.command("create")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--if-missing", is_flag=True, help="Leave an account that exists as it is.")
def create_user(role: str, email: str, name: str, password_stdin: bool, if_missing: bool) -> None:
    """Make an account; its password is asked for, read, or drawn and printed once."""
    if User.with_email(email) is not None:
        if if_missing:
            click.echo("the account exists already")
            return
        raise click.ClickException("an account with this address exists already")
    password, is_drawn = _password(password_stdin)
    now = clock.now()
    user = User(email=User.normalized_email(email), name=name, role=Role(role), created_at=now)
    user.set_password(password, now=now)
    db.session.add(user)
    db.session.flush()
    AuditEntry.write(
        "user.created", subject_type="user", subject_id=user.id, facts={"role": role}, now=now
    )
    db.session.commit()
    click.echo(f"made the {role} account {user.email}")
    if is_drawn:
        click.echo(f"password, shown this once: {password}")


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


@billing.command("run")
@click.option("--workers", default=4, show_default=True, help="How many records at once.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def run_billing(workers: int, as_json: bool) -> None:
    """Do all that is due, once; exit with 1 when something needs a person."""
    _report(_run(EVERYTHING, workers), as_json=as_json)


@billing.command("reconcile")
@click.option("--workers", default=4, show_default=True, help="How many records at once.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def reconcile_billing(workers: int, as_json: bool) -> None:
    """Settle lost answers now, without waiting for their next turn."""
    _report(_run(LOST_ANSWERS, workers), as_json=as_json)


@billing.command("work")
@click.option("--workers", default=4, show_default=True, help="How many records at once.")
@click.option("--pause", default=2.0, show_default=True, help="Seconds between two runs.")
def work_billing(workers: int, pause: float) -> None:
    """Do what is due again and again, until SIGTERM; what is in flight is finished first."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    click.echo("worker ready")
    while not stop.is_set():
        try:
            _run(EVERYTHING, workers)
        except SQLAlchemyError:
            log.exception("the database does not answer: trying again")
        stop.wait(pause)
    click.echo("worker stopped")


def _password(from_stdin: bool) -> tuple[str, bool]:
    """Return the password of a new account, and whether it was drawn here."""
    if not from_stdin and not sys.stdin.isatty():
        return secrets.token_urlsafe(12), True
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if len(password) < 10:
        raise click.ClickException("the password must have at least 10 characters")
    return password, False


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


def _run(jobs: Sequence[Job], workers: int) -> Summary:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return run_due(app, jobs, now=clock.now(), workers=workers)


def _report(summary: Summary, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(summary), ensure_ascii=False))
    else:
        for heading, counts in asdict(summary).items():
            for name, count in counts.items():
                shown = count if isinstance(count, int) else ", ".join(count)
                click.echo(f"{name}: {heading} {shown}")
        if not any(asdict(summary).values()):
            click.echo("nothing was due")
    if summary.needs_a_person:
        raise SystemExit(1)
