"""When a customer's consent to a higher amount counts (전자상거래법 13조 6항): days in Seoul."""

from collections.abc import Callable
from datetime import date, timedelta
from itertools import count

from rules.periods import Period

CONSENT_DAYS = 30
"""The law's thirty days before the change: what was agreed to earlier is no consent to it."""


def window_opens_on(effective_on: date) -> date:
    """Return the first day on which a change that takes effect on a day may be agreed to."""
    return effective_on - timedelta(days=CONSENT_DAYS)


def counts(given_on: date, *, effective_on: date) -> bool:
    """Test whether a consent of one day counts for an amount first charged on another.

    The day of the change itself is too late.
    """
    return window_opens_on(effective_on) <= given_on < effective_on


def first_from(day: date, period: Callable[[int], Period], *, number: int) -> Period:
    """Return the first of a term's periods, from period `number` on, that starts no earlier."""
    return next(one for one in map(period, count(number)) if one.start_on >= day)
