"""Tell the shop what happened here, with Toss's headers, and again while it does not answer 200."""

import json
import logging
import secrets
import threading
import time
from collections.abc import Sequence

import requests

from sandbox.clock import Clock
from sandbox.ledger import Ledger

MINUTES = (1, 4, 16, 64, 256, 1024, 4096)
"""How long Toss waits before each of its re-sends."""
SECONDS_TO_ANSWER = 10

log = logging.getLogger(__name__)


class Webhooks:
    """The webhooks of one sandbox; none are made until `url` is set.

    `minute_seconds` shortens the waits, for tests.
    """

    def __init__(self, ledger: Ledger, clock: Clock, *, minute_seconds: float = 60) -> None:
        self._ledger = ledger
        self._clock = clock
        self._minute_seconds = minute_seconds
        self._wake = threading.Event()

    @property
    def url(self) -> str:
        """Return where the shop takes webhooks; empty where it takes none."""
        row = self._ledger.one("SELECT value FROM settings WHERE name = 'webhook_url'")
        return str(row["value"]) if row else ""

    def register(self, url: str) -> None:
        """Post to this address from now on, as a merchant sets it in 개발자센터."""
        self._ledger.run(
            "INSERT OR REPLACE INTO settings (name, value) VALUES ('webhook_url', ?)", url
        )

    def tell(self, event_type: str, data: object) -> None:
        """Owe the shop one event, in the ledger's transaction."""
        if not self.url:
            return
        created_at = self._clock.now().replace(tzinfo=None).isoformat(timespec="microseconds")
        event = {"eventType": event_type, "createdAt": created_at, "data": data}
        self._ledger.add(
            "deliveries",
            transmission_id=f"whtrans_{secrets.token_urlsafe(16)}",
            body=json.dumps(event, ensure_ascii=False),
            due_at=time.time(),
        )
        self._wake.set()

    def deliver_due(self) -> int:
        """Post what is due; return how many were posted."""
        due = self._ledger.all(
            "SELECT * FROM deliveries WHERE due_at <= ? ORDER BY due_at LIMIT 100", time.time()
        )
        for delivery in due:
            status = self._post(delivery["transmission_id"], delivery["body"], delivery["tries"])
            self._note(delivery["transmission_id"], delivery["tries"], status)
        return len(due)

    def deliver_for_ever(self, stop: threading.Event) -> None:
        """Post what is due until `stop` is set."""
        while not stop.is_set():
            try:
                self.deliver_due()
            except Exception:
                log.exception("a webhook could not be delivered")
            self._wake.wait(timeout=0.2)
            self._wake.clear()

    def _post(self, transmission_id: str, body: str, tries: int) -> int | None:
        headers = {
            "Content-Type": "application/json",
            "tosspayments-webhook-transmission-time": self._clock.now().isoformat(),
            "tosspayments-webhook-transmission-retried-count": str(tries),
            "tosspayments-webhook-transmission-id": transmission_id,
        }
        try:
            answer = requests.post(
                self.url,
                data=body.encode(),
                headers=headers,
                timeout=SECONDS_TO_ANSWER,
                allow_redirects=False,
            )
        except requests.RequestException:
            return None
        return answer.status_code

    def _note(self, transmission_id: str, tries: int, status: int | None) -> None:
        due_at = None if status == 200 else _next_try(MINUTES, tries, self._minute_seconds)
        self._ledger.run(
            "UPDATE deliveries SET tries = ?, last_status = ?, due_at = ?"
            " WHERE transmission_id = ?",
            tries + 1,
            status,
            due_at,
            transmission_id,
        )


def _next_try(minutes: Sequence[int], tries: int, minute_seconds: float) -> float | None:
    return time.time() + minutes[tries] * minute_seconds if tries < len(minutes) else None
