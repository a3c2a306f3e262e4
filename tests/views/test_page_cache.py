"""Public pages are the same for every stranger, cheap, and never stale; others stay private."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from gateways.payment import CardDeclined
from models import Plan, db
from views import page_cache
from views.access import public

LATER = {"kind": "period_end"}

PUBLIC = [
    "/",
    "/plans",
    "/plans/premium-monthly",
    "/terms",
    "/terms/2026-11-20",
    "/privacy",
    "/refund-policy",
    "/contact",
    "/robots.txt",
    "/sitemap.xml",
]
OTHERS = ["/login", "/signup", "/password-reset", "/fail", "/healthz"]


@pytest.fixture
def kept(app, at, now):
    """Keep pages for a minute, as in production."""
    app.config["PAGE_CACHE_SECONDS"] = 60
    app.extensions["page_cache"].pages.clear()
    at(now)
    yield
    app.config["PAGE_CACHE_SECONDS"] = 0
    app.extensions["page_cache"].pages.clear()


@contextmanager
def queries(app) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_):
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", PUBLIC)
def test_a_warm_public_page_makes_no_query(app, client, plan, kept, path):
    first = client.get(path)
    with queries(app) as made:
        second = client.get(path)
    assert made == []
    assert first.get_data() == second.get_data()


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_may_be_shared_and_answers_304(client, plan, kept, path):
    answer = client.get(path)
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert "Set-Cookie" not in answer.headers
    assert {"Cookie", "Accept-Encoding"} <= set(answer.headers["Vary"].split(", "))
    assert "Content-Security-Policy" in answer.headers
    again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    small = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(small.get_data()) == answer.get_data()


@pytest.mark.parametrize("path", OTHERS)
def test_other_pages_are_not_kept(client, plan, kept, path):
    answer = client.get(path)
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "ETag" not in answer.headers


@pytest.mark.parametrize("path", PUBLIC)
def test_a_signed_in_customers_pages_are_private(client, log_in, user, plan, kept, path):
    strangers = client.get(path).get_data(as_text=True)
    log_in(user)
    answer = client.get(path)
    assert answer.headers["Cache-Control"] == "private, no-store"
    if answer.mimetype == "text/html":
        assert "내 구독</a>" in answer.get_data(as_text=True)
        assert "내 구독</a></li>" not in strangers
    client.post("/logout")
    client.delete_cookie("session")
    assert client.get(path).get_data(as_text=True) == strangers


def test_a_visitor_with_a_message_waiting_gets_it_and_nobody_else_does(app, client, plan, kept):
    with client.session_transaction() as session:
        session["_flashes"] = [("message", "비밀번호를 바꿨어요.")]
    assert "비밀번호를 바꿨어요." in client.get("/plans").get_data(as_text=True)
    client.delete_cookie("session")
    assert "비밀번호를 바꿨어요." not in client.get("/plans").get_data(as_text=True)


def test_a_change_is_seen_after_a_minute(app, client, plan, kept, at, now):
    assert "프리미엄 월간" in client.get("/plans").get_data(as_text=True)
    with app.app_context():
        db.session.get_one(Plan, plan.id).retired_at = now
        db.session.commit()
    at(now + timedelta(seconds=59))
    assert "프리미엄 월간" in client.get("/plans").get_data(as_text=True)
    at(now + timedelta(seconds=60))
    assert "프리미엄 월간" not in client.get("/plans").get_data(as_text=True)


def test_what_the_merchant_changes_is_seen_at_once(app, client, plan, kept, merchant, enter):
    stranger = app.test_client()

    def plans():
        return stranger.get("/plans").get_data(as_text=True)

    assert "프리미엄 월간" in plans()
    enter(merchant)
    words = {**plan.words, "name": "프리미엄", "seen": plan.stamp}
    assert client.post(f"/admin/plans/{plan.id}", data=words).status_code == 303
    assert "프리미엄 월간" not in plans() and "프리미엄" in plans()

    assert client.post(f"/admin/plans/{plan.id}/retirement").status_code == 303
    assert "프리미엄" not in plans()
    assert client.post(f"/admin/plans/{plan.id}/sale").status_code == 303
    assert "프리미엄" in plans()


def test_a_page_that_was_begun_before_a_change_is_not_kept(app, client, plan, kept, monkeypatch):
    show = app.view_functions["plans.index"]

    @public
    @page_cache.same_for_strangers
    def slow():
        shown = show()
        page_cache.forget()
        return shown

    monkeypatch.setitem(app.view_functions, "plans.index", slow)
    assert client.get("/plans").headers["Cache-Control"] == "private, no-store"

    assert app.extensions["page_cache"].pages == {}


def test_no_page_outlives_midnight_in_seoul(client, plan, kept, at):
    at(datetime(2026, 11, 20, 14, 59, 40, tzinfo=UTC))
    evening = client.get("/plans/premium-monthly")
    assert evening.headers["Cache-Control"] == "public, max-age=20"
    assert "2026년 12월 20일" in evening.get_data(as_text=True)
    at(datetime(2026, 11, 20, 15, 0, tzinfo=UTC))
    assert "2026년 12월 21일" in client.get("/plans/premium-monthly").get_data(as_text=True)


def test_a_clock_set_back_shows_no_page_of_the_future(client, plan, kept, at, now):
    at(now + timedelta(days=31))
    client.get("/plans/premium-monthly")
    at(now)
    assert "2026년 12월 20일" in client.get("/plans/premium-monthly").get_data(as_text=True)


def test_queries_do_not_fill_the_memory(app, client, plan, kept):
    for number in range(20):
        client.get(f"/plans?page={number}")
        client.get(f"/plans/nothing-{number}")
    assert set(app.extensions["page_cache"].pages) <= {"/plans"}


def test_links_to_share_come_from_the_settings_and_not_from_the_host(client, plan, kept):
    html = client.get("/", headers={"Host": "evil.example"}).get_data(as_text=True)
    assert "evil.example" not in html
    assert '<link rel="canonical" href="http://127.0.0.1:8000/">' in html
    assert "evil.example" not in client.get(
        "/sitemap.xml", headers={"Host": "evil.example"}
    ).get_data(as_text=True)


def test_my_subscription_makes_at_most_four_queries(app, client, subscribed):
    assert queries_of_my_subscription(app, client, "이용 중") <= 4
    client.post("/subscription/cancellation", data=LATER)
    client.get("/subscription")
    assert queries_of_my_subscription(app, client, "해지 예약") <= 4


def test_so_does_one_whose_first_charge_failed(app, client, log_in, user, come_back, gateway):
    log_in(user)
    address = come_back()
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    client.get(address)
    assert queries_of_my_subscription(app, client, "결제 대기") <= 4


def test_no_query_of_my_subscription_takes_long_to_plan(app, client, subscribed):
    with queries(app) as made:
        client.get("/subscription")

    tables = [1 + statement.count("JOIN") for statement in made]
    assert len(tables) == 4 and max(tables) <= 7


def queries_of_my_subscription(app, client, state):
    with queries(app) as made:
        assert state in client.get("/subscription").get_data(as_text=True)
    return len(made)


def test_robots_and_sitemap_name_what_strangers_may_read(client, plan):
    robots = client.get("/robots.txt").get_data(as_text=True)
    assert "Sitemap: http://127.0.0.1:8000/sitemap.xml" in robots
    assert "Disallow: /subscription" in robots
    assert "Disallow: /en/subscription" in robots
    sitemap = client.get("/sitemap.xml").get_data(as_text=True)
    for path in ("/", "/plans/premium-monthly", "/terms"):
        assert f"<loc>http://127.0.0.1:8000{path}</loc>" in sitemap
        assert f"<loc>http://127.0.0.1:8000/ja{path}</loc>" in sitemap
        assert f'hreflang="zh-Hans" href="http://127.0.0.1:8000/zh{path}"' in sitemap
    assert "/account" not in sitemap


@pytest.mark.parametrize("path", ["/", "/plans", "/plans/premium-monthly", "/terms", "/contact"])
def test_a_public_page_has_a_description_and_a_link_preview(page, plan, path):
    shown = page(path)
    metas = {m.get("name") or m.get("property"): m.get("content") for m in shown.all("meta")}
    assert len(metas["description"]) > 15
    assert metas["og:description"] == metas["description"]
    assert shown.title.strip().startswith(metas["og:title"])
    assert metas["og:image"].startswith("http://127.0.0.1:8000/static/pictures/share.")
    assert "robots" not in metas


@pytest.mark.parametrize("path", ["/fail", "/password-reset"])
def test_other_pages_are_not_for_search_engines(page, path):
    assert page(path).all("meta", name="robots", content="noindex")
