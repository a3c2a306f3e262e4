"""Move the test clock, and note in the log what the merchant turned on the sandbox."""

from datetime import datetime, timedelta
from typing import Any

from models import AuditEntry, ShopClock, db


def set_test_clock(ahead: timedelta) -> None:
    """Let the shop's time run ahead of the real one by that much."""
    ShopClock.set_ahead(ahead)
    db.session.commit()


def note_steering(action: str, facts: dict[str, Any], *, actor_id: int, now: datetime) -> None:
    """Keep who turned what."""
    AuditEntry.write(
        action,
        subject_type="sandbox",
        subject_id="sandbox",
        actor_id=actor_id,
        facts=facts,
        now=now,
    )
    db.session.commit()
