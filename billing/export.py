"""Files that leave the shop: what they hold, and a note of who took what."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum

from models import AuditEntry, db, export
from rules.periods import seoul_instant


class ExportKind(StrEnum):
    """What a file is about."""

    PAYMENTS = "payments"
    REFUNDS = "refunds"
    SETTLEMENTS = "settlements"


def note_export(
    kind: ExportKind,
    start_on: date,
    end_on: date,
    *,
    actor_id: int | None,
    address: str | None = None,
    now: datetime,
) -> None:
    """Note in the audit log that somebody takes this file out of the shop."""
    AuditEntry.write(
        "export.made",
        subject_type="export",
        subject_id=kind,
        actor_id=actor_id,
        address=address,
        facts={"from": start_on.isoformat(), "to": end_on.isoformat()},
        now=now,
    )
    db.session.commit()


def payments_of(start_on: date, end_on: date) -> Iterator[export.Rows]:
    """Return the payments of these days in Seoul, both whole, a batch at a time."""
    return export.payments(*bounds(start_on, end_on))


def refunds_of(start_on: date, end_on: date) -> Iterator[export.Rows]:
    """Return the refunds that were asked for on these days in Seoul, a batch at a time."""
    return export.refunds(*bounds(start_on, end_on))


def bounds(start_on: date, end_on: date) -> tuple[datetime, datetime]:
    """Return the instants between which these days of Seoul are, the second exclusive."""
    return seoul_instant(start_on), seoul_instant(end_on + timedelta(days=1))
