"""What gunicorn writes about a request holds no secret and stays one line; what it loads, stays."""

import os
import sys
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from bin.service import Service, free_port

APP = """
import gc

def app(environ, start_response):
    if environ["PATH_INFO"] == "/frozen":
        answer = str(gc.get_freeze_count()).encode()
        start_response("200 OK", [("Content-Length", str(len(answer)))])
        return [answer]
    if environ["PATH_INFO"] == "/boom":
        raise ValueError("boom")
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
"""


@pytest.fixture
def web(tmp_path) -> Iterator[Service]:
    (tmp_path / "planted_app.py").write_text(APP)
    port = str(free_port())
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
    service = Service(
        f"http://127.0.0.1:{port}",
        [*command, "--pythonpath", str(tmp_path), "planted_app:app"],
        ready=f"http://127.0.0.1:{port}/healthz",
        environ={**os.environ, "PORT": port},
    )
    service.start()
    service.wait_until_ready()
    yield service
    service.kill()


def test_logs_hold_neither_queries_nor_the_secret_ends_of_paths(web):
    referrer = {"Referer": "http://127.0.0.1/success?authKey=planted"}
    for path in (
        "/success?authKey=planted",
        "/webhooks/toss/planted",
        "/webhooks/toss/x%0a%20planted",
        "/password-reset/planted?next=planted",
        "/boom?authKey=planted",
    ):
        _get(web.name + path, referrer)

    web.stop()

    logs = "\n".join(web.lines)
    assert "planted" not in logs.replace("planted_app", "")
    assert "GET /success 200" in logs
    assert logs.count("GET /webhooks/toss/*** 200") == 2
    assert "GET /password-reset/*** 200" in logs
    assert "Error handling request GET /boom?***" in logs


def test_a_request_cannot_write_a_line_of_its_own(web):
    _get(web.name + "/a%0aforged", {})

    web.stop()

    assert not any(line.startswith("forged") for line in web.lines)


def test_no_sweep_of_the_collector_goes_through_what_was_loaded(web):
    with urlopen(web.name + "/frozen", timeout=10) as answer:
        assert int(answer.read()) > 10_000


def _get(url: str, headers: dict[str, str]) -> None:
    try:
        urlopen(Request(url, headers=headers), timeout=10).close()
    except HTTPError as refused:
        refused.close()
