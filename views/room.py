"""The room for calls to Toss from pages: so many at once, and nobody waits longer than a moment.

A customer whose call finds the room full, or takes too long, gets the waiting page; the worker,
or the call itself, finishes what was begun.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TypeVar

from flask import Flask

from billing import BillingError
from gateways.payment import PaymentGatewayError

log = logging.getLogger("shop")

Answer = TypeVar("Answer")


class NoPlace(Exception):
    """The room is full: nothing was asked."""


class TooSlow(Exception):
    """No answer came in the time that a page has for it."""


class Room:
    """Runs use cases that call Toss, in threads of its own, at most `places` at a time."""

    def __init__(self, app: Flask, *, places: int, wait_seconds: float) -> None:
        self._app = app
        self._wait_seconds = wait_seconds
        self._places = BoundedSemaphore(places)
        self._threads = ThreadPoolExecutor(places, thread_name_prefix="toss-room")

    def run(self, job: Callable[[], object]) -> None:
        """Start `job` if there is a place, and wait for it a moment; what it raises is logged.

        The caller must hold no database connection; the records tell how far the job came.
        """
        if not self._places.acquire(blocking=False):
            log.warning("the room for calls to Toss is full: left to the worker")
            return
        try:
            future: Future[None] = self._threads.submit(self._work, job)
        except RuntimeError:
            self._places.release()
            return
        try:
            future.result(timeout=self._wait_seconds)
        except TimeoutError:
            log.info("Toss takes longer than a page may: the call goes on without the page")

    def ask(self, question: Callable[[], Answer], *, wait_seconds: float) -> Answer:
        """Return the answer to a question that changes nothing, or raise what it raises.

        The caller must hold no database connection.

        :raises NoPlace: the room is full.
        :raises TooSlow: no answer came within `wait_seconds`; when it comes, nobody reads it.
        """
        if not self._places.acquire(blocking=False):
            raise NoPlace
        try:
            future = self._threads.submit(question)
        except RuntimeError:
            self._places.release()
            raise NoPlace from None
        future.add_done_callback(lambda _: self._places.release())
        try:
            return future.result(timeout=wait_seconds)
        except TimeoutError:
            raise TooSlow from None

    def _work(self, job: Callable[[], object]) -> None:
        try:
            with self._app.app_context():
                job()
        except (BillingError, PaymentGatewayError) as refusal:
            log.info("refused: %s %s", type(refusal).__name__, refusal)
        except Exception:
            log.exception("a call from a page failed; the worker will try again")
        finally:
            self._places.release()
