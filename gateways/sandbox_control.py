"""Steer the sandbox: its clock goes with the shop's, and it misbehaves as it is told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import requests


class SandboxUnwilling(Exception):
    """The sandbox is not there, or does not know what it is asked for."""


def set_sandbox_clock(control_url: str, moment: datetime | None) -> None:
    """Tell the sandbox what time it is; None for the real one.

    :raises SandboxUnwilling: it is not there.
    """
    _ask("PUT", control_url, "clock", {"now": moment.isoformat() if moment else None})


def sandbox_faults(control_url: str) -> list[dict[str, Any]]:
    """Return the faults that can still strike.

    :raises SandboxUnwilling: it is not there.
    """
    faults: list[dict[str, Any]] = _ask("GET", control_url, "faults")["faults"]
    return faults


def plant_sandbox_faults(control_url: str, faults: Sequence[Mapping[str, Any]]) -> None:
    """Put new faults in place of the old ones.

    :raises SandboxUnwilling: it is not there, or knows no such fault; nothing changed.
    """
    _ask("PUT", control_url, "faults", {"faults": [dict(fault) for fault in faults]})


def _ask(method: str, control_url: str, name: str, body: Any = None) -> Any:
    try:
        answer = requests.request(
            method, f"{control_url.rstrip('/')}/{name}", json=body, timeout=10
        )
        answer.raise_for_status()
        return answer.json()
    except (requests.RequestException, ValueError) as error:
        raise SandboxUnwilling(str(error)) from None
