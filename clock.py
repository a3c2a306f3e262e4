"""The only place that asks the time."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

READ_AGAIN_AFTER = 1.0
"""Seconds for which every process may believe the test clock that it read."""


class _TestClock:
    """How far the shop's time is ahead of the real one, read again at most once a second."""

    def __init__(self) -> None:
        self._read: Callable[[], timedelta] | None = None
        self._ahead = timedelta(0)
        self._good_until = self._moved_at = 0.0
        self._lock = threading.Lock()

    def follow(self, read: Callable[[], timedelta] | None) -> None:
        with self._lock:
            self._read, self._ahead, self._good_until = read, timedelta(0), 0.0

    def read_again(self) -> None:
        self._good_until, self._moved_at = 0.0, time.monotonic()

    def wait_for_others(self) -> None:
        time.sleep(max(self._moved_at + READ_AGAIN_AFTER - time.monotonic(), 0))

    def ahead(self) -> timedelta:
        if self._read is None:
            return self._ahead
        with self._lock:
            if time.monotonic() >= self._good_until:
                asked = time.monotonic()
                self._ahead = self._read()
                self._good_until = asked + READ_AGAIN_AFTER
            return self._ahead


_test_clock = _TestClock()


def now() -> datetime:
    """Return the current instant of the shop, aware, in UTC."""
    return real_now() + _test_clock.ahead()


def real_now() -> datetime:
    """Return the current instant, whatever the test clock says."""
    return datetime.now(UTC)


def ahead() -> timedelta:
    """Return how far the shop's time runs ahead of the real one, in whole seconds."""
    return _test_clock.ahead()


def follow(read: Callable[[], timedelta] | None) -> None:
    """Let the shop's time run ahead of the real one by what `read` answers; None ends that."""
    _test_clock.follow(read)


def read_again() -> None:
    """Forget what was read: the test clock was just moved by this process."""
    _test_clock.read_again()


def wait_for_others() -> None:
    """Return once no other process believes what it read before this one moved the test clock."""
    _test_clock.wait_for_others()
