import pytest

SENTENCE = "11월 22일 새벽 3시까지 점검해요."


@pytest.fixture
def closed(app):
    app.config["MAINTENANCE"] = SENTENCE
    yield
    app.config["MAINTENANCE"] = ""


@pytest.mark.parametrize("path", ["/", "/plans", "/login", "/subscription", "/nowhere"])
def test_every_page_says_until_when(page, closed, path):
    shown = page(path, status=503)
    assert SENTENCE in shown.text
    assert int(shown.answer.headers["Retry-After"]) > 0


def test_who_comes_back_from_the_card_window_is_served(
    app, client, log_in, user, come_back, gateway
):
    log_in(user)
    address = come_back()
    app.config["MAINTENANCE"] = SENTENCE
    try:
        location = client.get(address).location
        assert client.get(location).status_code == 200
    finally:
        app.config["MAINTENANCE"] = ""
    assert len(gateway.payments) == 1


def test_the_probes_and_the_looks_stay(client, closed):
    assert client.get("/healthz").status_code == 200
    with client.get("/static/site.css") as answer:
        assert answer.status_code == 200
