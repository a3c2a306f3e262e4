"""`flask billing`: charge, settle, end and send what is due; compare with Toss; arm this host."""

import json
import logging
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from threading import Event

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

import clock
import key_pairs
from billing import BillingError
from billing.audit import audit
from billing.refund import ask_again, settle_by_hand
from billing.resolve import Decision, resolve
from billing.resolve_pass import resolve_pass
from gateways.payment import PaymentGatewayError
from models import ArmedHost, AuditEntry, PassOrder, Refund, db
from timetable import EVERYTHING, LOST_ANSWERS, Job, Run, Summary, strain_of

log = logging.getLogger("shop")

billing = AppGroup("billing", help="Charge, settle, end and send what is due.")

_workers = click.option(
    "--workers", default=4, show_default=True, type=click.IntRange(1, 128), help="Records at once."
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@billing.command("run")
@_workers
@_as_json
def run_billing(workers: int, as_json: bool) -> None:
    """Do all that is due, once; exit with 1 when something needs a person.

    SIGTERM and Ctrl-C finish what is in flight and stop.
    """
    _run_once(EVERYTHING, workers, as_json=as_json)


@billing.command("reconcile")
@_workers
@_as_json
def reconcile_billing(workers: int, as_json: bool) -> None:
    """Settle lost answers now, without waiting for their next turn."""
    _run_once(LOST_ANSWERS, workers, as_json=as_json)


@billing.command("work")
@_workers
@click.option("--pause", default=2.0, show_default=True, help="Seconds between two runs.")
def work_billing(workers: int, pause: float) -> None:
    """Do what is due again and again, until SIGTERM; what is in flight is finished first."""
    stop, app = _stop_on_signal(), _app()
    strain = strain_of(app)
    may_act = True
    _keep_pace(app)
    click.echo("worker ready")
    while not stop.is_set():
        try:
            could, may_act = may_act, app.extensions["arming"].may_act()
            if may_act:
                Run(app, time=clock.now, workers=workers, stop=stop, strain=strain).do(EVERYTHING)
            elif could:
                log.error(_NOT_ARMED)
        except SQLAlchemyError:
            log.exception("the database does not answer: trying again")
        stop.wait(pause)
    click.echo("worker stopped")


@billing.command("audit")
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), required=True, help="A day.")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), required=True, help="A day.")
@_as_json
def audit_billing(start: datetime, end: datetime, as_json: bool) -> None:
    """Compare every won of these days in Seoul with Toss's own list; change nothing.

    Exit with 1 when the two sides differ.
    """
    findings = [
        finding
        for gateway in key_pairs.gateways()
        for finding in audit(gateway=gateway, start_on=_day(start), end_on=_day(end))
    ]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(str(finding))
        click.echo(f"{len(findings)} difference(s)")
    if findings:
        raise SystemExit(1)


@billing.command("resolve")
@click.argument("order_id")
@click.option(
    "--as",
    "decision",
    type=click.Choice([decision.value for decision in Decision]),
    required=True,
    help="Where Toss holds no money of it: charge again, or give the period away.",
)
def resolve_attempt(order_id: str, decision: str) -> None:
    """Decide about an order that was set aside; Toss is asked first and never charged twice.

    An order for a pass is granted where Toss has its money, and closed where it has none.
    """
    try:
        if (of_pass := db.session.get(PassOrder, order_id)) is not None:
            gateway = key_pairs.gateway_of(of_pass.key_pair)
            resolve_pass(order_id=order_id, gateway=gateway, now=clock.now())
            click.echo(f"{order_id}: done")
            return
        resolve(
            order_id=order_id,
            decision=Decision(decision),
            gateway=current_app.extensions["payment_gateway"],
            terms=current_app.extensions["collection_terms"],
            now=clock.now(),
        )
    except (BillingError, PaymentGatewayError) as refusal:
        raise click.ClickException(f"{order_id}: {refusal}") from None
    click.echo(f"{order_id}: done")


