"""When the shop charges a renewal, tries again, and gives up: days in Asia/Seoul."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rules.periods import Period, seoul_date, seoul_instant

NOTICE_DAYS = 7
"""How many days before a charge that nobody expects any more the customer is told of it."""

REMINDER_DAYS = 7
LONG_REMINDER_DAYS = 30
"""How many days before a renewal the customer is told of it; the longer for plans of a year."""


def next_reminder_on(period: Period, *, after: date) -> date | None:
    """Return the next day after `after` on which the renewal at a period's end is announced.

    That is seven days ahead, for periods of a year thirty days ahead as well.
    """
    is_year = period.end_on - period.start_on >= timedelta(days=365)
    counts = (LONG_REMINDER_DAYS, REMINDER_DAYS) if is_year else (REMINDER_DAYS,)
    days = (period.end_on - timedelta(days=count) for count in counts)
    return next((day for day in days if after < day), None)


@dataclass(frozen=True)
class CollectionTerms:
    """The settings of renewing and dunning, as terms, mails and pages name them.

    `billing_hour`: the hour in Seoul at which a day's charging begins. `retry_days`: days after
    the first decline on which the card is tried again. `grace_days`: days after the due day for
    which the customer may still read, and on whose end the subscription ends.
    """

    billing_hour: int = 9
    retry_days: tuple[int, ...] = (1, 3, 5)
    grace_days: int = 7

    def charging_day(self, now: datetime) -> date:
        """Return the last day whose charging has begun: before the hour, that is yesterday."""
        return seoul_date(now - timedelta(hours=self.billing_hour))

    def wait(self, now: datetime) -> timedelta:
        """Return how long it is until the charging of this day in Seoul begins; none if it has."""
        begins = seoul_instant(seoul_date(now)) + timedelta(hours=self.billing_hour)
        return max(begins - now, timedelta(0))

    def grace_ends_on(self, due_on: date) -> date:
        """Return the first day on which what was due on `due_on` is given up."""
        return due_on + timedelta(days=self.grace_days)

    def next_retry_on(self, *, declined_on: date, after: date, grace_ends_on: date) -> date | None:
        """Return the first retry day later than `after` and inside the grace, if one is left.

        Retry days are counted from the first decline, whatever happened since: a card changed in
        between does not start them anew.
        """
        days = (declined_on + timedelta(days=count) for count in self.retry_days)
        return next((day for day in days if after < day < grace_ends_on), None)
