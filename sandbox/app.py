"""Put the sandbox together."""

from collections.abc import Iterable

from flask import Flask

from sandbox import (
    api,
    billing_calls,
    cash_receipt_calls,
    charge_calls,
    control,
    idempotency,
    payment_calls,
    payment_window,
    receipt,
    settlement_calls,
    transaction_calls,
    window,
)
from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.keys import BUILT_IN, KeyPair, KeyRing
from sandbox.ledger import Ledger
from sandbox.state import API_VERSIONS, Sandbox
from sandbox.webhooks import Webhooks

_PARTS = (
    billing_calls,
    cash_receipt_calls,
    charge_calls,
    payment_calls,
    settlement_calls,
    transaction_calls,
    api,
    window,
    payment_window,
    receipt,
    control,
)


def create_app(
    database_path: str = ":memory:",
    *,
    key_pairs: Iterable[KeyPair] = (),
    api_version: str = "2022-11-16",
    slow_seconds: float = 8,
    webhook_url: str | None = None,
    minute_seconds: float = 60,
) -> Flask:
    """Return the whole sandbox as one app.

    :raises ValueError: when the API version is unknown
    """
    if api_version not in API_VERSIONS:
        raise ValueError(f"API version {api_version} is unknown; choose {', '.join(API_VERSIONS)}")
    app = Flask(__name__)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    ledger = Ledger(database_path)
    idempotency.forget_unfinished(ledger)
    clock = Clock(ledger)
    webhooks = Webhooks(ledger, clock, minute_seconds=minute_seconds)
    if webhook_url is not None:
        webhooks.register(webhook_url)
    app.extensions["sandbox"] = Sandbox(
        ledger=ledger,
        clock=clock,
        faults=Faults(),
        keys=KeyRing((*BUILT_IN, *key_pairs)),
        webhooks=webhooks,
        api_version=api_version,
        slow_seconds=slow_seconds,
    )
    for part in _PARTS:
        app.register_blueprint(part.blueprint)
    app.add_url_rule("/healthz", "healthz", lambda: "ok")
    return app
