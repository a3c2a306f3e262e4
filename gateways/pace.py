"""How fast the workers of one machine may ask Toss, and when they must leave it in peace."""

import fcntl
import os
import tempfile
import threading
import time
from pathlib import Path


class Pace:
    """At most `rate` requests a second over all processes of this machine that share `name`.

    A file holds the next free place; each request takes it and moves it on.
    """

    def __init__(self, rate: float, name: str) -> None:
        self._pause = 1 / rate
        self._path = Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}.pace"

    def wait(self) -> None:
        """Wait until this request may leave."""
        time.sleep(max(0.0, self._take() - time.monotonic()))

    def _take(self) -> float:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            now = time.monotonic()
            free = _number(os.read(file, 64))
            place = free if now <= free <= now + 3600 else now
            os.pwrite(file, f"{place + self._pause:<40.6f}".encode(), 0)
            return place
        finally:
            os.close(file)


class Strain:
    """Whether Toss answers well enough to go on; shared by the threads of a run.

    After `tolerance` answers in a row that were lost, a 5xx, or slower than `slow_seconds`, nothing
    is sent for a while: five seconds, then twice as long each time, up to five minutes. One good
    answer ends it.
    """

    def __init__(
        self, *, slow_seconds: float, tolerance: int = 8, first: float = 5.0, longest: float = 300.0
    ) -> None:
        self._slow_seconds = slow_seconds
        self._tolerance = tolerance
        self._first, self._longest = first, longest
        self._bad = 0
        self._pauses = 0
        self._rest_until = 0.0
        self._lock = threading.Lock()

    def note(self, *, answered: bool, seconds: float) -> float:
        """Count an answer; return how many seconds of rest begin with it, 0 for none."""
        with self._lock:
            if answered and seconds < self._slow_seconds:
                self._bad = self._pauses = 0
                self._rest_until = 0.0
                return 0.0
            self._bad += 1
            if self._bad < self._tolerance:
                return 0.0
            self._bad = 0
            pause = min(self._first * 2**self._pauses, self._longest)
            self._pauses += 1
            self._rest_until = time.monotonic() + pause
            return pause

    def rest(self) -> float:
        """Return for how many seconds nothing may be sent now."""
        with self._lock:
            return max(0.0, self._rest_until - time.monotonic())


def _number(written: bytes) -> float:
    try:
        return float(written or b"0")
    except ValueError:
        return 0.0
