"""Periods: calendar days in Asia/Seoul, start inclusive, end exclusive, counted from an anchor."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

SEOUL = ZoneInfo("Asia/Seoul")


class Interval(StrEnum):
    """The unit in which a plan is paid."""

    MONTH = "month"
    YEAR = "year"

    @property
    def months(self) -> int:
        """Return how many months one unit has."""
        return 12 if self is Interval.YEAR else 1


@dataclass(frozen=True)
class Period:
    """Paid time: `end_on` is the first day that is no longer paid for."""

    start_on: date
    end_on: date

    @property
    def last_on(self) -> date:
        """Return the last day that is paid for, as pages show it."""
        return self.end_on - timedelta(days=1)


def nth_period(anchor_on: date, number: int, interval: Interval, count: int = 1) -> Period:
    """Return period `number` (from 1) of a term that began on `anchor_on`.

    Each bound is counted from the anchor, never from the bound before it, so that a term begun
    on the 31st comes back to the 31st after every shorter month.
    """
    step = interval.months * count
    return Period(
        start_on=_plus_months(anchor_on, (number - 1) * step),
        end_on=_plus_months(anchor_on, number * step),
    )


def years_later(day: date, years: int) -> date:
    """Return the same day so many years later; 28 February where there is no 29th."""
    return _plus_months(day, 12 * years)


def seoul_date(instant: datetime) -> date:
    """Return the calendar day in Seoul at an aware instant."""
    return instant.astimezone(SEOUL).date()


def seoul_instant(day: date, hour: int = 0) -> datetime:
    """Return the UTC instant at which `day` reaches `hour` in Seoul."""
    return datetime.combine(day, time(hour), tzinfo=SEOUL).astimezone(UTC)


def _plus_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    month += 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
