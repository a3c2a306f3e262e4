"""`flask export`: payments, refunds and Toss's settlements as files, of any number of days."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import chain
from pathlib import Path
from typing import IO, Any, TypeVar

import click
from flask.cli import AppGroup

import clock
import key_pairs
from billing.export import ExportKind, bounds, note_export, payments_of, refunds_of
from billing.match_settlements import Ask, MatchedLine, Totals, match_settlements
from gateways.payment import OutcomeUnknown, PaymentGatewayError, Settlement, SettlementDay
from models.export import count_payments, count_refunds
from rules.days import written_day
from rules.periods import seoul_date
from views import csv_files

export = AppGroup("export", help="Payments, refunds and settlements as files for a spreadsheet.")

Batch = TypeVar("Batch", bound=Sequence[Any])

PAUSES = (2.0, 10.0, 60.0)
"""Seconds after which Toss is asked again for a page of its list that did not come."""


class Day(click.ParamType):
    """A day of this century, written like 2026-11-20."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day, or fail with what one looks like."""
        found = value if isinstance(value, date) else written_day(value)
        return found or self.fail("write a day like 2026-11-20", param, ctx)


def _of_days(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--force", is_flag=True, help="Overwrite the file if it is there."),
        click.option("--output", type=click.Path(path_type=Path), required=True, help="The file."),
        click.option("--to", "end_on", type=Day(), required=True, help="The last day, in Seoul."),
        click.option("--from", "start_on", type=Day(), required=True, help="The first day."),
    ):
        command = option(command)
    return command


@export.command("payments")
@_of_days
def export_payments(start_on: date, end_on: date, output: Path, force: bool) -> None:
    """Write what was approved on these days."""
    with _file(ExportKind.PAYMENTS, start_on, end_on, output, force=force) as write:
        total = count_payments(*bounds(start_on, end_on)) if _is_watched() else None
        write(csv_files.payments(_watched(payments_of(start_on, end_on), total)))


@export.command("refunds")
@_of_days
def export_refunds(start_on: date, end_on: date, output: Path, force: bool) -> None:
    """Write what was asked to go back on these days."""
    with _file(ExportKind.REFUNDS, start_on, end_on, output, force=force) as write:
        total = count_refunds(*bounds(start_on, end_on)) if _is_watched() else None
        write(csv_files.refunds(_watched(refunds_of(start_on, end_on), total)))


@export.command("settlements")
@_of_days
@click.option(
    "--by",
    type=click.Choice(["sold", "paid-out"]),
    default="sold",
    show_default=True,
    help="Which days they are: those of the sale, or those of the pay-out.",
)
def export_settlements(start_on: date, end_on: date, output: Path, force: bool, by: str) -> None:
    """Ask Toss what it settles of these days, and write it beside the books."""
    totals = Totals()
    pages = chain.from_iterable(
        match_settlements(
            ask=_patiently(gateway.settlements),
            key_pair=gateway.key_pair,
            by="paid_out" if by == "paid-out" else "sold",
            start_on=start_on,
            end_on=end_on,
            today=seoul_date(clock.now()),
        )
        for gateway in key_pairs.gateways()
    )
    try:
        with _file(ExportKind.SETTLEMENTS, start_on, end_on, output, force=force) as write:
            write(csv_files.settlements(_watched(_counted(pages, totals), None)))
    except PaymentGatewayError as error:
        raise click.ClickException(
            f"Toss's list did not come, nothing was written: {error}"
        ) from None
    _report(totals)


def _report(totals: Totals) -> None:
    click.echo(
        f"sold {totals.sales_won} won, given back {totals.canceled_won} won,"
        f" fees {totals.fee_won} won (VAT {totals.fee_vat_won}), paid out {totals.pay_out_won} won"
    )
    for day, won in sorted(totals.pay_outs.items()):
        click.echo(f"  {day}: {won} won")
    click.echo(f"{totals.unmatched} of {totals.settled} do not agree with the books")
    click.echo(f"{totals.unsettled} of ours not settled yet: {totals.unsettled_won} won")


def _counted(pages: Iterable[list[MatchedLine]], totals: Totals) -> Iterator[list[MatchedLine]]:
    for page in pages:
        totals.add(page)
        yield page


def _patiently(ask: Ask) -> Ask:
    """Return what asks again for a page that did not come: hours of reading must not be lost."""

    def ask_again(
        start_on: date, end_on: date, *, by: SettlementDay, page: int, limit: int
    ) -> tuple[Settlement, ...]:
        for pause in PAUSES:
            try:
                return ask(start_on, end_on, by=by, page=page, limit=limit)
            except OutcomeUnknown as error:
                click.echo(f"{error}: asking again in {pause:g} seconds", err=True)
                time.sleep(pause)
        return ask(start_on, end_on, by=by, page=page, limit=limit)

    return ask_again


@contextmanager
def _file(
    kind: ExportKind, start_on: date, end_on: date, output: Path, *, force: bool
) -> Iterator[Callable[[Iterable[str]], None]]:
    """Give what writes a file, which takes its name and is noted once it is whole.

    What is half written goes, whatever ends the command.
    """
    if end_on < start_on:
        raise click.BadParameter("the last day is before the first", param_hint="--to")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        with _part_of(output, force=force) as file:
            yield lambda texts: file.writelines(text.encode() for text in texts)
    except OSError as trouble:
        raise click.ClickException(f"{output}: {trouble.strerror}") from None
    note_export(kind, start_on, end_on, actor_id=None, now=clock.now())
    click.echo(f"wrote {output}")


@contextmanager
def _part_of(output: Path, *, force: bool) -> Iterator[IO[bytes]]:
    _refuse_to_overwrite(output, force=force)
    number, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(number)
        _refuse_to_overwrite(output, force=force)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _refuse_to_overwrite(output: Path, *, force: bool) -> None:
    if output.is_dir():
        raise click.ClickException(f"{output} is a folder: name a file")
    if output.exists() and not force:
        raise click.ClickException(f"{output} is there already: --force overwrites it")


def _is_watched() -> bool:
    return sys.stderr.isatty()


def _watched(batches: Iterator[Batch], total: int | None) -> Iterator[Batch]:
    """Show a bar on a terminal: of so many rows, or of pages, whose number Toss does not tell."""
    is_hidden = not _is_watched()
    if total is None:
        with click.progressbar(batches, label="pages", file=sys.stderr, hidden=is_hidden) as pages:
            yield from pages
        return
    with click.progressbar(
        length=total, label="rows", file=sys.stderr, hidden=is_hidden, show_pos=True
    ) as rows:
        for batch in batches:
            yield batch
            rows.update(len(batch))
