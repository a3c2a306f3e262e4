"""Every route: who may see it, how it is named, and what a stranger gets."""

import re

import pytest

from views.access import access_of

PUBLIC = {
    "checkout.fail", "checkout.success", "contact.show", "health.live", "health.ready",
    "home.show", "passwords.create", "passwords.edit", "passwords.new", "passwords.update",
    "plans.index", "plans.show", "policies.privacy", "policies.refund", "policies.terms",
    "sessions.create", "sessions.new", "signup.create", "signup.new",
}  # fmt: skip


def rules(app):
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]


def test_only_these_pages_are_for_strangers(app):
    views = app.view_functions
    assert {
        rule.endpoint for rule in rules(app) if access_of(views[rule.endpoint]) == "public"
    } == PUBLIC


def test_addresses_are_kebab_case_and_typed(app):
    for rule in rules(app):
        assert re.fullmatch(r"(/|(/([a-z0-9]+(-[a-z0-9]+)*|<(string|int):\w+>))+)", rule.rule), rule


def test_a_stranger_is_asked_to_log_in_everywhere_else(app, client):
    for rule in rules(app):
        if rule.endpoint in PUBLIC:
            continue
        path = re.sub(r"<\w+:\w+>", "1", rule.rule)
        for method in rule.methods & {"GET", "POST"}:
            answer = client.open(path, method=method)
            assert answer.status_code == 303, rule
            assert answer.location.startswith("/login"), rule


def test_every_form_wants_its_token(app, client, log_in, user):
    log_in(user)
    app.config["WTF_CSRF_ENABLED"] = True
    for rule in rules(app):
        if "POST" in rule.methods:
            path = re.sub(r"<\w+:\w+>", "1", rule.rule)
            assert client.post(path).status_code in (400, 404), rule


@pytest.mark.parametrize("path", ["/", "/plans", "/terms", "/contact", "/fail", "/healthz"])
def test_a_stranger_who_only_reads_gets_no_cookie(client, plan, path):
    assert "Set-Cookie" not in client.get(path).headers
