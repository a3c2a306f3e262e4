"""One lane for those who come back from the card window, so that a crowd of them slows nobody else.

A hundred customers may arrive in one moment, for instance while Toss hangs. Their requests take
turns, and wait for theirs before they hold a database connection; everybody else's pages are
served beside them as fast as ever.
"""

import re
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from flask import Flask, request

from rules.wording import TRANSLATED

PATHS = ("/success", "/checkouts/", "/passes/success", "/passes/orders/")
_LANGUAGE = re.compile(rf"^/({'|'.join(TRANSLATED)})(?=/)")
_TURN = "shop.turn"

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Lane:
    """WSGI middleware: the requests to `PATHS`, in any language, are served one at a time."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app
        self._lock = Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Serve the request, in its turn if it belongs to the lane."""
        path = _LANGUAGE.sub("", environ.get("PATH_INFO", ""), count=1)
        if not path.startswith(PATHS):
            return self._app(environ, start_response)
        turn = environ[_TURN] = _Turn(self._lock)
        try:
            return self._app(environ, start_response)
        finally:
            turn.end()


class _Turn:
    """The right of one request to be served now; it ends once, whoever ends it."""

    def __init__(self, lock: Lock) -> None:
        self._lock: Lock | None = lock
        lock.acquire()

    def end(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def register(app: Flask) -> None:
    """Put the lane before the app."""
    app.wsgi_app = Lane(app.wsgi_app)  # type: ignore[method-assign]


def end_turn() -> None:
    """Let the next request in already: this one is about to wait for something slow."""
    turn = request.environ.get(_TURN)
    if turn is not None:
        turn.end()
