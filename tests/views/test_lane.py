"""Who comes back from the card window takes turns; everybody else passes."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from flask import Flask

from views import lane

SECONDS = 10


class Crossing:
    """An app whose requests to /success stay inside until they are let go."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self.app, self.threads = Flask(__name__), threads
        self.inside: list[str] = []
        self.entered, self.go = Event(), Event()
        self.app.add_url_rule("/<path:path>", view_func=self.serve)
        lane.register(self.app)

    def serve(self, path: str) -> str:
        self.inside.append(path)
        if path == "success/patient":
            lane.end_turn()
        if path.startswith("success"):
            self.entered.set()
            assert self.go.wait(SECONDS)
        if path == "success/broken":
            raise ValueError(path)
        return path

    def get(self, path: str) -> Any:
        return self.app.test_client().get(path).text


@pytest.fixture
def crossing():
    with ThreadPoolExecutor(3) as threads:
        made = Crossing(threads)
        yield made
        made.go.set()


@pytest.mark.parametrize(
    "path",
    ["checkouts/abc", "en/success", "passes/success", "ja/passes/success", "passes/orders/abc"],
)
def test_the_second_who_comes_back_waits_and_other_pages_do_not(crossing, path):
    first = crossing.threads.submit(crossing.get, "/success")
    assert crossing.entered.wait(SECONDS)

    second = crossing.threads.submit(crossing.get, f"/{path}")
    assert crossing.get("/plans") == "plans"
    assert crossing.get("/passes") == "passes"
    assert not second.done()
    assert path not in crossing.inside

    crossing.go.set()
    assert (first.result(SECONDS), second.result(SECONDS)) == ("success", path)


def test_a_request_that_waits_for_toss_lets_the_next_one_in(crossing):
    first = crossing.threads.submit(crossing.get, "/success/patient")
    assert crossing.entered.wait(SECONDS)

    assert crossing.threads.submit(crossing.get, "/checkouts/abc").result(SECONDS)
    assert not first.done()


def test_an_error_inside_does_not_close_the_lane(crossing):
    crossing.go.set()
    crossing.get("/success/broken")

    assert crossing.threads.submit(crossing.get, "/checkouts/abc").result(SECONDS)
