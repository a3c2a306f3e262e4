"""`flask clock`: let the shop's time run ahead, with the sandbox's keys only."""

import re
from datetime import datetime, timedelta
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

import clock
from rules.periods import SEOUL, Interval, nth_period, seoul_date

test_clock = AppGroup("clock", help="The test clock: with the built-in sandbox only.")


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
    controls = current_app.extensions["sandbox_controls"]
    for summary in controls.advance(_distance(interval, clock.now()), workers=workers):
        done = ", ".join(f"{name} {count}" for name, count in summary.settled.items())
        click.echo(f"{_written(clock.now())}  {done or 'nothing was due'}")
    clock.wait_for_others()


@test_clock.command("reset")
def reset_clock() -> None:
    """Let the shop's time be the real one again."""
    _refuse_real_keys()
    current_app.extensions["sandbox_controls"].reset()
    clock.wait_for_others()
    click.echo(_written(clock.now()))


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
