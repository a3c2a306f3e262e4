"""`flask policies`: tell customers of a new version before it holds."""

import click
from flask.cli import AppGroup

import clock
from billing import BillingError
from billing.announce_policy import announce_policy
from views.policies import TITLES, versions

policies = AppGroup("policies", help="Tell customers of new versions of the policies.")


@policies.command("announce")
@click.argument("name", type=click.Choice(sorted(TITLES)))
@click.argument("version")
@click.option("--adverse", is_flag=True, help="It is to the customers' disadvantage: 30 days.")
def announce(name: str, version: str, adverse: bool) -> None:
    """Mail every open account about VERSION of a policy, once; safe to repeat."""
    if version not in versions(name):
        raise click.ClickException(f"there is no templates/policies/{name}/{version}.html")
    try:
        owed = announce_policy(name=name, version=version, is_adverse=adverse, now=clock.now())
    except BillingError as refusal:
        raise click.ClickException(str(refusal)) from None
    click.echo(f"{owed} mails are owed")
