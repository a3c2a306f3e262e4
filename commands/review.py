"""`flask review`: what Toss's reviewer wants, before the reviewer comes."""

import json
import re
import sys

import click
from flask import current_app
from flask.cli import AppGroup

import clock
from commands.review_deck import deck
from config import ROOT
from models import User
from review import Report, Result, SignIn, State, ask_about_key, check

review = AppGroup("review", help="Get ready for Toss's review.")
review.add_command(deck)

SIGN_INS = ROOT / "instance" / "sign-ins.json"

_MARKS = {
    State.UNMET: "✗",
    State.UNCHECKED: "?",
    State.WARNING: "!",
    State.ONLY_IN_LIVE: "…",
    State.ONLY_YOU: "□",
    State.MET: "✓",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@review.command("check")
@click.option("--url", help="Where to reach the shop, where it is not PUBLIC_URL.")
@click.option("--reviewer-email", help="The reviewer's sign-in; the newest account's if missing.")
@click.option(
    "--reviewer-password",
    envvar="REVIEWER_PASSWORD",
    help="Asked for when missing, or REVIEWER_PASSWORD. Without it no order is tried.",
)
@click.option("--seconds", default=120, show_default=True, type=click.IntRange(5, 3600))
@click.option("--pages", default=500, show_default=True, type=click.IntRange(50, 20000))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check_review(
    url: str | None,
    reviewer_email: str | None,
    reviewer_password: str | None,
    seconds: int,
    pages: int,
    as_json: bool,
) -> None:
    """Say what Toss's reviewer will refuse; exit with 1 unless a program finds nothing.

    Visits the running shop as a stranger and as the reviewer. Run it where the shop runs, with
    its settings and its database.
    """
    if url and not re.fullmatch(r"https?://[^/?#@\s]+/?", url):
        raise click.ClickException("--url must be an origin such as http://127.0.0.1:8000")
    report = check(
        settings=current_app.config,
        key_answer=ask_about_key(current_app.extensions["payment_gateway"]),
        sign_in=_sign_in(reviewer_email, reviewer_password),
        now=clock.now(),
        url=url,
        seconds_in_all=seconds,
        pages_in_all=pages,
    )
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        _print(report)
    if not report.is_met:
        raise SystemExit(1)


def _sign_in(email: str | None, password: str | None) -> SignIn | None:
    """Return how the reviewer signs in; None where nobody says it and nobody can be asked."""
    if not email and not password and (drawn := _drawn_by_make_run()):
        return drawn
    reviewer = User.newest_reviewer()
    known = email or (reviewer.email if reviewer else None)
    if known and not password and sys.stdin.isatty():
        question = f"Password of {known} (empty: no order is tried)"
        password = click.prompt(question, "", hide_input=True, show_default=False, err=True)
    if known and password:
        return SignIn(known, password)
    if email or password:
        raise click.ClickException("--reviewer-email and --reviewer-password go together")
    return None


def _drawn_by_make_run() -> SignIn | None:
    """Return the demo's reviewer as `make run` drew it, if this is that shop."""
    if not current_app.config["USES_SANDBOX"] or not SIGN_INS.is_file():
        return None
    drawn = json.loads(SIGN_INS.read_text())["reviewer"]
    user = User.with_email(drawn["email"])
    if user is None or not user.has_password(drawn["password"]):
        return None
    return SignIn(drawn["email"], drawn["password"])


def _print(report: Report) -> None:
    counts = " · ".join(f"{label} {len(results)}" for _, label, results in report.groups)
    _say(f"심사 점검: {report.url} ({report.mode})")
    _say(counts)
    for _, label, results in report.groups:
        _say("")
        _say(f"{label} ({len(results)})")
        for result in results:
            _print_result(result)
    _say("")
    _say("신청서에 적을 값")
    for name, value in report.application.items():
        _say(f"  {name}: {value}")
    webhook = report.webhook
    _say(f"  웹훅 주소: {_webhook_address(report) or '정해지지 않음'}")
    _say(f"  자동결제 MID: {webhook.m_id or '아직 모름 (카드가 하나 등록되면 알 수 있어요)'}")


def _print_result(result: Result) -> None:
    requirement = result.requirement
    _say(f"  {_MARKS[result.state]} {requirement.title} [{requirement.key}]")
    for places, what in result.in_short:
        _say(f"      {places}: {what}")
    if result.note:
        _say(f"      {result.note}")
    if result.state is not State.MET:
        _say(f"      → {requirement.remedy}")
        _say(f"      근거: {requirement.source}")


def _webhook_address(report: Report) -> str:
    """Return the whole address for a person at a terminal, and a masked one for a log."""
    webhook = report.webhook
    return webhook.address if sys.stdout.isatty() else webhook.masked_address


def _say(line: str) -> None:
    """Print a line without what could steer a terminal: pages wrote parts of it."""
    click.echo(_CONTROL.sub(" ", line))
