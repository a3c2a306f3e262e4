"""Every route: who may see it, how it is named, and what a stranger gets."""

import re
from datetime import UTC, datetime

import pytest

from app import create_app
from gateways.fake import FakeGateway
from models import db
from models.user import Role
from tests.conftest import PASSWORD, TEST_SETTINGS, _person
from views.access import access_of, public
from views.security import csrf

PUBLIC = {
    "checkout.fail", "checkout.success", "contact.create", "contact.new", "contact.show",
    "health.live", "health.ready", "home.show", "languages.choose",
    "passes.fail", "passes.index", "passes.show", "passes.success",
    "passwords.create", "passwords.edit", "passwords.new", "passwords.update",
    "pictures.show",
    "plans.index", "plans.show", "policies.korean", "policies.privacy", "policies.refund_policy",
    "policies.terms",
    "sessions.create", "sessions.new", "signup.create", "signup.new", "sitemap.index",
    "sitemap.robots", "webhooks.create",
}  # fmt: skip


def rules(app):
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]


def address(rule):
    """Return a rule's address, in English where it has one in every language."""
    return rule.rule.replace("/<any(en, ja, zh):language>", "/en")


def path(rule):
    return re.sub(r"<\w+:\w+>", "1", address(rule))


def public_endpoints(app):
    views = app.view_functions
    return {rule.endpoint for rule in rules(app) if access_of(views[rule.endpoint]) == "public"}


def untidy_addresses(app):
    tidy = r"(/|/en/|(/([a-z0-9]+(-[a-z0-9]+)*|<(string|int):\w+>))+)"
    return [
        rule.rule
        for rule in rules(app)
        if not re.fullmatch(tidy, re.sub(r"\.(txt|webp|xml)$", "", address(rule)))
    ]


def open_to_strangers(app, client):
    """Return the routes that answer a stranger with anything but the way to the log-in."""
    found = []
    for rule in rules(app):
        if rule.endpoint in PUBLIC:
            continue
        for method in rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}:
            answer = client.open(path(rule), method=method)
            if answer.status_code != 303 or not re.match(r"(/en)?/login", answer.location):
                found.append((method, rule.rule))
    return found


def forms_without_token(app, client):
    """Return the routes that take a form from a signed-in customer without its token."""
    app.config["WTF_CSRF_ENABLED"] = True
    return [
        rule.rule
        for rule in rules(app)
        if "POST" in rule.methods and client.post(path(rule)).status_code not in (400, 404)
    ]


def test_only_these_pages_are_for_strangers(app):
    assert public_endpoints(app) == PUBLIC


def test_addresses_are_kebab_case_and_typed(app):
    assert untidy_addresses(app) == []


def test_a_stranger_is_asked_to_log_in_everywhere_else(app, client):
    assert open_to_strangers(app, client) == []


def test_every_form_wants_its_token(app, client, log_in, user):
    log_in(user)
    assert forms_without_token(app, client) == []


@pytest.fixture
def careless(tmp_path):
    """A shop whose author forgot what these tests look for, once each."""
    url = f"sqlite:///{tmp_path / 'careless.sqlite'}"
    shop = create_app({**TEST_SETTINGS, "DATABASE_URL": url}, gateway=FakeGateway())
    with shop.app_context():
        db.create_all()
        db.session.add(_person("hana@example.com", "김하나", Role.CUSTOMER, datetime.now(UTC)))
        db.session.commit()
    shop.add_url_rule("/back-door", "back_door", public(lambda: "open"))
    shop.add_url_rule("/Under_Score", "untidy", lambda: "untidy")
    shop.add_url_rule("/untyped/<name>", "untyped", lambda name: name)
    shop.add_url_rule("/tokenless", "tokenless", csrf.exempt(lambda: "taken"), methods=["POST"])
    shop.add_url_rule("/side-door", "static.side_door", lambda: "open")
    return shop


def test_a_page_that_was_opened_by_mistake_is_found(careless):
    assert public_endpoints(careless) - PUBLIC == {"back_door"}


def test_an_untidy_or_untyped_address_is_found(careless):
    assert untidy_addresses(careless) == ["/Under_Score", "/untyped/<name>"]


@pytest.mark.slow
def test_a_route_without_a_guard_is_found(careless):
    guard = next(each for each in careless.before_request_funcs[None] if "turn" in each.__name__)
    careless.before_request_funcs[None].remove(guard)
    found = open_to_strangers(careless, careless.test_client())
    assert ("GET", "/side-door") in found
    assert ("GET", "/Under_Score") in found


def test_a_form_without_a_token_is_found(careless):
    client = careless.test_client()
    careless.config["WTF_CSRF_ENABLED"] = False
    client.post("/login", data={"email": "hana@example.com", "password": PASSWORD})
    assert forms_without_token(careless, client) == ["/tokenless"]


@pytest.mark.parametrize("path", ["/", "/plans", "/terms", "/contact", "/fail", "/healthz"])
def test_a_stranger_who_only_reads_gets_no_cookie(client, plan, path):
    assert "Set-Cookie" not in client.get(path).headers
