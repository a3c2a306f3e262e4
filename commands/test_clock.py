"""`flask clock`: let the shop's time run ahead, with the sandbox's keys only."""

import re
from datetime import datetime, timedelta
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

import clock
from gateways.sandbox_clock import set_sandbox_clock
from models import ShopClock, db
from rules.periods import SEOUL, Interval, nth_period, seoul_date
from timetable import EVERYTHING, Run

test_clock = AppGroup("clock", help="The test clock: with the built-in sandbox only.")

STEP = timedelta(days=1)


@test_clock.command("show")
def show_clock() -> None:
    """Print the shop's time."""
    _refuse_real_keys()
    click.echo(_written(clock.now()))


@test_clock.command("advance")
@click.argument("interval")
@click.option("--workers", default=4, show_default=True, help="Records at once.")
def advance_clock(interval: str, workers: int) -> None:
    """Move the shop's time on by INTERVAL (1month, 10days, 36hours), a billing run each day."""
    _refuse_real_keys()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    start, begun = clock.now(), clock.now() - clock.real_now()
    distance, moved = _distance(interval, start), timedelta(0)
    while moved < distance:
        moved = min(moved + STEP, distance)
        _set(begun + moved)
        summary = Run(app, time=clock.now, workers=workers).do(EVERYTHING)
        done = ", ".join(f"{name} {count}" for name, count in summary.settled.items())
        click.echo(f"{_written(clock.now())}  {done or 'nothing was due'}")


@test_clock.command("reset")
def reset_clock() -> None:
    """Let the shop's time be the real one again."""
    _refuse_real_keys()
    _set(timedelta(0))
    click.echo(_written(clock.now()))


def _set(ahead: timedelta) -> None:
    ShopClock.set_ahead(ahead)
    db.session.commit()
    clock.read_again()
    if current_app.config["SANDBOX_CONTROL_URL"]:
        moment = clock.real_now() + ahead if ahead else None
        set_sandbox_clock(current_app.config["SANDBOX_CONTROL_URL"], moment)


def _refuse_real_keys() -> None:
    if not current_app.config["USES_SANDBOX"]:
        raise click.ClickException(
            "the test clock runs only on the built-in sandbox, without Toss keys: nothing was moved"
        )


def _distance(interval: str, now: datetime) -> timedelta:
    found = re.fullmatch(r"(\d{1,4})(hour|day|week|month|year)s?", interval)
    if found is None or not int(found[1]):
        raise click.BadParameter("say how far, such as 1month, 10days or 36hours")
    count, unit = int(found[1]), found[2]
    if unit in ("month", "year"):
        today = seoul_date(now)
        return nth_period(today, 1, Interval(unit), count).end_on - today
    hours = {"hour": 1, "day": 24, "week": 168}[unit]
    return timedelta(hours=hours * count)


def _written(moment: datetime) -> Any:
    return moment.astimezone(SEOUL).isoformat(sep=" ", timespec="seconds")
