"""The test clock and the sandbox's faults, for `flask clock` and the back office."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask import Flask

import clock
from billing.steer_sandbox import set_test_clock
from gateways.sandbox_control import (
    SandboxUnwilling,
    plant_sandbox_faults,
    sandbox_faults,
    set_sandbox_clock,
)
from timetable import EVERYTHING, Run, Summary

STEP = timedelta(days=1)


class SandboxControls:
    """What a merchant may turn while the shop runs on the sandbox."""

    Unwilling = SandboxUnwilling
    """What a page catches: it knows these controls and nothing of the wire."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._moving = threading.Lock()

    @property
    def has_sandbox(self) -> bool:
        """Test whether there is a sandbox to steer; without one the shop moves alone."""
        return bool(self._control_url)

    @property
    def _control_url(self) -> str:
        return str(self._app.config["SANDBOX_CONTROL_URL"])

    def advance(self, distance: timedelta, *, workers: int = 4) -> Iterator[Summary]:
        """Move the shop's time on, a billing run each day; yield what each run did.

        Whole days end when the last one's charging has begun, so that its renewals happen too.
        Nothing is yielded where the clock is being moved already.

        :raises SandboxUnwilling: the sandbox's clock could not be moved along.
        """
        if not self._moving.acquire(blocking=False):
            return
        try:
            begun, moved = clock.ahead(), timedelta(0)
            if distance % STEP == timedelta(0):
                begun += self._wait_for_charging()
            while moved < distance:
                moved = min(moved + STEP, distance)
                self._set(begun + moved)
                yield Run(self._app, time=clock.now, workers=workers).do(EVERYTHING)
        finally:
            self._moving.release()

    def _wait_for_charging(self) -> timedelta:
        """Return how long it is until a day's charging begins; the clock goes by whole seconds."""
        wait: timedelta = self._app.extensions["collection_terms"].wait(clock.now())
        return wait and wait + timedelta(seconds=1)

    def reset(self) -> None:
        """Let the shop's time be the real one again.

        :raises SandboxUnwilling: the sandbox's clock could not be moved along.
        """
        self._set(timedelta(0))

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that can still strike.

        :raises SandboxUnwilling: the sandbox is not there.
        """
        return sandbox_faults(self._control_url)

    def plant(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Put new faults in place of the old ones.

        :raises SandboxUnwilling: it is not there, or knows no such fault; nothing changed.
        """
        plant_sandbox_faults(self._control_url, faults)

    def _set(self, ahead: timedelta) -> None:
        set_test_clock(ahead)
        clock.read_again()
        if self._control_url:
            moment = clock.real_now() + ahead if ahead else None
            set_sandbox_clock(self._control_url, moment)
