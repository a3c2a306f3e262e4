"""`flask inquiries`: what customers asked, and the answers."""

import sys

import click
from flask.cli import AppGroup

import clock
from billing.inquire import answer_inquiry
from models import Inquiry, db

inquiries = AppGroup("inquiries", help="Read and answer what customers ask.")


@inquiries.command("list")
def list_inquiries() -> None:
    """List what waits for an answer, the oldest first."""
    waiting = Inquiry.unanswered()
    for inquiry in waiting:
        first_line = inquiry.body.splitlines()[0][:60]
        click.echo(f"{inquiry.id}: {inquiry.created_at:%Y-%m-%d} {inquiry.topic}: {first_line}")
    if not waiting:
        click.echo("nothing waits for an answer")


@inquiries.command("answer")
@click.argument("inquiry_id", type=int)
def answer(inquiry_id: int) -> None:
    """Answer an inquiry with what is typed, or read from standard input, until its end."""
    inquiry = db.session.get(Inquiry, inquiry_id)
    if inquiry is None:
        raise click.ClickException(f"there is no inquiry {inquiry_id}")
    if sys.stdin.isatty():
        click.echo(f"{inquiry.body}\n\nYour answer, then Ctrl-D:")
    text = sys.stdin.read().strip()
    if not text:
        raise click.ClickException("the answer is empty")
    if not answer_inquiry(inquiry_id=inquiry_id, answer=text, now=clock.now()):
        raise click.ClickException(f"inquiry {inquiry_id} is answered already")
    click.echo(f"{inquiry_id}: answered")
