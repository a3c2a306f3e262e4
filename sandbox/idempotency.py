"""Execute a request with an idempotency key once, and repeat its answer."""

import hashlib
from collections.abc import Callable
from datetime import timedelta

from flask import Response, request

from sandbox.clock import Clock, written
from sandbox.errors import TossError
from sandbox.ledger import Ledger

LONGEST_KEY = 300
_KEPT_FOR = timedelta(days=15)


def once(
    perform: Callable[[], Response], *, secret_key: str, ledger: Ledger, clock: Clock
) -> Response:
    """Return the answer to this request, the first one again if it was asked before.

    :raises TossError: when the key is too long, or the first request is still at work
    """
    key = request.headers.get("Idempotency-Key", "")
    if request.method != "POST" or not key:
        return perform()
    if len(key) > LONGEST_KEY:
        raise TossError("INVALID_IDEMPOTENCY_KEY")
    scope = hashlib.sha256(
        "\n".join((key, secret_key, request.method, request.path)).encode()
    ).hexdigest()
    first = _claim(scope, ledger, clock)
    return first if first else _perform(perform, scope, ledger)


def forget_unfinished(ledger: Ledger) -> None:
    """Let go of requests that ended with the process that worked on them."""
    ledger.run("DELETE FROM answers WHERE status IS NULL")


def _claim(scope: str, ledger: Ledger, clock: Clock) -> Response | None:
    now = clock.now()
    with ledger.transaction():
        ledger.run("DELETE FROM answers WHERE first_asked_at < ?", written(now - _KEPT_FOR))
        row = ledger.one("SELECT * FROM answers WHERE scope = ?", scope)
        if row is None:
            ledger.add("answers", scope=scope, first_asked_at=written(now))
            return None
    if row["status"] is None:
        raise TossError("IDEMPOTENT_REQUEST_PROCESSING")
    return Response(row["body"], row["status"], content_type=row["content_type"])


def _perform(perform: Callable[[], Response], scope: str, ledger: Ledger) -> Response:
    kept = False
    try:
        answer = perform()
        if answer.status_code < 500 and answer.status_code != 409:
            ledger.run(
                "UPDATE answers SET status = ?, content_type = ?, body = ? WHERE scope = ?",
                answer.status_code,
                answer.content_type,
                answer.get_data(),
                scope,
            )
            kept = True
        return answer
    finally:
        if not kept:
            ledger.run("DELETE FROM answers WHERE scope = ?", scope)
