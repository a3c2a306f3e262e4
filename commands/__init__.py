"""The shop's commands, one group a module."""

from flask import Flask

from commands.billing import billing
from commands.catalog import catalog
from commands.exports import export
from commands.inquiries import inquiries
from commands.policies import policies
from commands.review import review
from commands.test_clock import test_clock
from commands.users import users


def register(app: Flask) -> None:
    """Add the shop's commands to `flask`."""
    for group in (users, catalog, billing, export, inquiries, policies, review, test_clock):
        app.cli.add_command(group)