@billing.command("refunds")
def list_refunds() -> None:
    """List what Toss would not give back and the merchant owes; exit with 1 if there is any."""
    owed = Refund.owed_by_hand()
    for refund in owed:
        click.echo(
            f"{refund.id}: {refund.amount_won} won of {refund.payment.order_id}"
            f" since {refund.created_at:%Y-%m-%d} UTC, Toss said: {refund.failure_code or '-'}"
        )
    if owed:
        raise SystemExit(1)
    click.echo("nothing is owed by hand")


@billing.command("settle-refund")
@click.argument("refund_id", type=int)
@click.option(
    "--as",
    "how",
    type=click.Choice(["paid-by-hand", "ask-again"]),
    required=True,
    help="It was given back in another way; or Toss is asked once more.",
)
def settle_refund(refund_id: int, how: str) -> None:
    """Settle a refund that the merchant owes by hand."""
    if db.session.get(Refund, refund_id) is None:
        raise click.ClickException(f"there is no refund {refund_id}")
    settle = settle_by_hand if how == "paid-by-hand" else ask_again
    if not settle(refund_id=refund_id, actor_id=None, now=clock.now()):
        raise click.ClickException(f"refund {refund_id} is not owed by hand")
    click.echo(f"{refund_id}: {'done' if how == 'paid-by-hand' else 'asked with the next run'}")


@billing.command("arm")
def arm_host() -> None:
    """Let this host move money with the key that is configured, and send the shop's mail."""
    arming = current_app.extensions["arming"]
    ArmedHost.arm(arming.host_id, arming.key_hmac, now=clock.now())
    _log_arming("host.armed", arming.host_id)
    click.echo(f"armed: {arming.host_id}")


@billing.command("disarm")
@click.argument("host_id", required=False)
def disarm_host(host_id: str | None) -> None:
    """Take that right from a host, this one where none is named."""
    host_id = host_id or current_app.extensions["arming"].host_id
    if not ArmedHost.disarm(host_id):
        raise click.ClickException(f"{host_id} is not armed")
    _log_arming("host.disarmed", host_id)
    click.echo(f"disarmed: {host_id}")


@billing.command("armed")
def list_armed_hosts() -> None:
    """List the armed hosts and say whether this one is among them; exit with 1 if it is not."""
    arming = current_app.extensions["arming"]
    for host in ArmedHost.all():
        here = " (this host)" if host.host_id == arming.host_id else ""
        click.echo(f"{host.host_id} since {host.armed_at:%Y-%m-%d %H:%M} UTC{here}")
    if not arming.is_needed:
        click.echo("no live key: every host may act")
    elif not arming.may_act():
        raise click.ClickException(_NOT_ARMED)


_NOT_ARMED = (
    "this host is not armed for the live key: nothing is charged and no mail is sent. If this is"
    " the shop and no copy of it, run: flask billing arm"
)


def _run_once(jobs: Sequence[Job], workers: int, *, as_json: bool) -> None:
    app = _app()
    if not _may_act(app):
        raise SystemExit(1)
    _keep_pace(app)
    stop = _stop_on_signal()
    with _Progress(is_shown=not as_json and sys.stderr.isatty()) as progress:
        run = Run(app, time=clock.now, workers=workers, stop=stop, on_done=progress.count)
        _report(run.do(jobs), as_json=as_json)


class _Progress:
    """A bar on a terminal that counts what is done; how much there is in all is not known."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._done = 0

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown and self._done:
            click.echo("", err=True)

    def count(self, job: str) -> None:
        self._done += 1
        if self._is_shown:
            bar = "█" * (self._done % 40)
            click.echo(f"\r{bar:<40} {self._done:>7} {job:<25}", nl=False, err=True)


def _stop_on_signal() -> Event:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined]


def _keep_pace(app: Flask) -> None:
    with app.app_context():
        key_pairs.keep_pace()


def _may_act(app: Flask) -> bool:
    if app.extensions["arming"].may_act():
        return True
    log.error(_NOT_ARMED)
    return False


def _log_arming(action: str, host_id: str) -> None:
    AuditEntry.write(action, subject_type="host", subject_id=host_id[:50], now=clock.now())
    db.session.commit()


def _day(moment: datetime) -> date:
    return moment.date()


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
