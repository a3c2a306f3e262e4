"""Hold what one running sandbox is made of."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.keys import KeyRing
from sandbox.ledger import Ledger
from sandbox.webhooks import Webhooks

API_VERSIONS = ("2022-06-08", "2022-07-27", "2022-11-16", "2024-06-01")


@dataclass(frozen=True)
class Sandbox:
    """The parts that every page and call needs."""

    ledger: Ledger
    clock: Clock
    faults: Faults
    keys: KeyRing
    webhooks: Webhooks
    api_version: str
    slow_seconds: float


def sandbox() -> Sandbox:
    """Return the sandbox that answers this request."""
    return cast(Sandbox, current_app.extensions["sandbox"])
