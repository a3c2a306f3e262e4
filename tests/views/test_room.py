from contextlib import suppress
from threading import Event

import pytest
from flask import current_app

from views.room import NoPlace, Room, TooSlow


@pytest.fixture
def room(app):
    return Room(app, places=2, wait_seconds=0.05)


def test_a_quick_call_is_done_before_the_page(room):
    done = Event()
    room.run(done.set)
    assert done.is_set()


def test_a_slow_call_goes_on_without_the_page(room):
    go, done = Event(), Event()

    def wait() -> None:
        assert go.wait(10)
        assert current_app.name == "app"
        done.set()

    room.run(wait)

    assert not done.is_set()
    go.set()
    assert done.wait(10)


def test_a_full_room_starts_nothing(room):
    go = Event()
    for _ in range(2):
        room.run(lambda: go.wait(10))
    started = []

    room.run(lambda: started.append(1))
    go.set()

    assert started == []


def test_a_failed_call_frees_its_place(room, shop_log):
    def fail():
        raise RuntimeError("a bug")

    for _ in range(3):
        room.run(fail)

    assert len(shop_log()) == 3


def test_a_question_is_answered_or_its_error_raised(room):
    assert room.ask(lambda: 7, wait_seconds=10) == 7
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            room.ask(lambda: 1 / 0, wait_seconds=10)


def test_a_question_takes_a_place_until_it_is_answered(room):
    go, done = Event(), Event()

    def wait() -> None:
        assert go.wait(10)

    for _ in range(2):
        with pytest.raises(TooSlow):
            room.ask(wait, wait_seconds=0.01)
    with pytest.raises(NoPlace):
        room.ask(done.set, wait_seconds=10)
    go.set()
    while not done.is_set():
        with suppress(NoPlace):
            room.ask(done.set, wait_seconds=10)
