"""Every page has an address in each language; who chose one is led to it."""

import pytest

from models import User, db
from rules.wording import Language

PAGES = ["/", "/plans", "/plans/premium-monthly", "/terms", "/contact", "/login", "/signup"]


def choose(client, language, path="/plans"):
    return client.post("/language", data={"language": language, "next": path})


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("prefix", "tag"), [("", "ko"), ("/en", "en"), ("/ja", "ja"), ("/zh", "zh-Hans")]
)
def test_a_page_says_which_language_it_speaks(page, plan, path, prefix, tag):
    assert page(prefix + path).all("html", lang=tag)


@pytest.mark.parametrize("prefix", ["", "/en", "/ja", "/zh"])
def test_a_page_names_its_address_in_every_language(page, plan, prefix):
    found = {
        link["hreflang"]: link["href"]
        for link in page(f"{prefix}/plans").all("link", rel="alternate")
    }
    origin = "http://127.0.0.1:8000"
    assert found == {
        "ko": f"{origin}/plans",
        "en": f"{origin}/en/plans",
        "ja": f"{origin}/ja/plans",
        "zh-Hans": f"{origin}/zh/plans",
    }


def test_links_and_forms_stay_in_the_language(page, plan):
    shown = page("/en/login?next=/en/plans")
    inside = [link for link in shown.links if link.startswith("/") and "/static/" not in link]
    assert inside
    assert all(link.startswith("/en/") for link in inside)
    assert {form["action"].split("?")[0] for form in shown.all("form")} == {
        "/en/login",
        "/language",
    }


def test_the_way_to_the_log_in_stays_in_the_language(client):
    answer = client.get("/ja/subscription")
    assert answer.location == "/ja/login?next=/ja/subscription"


@pytest.mark.parametrize("path", ["/en/admin", "/ja/healthz", "/zh/robots.txt", "/en/static/x.css"])
def test_what_is_not_translated_has_one_address(client, path):
    assert client.get(path).status_code == 404


def test_an_error_page_speaks_the_language_of_its_address(page):
    assert page("/en/nowhere", status=404).all("html", lang="en")


def test_a_choice_is_kept_and_leads_to_the_same_page(client):
    answer = choose(client, "ja", "/plans?x=1")
    assert (answer.status_code, answer.location) == (303, "/ja/plans?x=1")
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    led = client.get("/terms?a=b")
    assert (led.status_code, led.location) == (302, "/ja/terms?a=b")


def test_who_chose_korean_again_is_not_led_away(client):
    choose(client, "en")
    assert choose(client, "ko", "/en/terms").location == "/terms"
    assert client.get("/terms").status_code == 200


def test_a_choice_leads_nobody_from_one_language_to_another(client):
    choose(client, "en")
    assert client.get("/ja/terms").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/robots.txt", "/sitemap.xml", "/nowhere"])
def test_a_choice_leads_nobody_to_what_is_not_translated(client, path):
    choose(client, "en")
    assert client.get(path).status_code in (200, 404)


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ("https://evil.example/", "/en/"),
        ("//evil.example", "/en/"),
        ("", "/en/"),
        ("/admin", "/admin"),
        ("/ja/terms", "/en/terms"),
        ("/en/terms", "/en/terms"),
        ("/nowhere", "/nowhere"),
        ("/english", "/english"),
    ],
)
def test_a_choice_leads_only_to_pages_of_this_shop(client, wanted, there):
    assert choose(client, "en", wanted).location == there


@pytest.mark.parametrize("language", ["", "fr", "KO", "../en"])
def test_a_language_that_is_not_spoken_is_refused(client, language):
    assert choose(client, language).status_code == 400


def test_mails_come_in_the_language_that_was_chosen(client, app, log_in, user):
    log_in(user)
    choose(client, "zh")
    with app.app_context():
        assert db.session.get_one(User, user.id).language is Language.CHINESE


def test_kept_pages_are_kept_by_language(app, client, plan, monkeypatch):
    monkeypatch.setitem(app.config, "PAGE_CACHE_SECONDS", 60)
    korean = client.get("/plans")
    assert korean.headers["Cache-Control"].startswith("public")
    assert client.get("/en/plans").data != korean.data
    choose(client, "en")
    assert client.get("/plans").location == "/en/plans"
    assert client.get("/en/plans").headers["Cache-Control"].startswith("public")


def test_a_page_names_the_shop_and_its_hours_in_its_own_language(app, page):
    shown = page("/en/contact")
    assert shown.title.endswith("| Moonlight Library")
    assert "Weekdays 10:00–18:00 KST" in shown.text
    assert "주식회사 달빛서재" in shown.footer

    name, app.config["SHOP_NAME_EN"] = app.config["SHOP_NAME_EN"], ""
    try:
        assert page("/en/contact").title.endswith("| 달빛서재")
    finally:
        app.config["SHOP_NAME_EN"] = name
