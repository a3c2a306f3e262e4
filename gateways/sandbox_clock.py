"""Keep the sandbox's clock with the shop's: the test clock moves both."""

from datetime import datetime

import requests


def set_sandbox_clock(control_url: str, moment: datetime | None) -> None:
    """Tell the sandbox what time it is; None for the real one.

    :raises requests.RequestException: the sandbox is not there.
    """
    answer = requests.put(
        f"{control_url.rstrip('/')}/clock",
        json={"now": moment.isoformat() if moment else None},
        timeout=10,
    )
    answer.raise_for_status()
