"""Tell the time in Korea, as it is or as a test has set it."""

from datetime import UTC, datetime, timedelta, timezone

from sandbox.ledger import Ledger

KOREA = timezone(timedelta(hours=9))


class Clock:
    """The only source of time here; an offset in the ledger survives a restart."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        row = ledger.one("SELECT value FROM settings WHERE name = 'clock_offset'")
        self._offset = timedelta(seconds=float(row["value"]) if row else 0)

    def now(self) -> datetime:
        """Return this moment in Korean time."""
        return (datetime.now(UTC) + self._offset).astimezone(KOREA)

    def set(self, moment: datetime | None) -> None:
        """Let time run on from the given moment, or from the real one again."""
        self._offset = moment - datetime.now(UTC) if moment else timedelta(0)
        self._ledger.run(
            "INSERT OR REPLACE INTO settings (name, value) VALUES ('clock_offset', ?)",
            str(self._offset.total_seconds()),
        )


def written(moment: datetime) -> str:
    """Return a moment as Toss writes it."""
    return moment.astimezone(KOREA).isoformat(timespec="seconds")
