"""Imports go down, and each side effect has one door."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import ROOT

OURS = {
    "app", "arming", "billing", "clock", "commands", "config", "gateways", "key_pairs", "models",
    "review",
    "rules", "sandbox", "sandbox_controls",
    "timetable", "views", "worker", "wsgi",
}  # fmt: skip
MAY_IMPORT = {
    "rules": {"rules"},
    "models": {"models", "rules"},
    "gateways": {"gateways", "rules"},
    "billing": {"billing", "models", "rules", "gateways.payment", "gateways.mail"},
    "views": {
        "views", "billing", "models", "rules", "clock", "config", "key_pairs",
        "gateways.card_companies", "gateways.payment", "gateways.mail", "review",
    },
    "review": {"review", "models", "rules", "config", "gateways.payment", "gateways.visitor"},
    "sandbox": {"sandbox"},
}  # fmt: skip
SOCKETS = {"requests", "smtplib", "socket", "urllib.request", "http.client", "urllib3"}
CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
MONEYLESS_VIEWS = {
    "views/access.py", "views/account.py", "views/admin_second_factor.py", "views/checkout.py",
    "views/languages.py", "views/passes.py", "views/passwords.py", "views/signup.py",
}  # fmt: skip


def files() -> list[Path]:
    folders = [ROOT / name for name in (*MAY_IMPORT, "views")]
    found = {path for folder in [*folders, ROOT / "commands"] for path in folder.rglob("*.py")}
    return sorted(found | set(ROOT.glob("*.py")))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def faults(name: str, source: str) -> list[str]:
    """Return what a file does that its place does not allow."""
    tree, package = ast.parse(source), name.split("/")[0]
    found = []
    for imported in imports(tree):
        first = imported.split(".")[0]
        if first in OURS and package in MAY_IMPORT:
            allowed = MAY_IMPORT[package]
            if (
                first not in allowed
                and not any(
                    imported == one or imported.startswith(one + ".") or one == f"{first}"
                    for one in allowed
                )
                and imported != "gateways"
            ):
                found.append(f"{name} imports {imported}")
        if imported in SOCKETS and package not in ("gateways", "sandbox") and name != "arming.py":
            found.append(f"{name} opens sockets with {imported}")
        if first == "playwright" and name != "review/walk.py":
            found.append(f"{name} drives a browser")
        if imported.split(".")[0] == "flask" and package in (
            "rules",
            "billing",
            "gateways",
            "models",
            "review",
        ):
            found.append(f"{name} imports flask")
        if first == "sandbox" and package != "sandbox":
            found.append(f"{name} knows the sandbox")
    for call in calls(tree):
        if call in CLOCKS and name != "clock.py" and package != "sandbox":
            found.append(f"{name} asks the time with {call}")
        if call == "db.session.commit" and not (
            package in ("billing", "commands") or name in MONEYLESS_VIEWS
        ):
            found.append(f"{name} commits")
    return found


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_keeps_to_its_place(path):
    assert faults(str(path.relative_to(ROOT)), path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("views/plans.py", "import requests"),
        ("views/plans.py", "from gateways.toss import TossGateway"),
        ("views/home.py", "db.session.commit()"),
        ("billing/collect.py", "from flask import request"),
        ("billing/collect.py", "from gateways.toss import TossGateway"),
        ("billing/collect.py", "from views import checkout"),
        ("billing/collect.py", "import clock"),
        ("billing/collect.py", "from datetime import datetime\ndatetime.now()"),
        ("models/plan.py", "from billing.collect import collect"),
        ("models/plan.py", "db.session.commit()"),
        ("rules/won.py", "from models import Plan"),
        ("gateways/toss.py", "from models import Plan"),
        ("review/visit.py", "import requests"),
        ("review/visit.py", "from flask import current_app"),
        ("review/visit.py", "from views import policies"),
        ("review/key.py", "from gateways.toss import TossGateway"),
        ("review/books.py", "db.session.commit()"),
        ("sandbox/api.py", "import config"),
        ("views/home.py", "import sandbox"),
        ("review/deck.py", "from views import filters"),
        ("review/deck.py", "import clock"),
        ("review/walk.py", "import requests"),
        ("commands/review_deck.py", "from playwright.sync_api import sync_playwright"),
    ],
)
def test_a_planted_mistake_is_found(name, source):
    assert faults(name, source) != []
