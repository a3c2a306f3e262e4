import re

import pytest

from app import create_app
from gateways.fake import FakeGateway
from tests.conftest import TEST_SETTINGS


@pytest.fixture
def https_shop(tmp_path):
    settings = {
        **TEST_SETTINGS,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite'}",
        "PUBLIC_URL": "https://shop.example",
    }
    return create_app(settings, gateway=FakeGateway())


def test_https_is_kept_where_the_shop_is_on_https(https_shop):
    headers = https_shop.test_client().get("/healthz", base_url="https://shop.example").headers
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(https_shop, client, user):
    answer = https_shop.test_client().get("/login", base_url="https://shop.example")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-session=")
    for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert flag in cookie


def test_a_page_read_late_brings_no_old_session_back(client, log_in, user):
    log_in(user)
    client.get("/account")

    answer = client.get("/account")

    assert "Set-Cookie" not in answer.headers and "Cookie" in answer.headers["Vary"]


def test_signed_in_pages_are_not_kept_by_caches(client, log_in, user):
    log_in(user)
    assert client.get("/subscription").headers["Cache-Control"] == "private, no-store"


def test_the_waiting_page_runs_its_own_script_and_no_other(
    client, log_in, user, come_back, gateway
):
    log_in(user)
    address = come_back()
    gateway.lose_next("charge")
    answers = [client.get(client.get(address).location) for _ in range(2)]

    nonces = []
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        found = re.search(r"script-src 'nonce-([\w-]{20,})';", policy)
        assert found, policy
        assert f'nonce="{found[1]}"' in answer.get_data(as_text=True)
        nonces.append(found[1])
    assert nonces[0] != nonces[1]


def test_pages_stay_on_this_site_and_pictures_may_be_shown_elsewhere(client, plan):
    policy = "Cross-Origin-Resource-Policy"
    assert client.get("/plans").headers[policy] == "same-origin"
    with client.get("/static/pictures/share.png") as picture:
        assert picture.headers[policy] == "cross-origin"
