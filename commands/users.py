"""`flask users`: accounts."""

import secrets
import sys

import click
from flask.cli import AppGroup

import clock
from models import AuditEntry, SecondFactor, SignIn, User, db
from models.user import Role

users = AppGroup("users", help="Accounts.")


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


@users.command("reset-second-factor")
@click.option("--email", required=True)
def reset_second_factor(email: str) -> None:
    """Forget the phone of an account and sign it out; its next sign-in registers a new one."""
    user = User.with_email(email)
    if user is None or not SecondFactor.forget(user):
        raise click.ClickException("no account with this address has a second factor")
    now = clock.now()
    SignIn.end_all(user, now=now)
    AuditEntry.write("second_factor.reset", subject_type="user", subject_id=user.id, now=now)
    db.session.commit()
    click.echo(f"{user.email} registers a phone with the next sign-in")


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
