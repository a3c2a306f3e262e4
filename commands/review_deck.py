"""`flask review deck`: the 결제경로 file for card companies' reviewers."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import click
from flask import current_app
from flask.cli import with_appcontext

import clock
from config import ROOT
from review.captures import Account, Walked, WalkStopped
from review.merchant import Merchant

_DEFAULT_FILE = ROOT / "instance" / "결제경로.pptx"
_NEEDS_PLAYWRIGHT = (
    "the walk needs Playwright: install it with"
    " `python -m pip install -r requirements-dev.txt` and run this again"
)
_NEEDS_BROWSER = (
    "no browser was found: install Chromium (`python -m playwright install chromium`),"
    " or name one in BROWSER_PATH"
)


@click.command("deck")
@click.option("--url", help="The shop's origin; PUBLIC_URL by default.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="instance/결제경로.pptx by default."
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--reviewer-email", help="Test ID: an account without a running subscription.")
@click.option("--reviewer-password", help="Test PW, shown in the file; asked for when left out.")
@click.option("--plan", metavar="SLUG", help="The plan to show; the first on sale by default.")
@click.option("--mid", help="The MID contracted for billing, if there is one already.")
@with_appcontext
def deck(
    url: str | None,
    output: Path | None,
    force: bool,
    reviewer_email: str | None,
    reviewer_password: str | None,
    plan: str | None,
    mid: str | None,
) -> None:
    """Walk through the shop in a browser, and write the 결제경로 file (PowerPoint).

    The walk buys nothing: it stops at the card window. Without an account the screens behind the
    log-in stay empty in the file.
    """
    target = output or _DEFAULT_FILE
    _refuse_to_write(target, force)
    origin = _origin(url or current_app.config["PUBLIC_URL"])
    account = _account(reviewer_email, reviewer_password)
    merchant = Merchant.of(current_app.config)
    walked = _walk(origin, plan, account)
    if missing := merchant.missing_from(walked.footer):
        raise click.ClickException(
            f"the footer at {origin} does not show what the settings here say:"
            f" {'; '.join(missing)}. Run this with the settings of that shop, or mend them."
        )
    from review.deck import write_deck  # no other command, and no web process, needs what it needs

    with _whole_or_nothing(target, force) as file:
        write_deck(
            file,
            url=origin,
            merchant=merchant,
            account=account,
            mid=mid,
            walked=walked,
            made_at=clock.real_now(),
        )
    click.echo(f"wrote {target}: {len(walked.captures)} captures of {origin}")
    _tell_what_is_missing(account, walked)


def _walk(origin: str, plan: str | None, account: Account | None) -> Walked:
    try:
        from review.walk import walk
    except ImportError:
        raise click.ClickException(_NEEDS_PLAYWRIGHT) from None
    from bin import browser

    browser_path = browser.find()
    if browser_path is None:
        raise click.ClickException(_NEEDS_BROWSER)
    try:
        return walk(
            url=origin,
            browser_path=browser_path,
            plan=plan,
            account=account,
            tell_time=clock.real_now,
        )
    except WalkStopped as stop:
        raise click.ClickException(str(stop)) from None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    is_web = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    if not is_web or parts.path.strip("/") or parts.query or parts.fragment:
        raise click.ClickException("--url must be an origin such as https://shop.example.kr")
    return f"{parts.scheme}://{parts.netloc}"


def _account(email: str | None, password: str | None) -> Account | None:
    if email is None:
        if password is not None:
            raise click.ClickException("--reviewer-password needs --reviewer-email")
        return None
    return Account(email, password or click.prompt("Test PW", hide_input=True))


def _refuse_to_write(target: Path, force: bool) -> None:
    """Say before the walk what would stop the writing after it."""
    if target.suffix.lower() != ".pptx":
        raise click.ClickException(f"{target} must end in .pptx: reviewers take no other file")
    if target.is_dir() or (target.exists() and not force):
        raise click.ClickException(f"{target} is there already: name another, or add --force")
    if target == _DEFAULT_FILE:
        target.parent.mkdir(exist_ok=True)
    if not target.parent.is_dir():
        raise click.ClickException(f"the folder {target.parent} does not exist: make it first")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise click.ClickException(f"nothing can be written into {target.parent}: name another")


@contextmanager
def _whole_or_nothing(target: Path, force: bool) -> Iterator[IO[bytes]]:
    """Give a file beside the target, and rename it once it is whole; only its owner may read it."""
    try:
        with tempfile.NamedTemporaryFile(
            dir=target.parent, prefix=f".{target.stem}-", suffix=".tmp", delete=False
        ) as file:
            try:
                yield file
                file.flush()
                _refuse_to_write(target, force)
                os.replace(file.name, target)
            except BaseException:
                with suppress(OSError):
                    os.unlink(file.name)
                raise
    except OSError as error:
        raise click.ClickException(f"{target} could not be written: {error.strerror}") from None


def _tell_what_is_missing(account: Account | None, walked: Walked) -> None:
    if account is None:
        click.echo("without --reviewer-email the screens behind the log-in are left empty")
    elif not walked.has_paid:
        click.echo(f"{account.email} never paid, so its payments are shown empty")
    if walked.is_sandbox:
        click.echo("this is the sandbox: make the file again with Toss's test keys to hand it in")
    click.echo("the last slide says what is left to do by hand")
