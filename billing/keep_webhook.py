"""Keep what was posted as a webhook of Toss; what it means is asked of Toss afterwards."""

import json
from datetime import datetime
from typing import Any

from models import Vault, WebhookEvent, db

PAYMENT_CHANGED = "PAYMENT_STATUS_CHANGED"
CANCEL_CHANGED = "CANCEL_STATUS_CHANGED"
BILLING_DELETED = "BILLING_DELETED"
OF_USE = {PAYMENT_CHANGED, CANCEL_CHANGED, BILLING_DELETED}


def keep_webhook(body: bytes, *, transmission_id: str, vault: Vault, now: datetime) -> None:
    """Store one transmission, once, before it is answered; nothing in it is believed."""
    event_type = event_of(body.decode("utf-8", "replace")).get("eventType")
    is_of_use = isinstance(event_type, str) and event_type in OF_USE
    WebhookEvent.keep(
        body,
        transmission_id=_printable(transmission_id),
        event_type=_printable(event_type) if isinstance(event_type, str) else "",
        is_of_use=is_of_use,
        vault=vault,
        now=now,
    )
    db.session.commit()


def event_of(body: str) -> dict[str, Any]:
    """Return the event, empty where the body is no JSON object."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())
