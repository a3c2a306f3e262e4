"""What comes back when a customer leaves before the paid period ends.

Two kinds: withdrawal (청약철회, 전자상거래법 17조) within some days of payment, without any
penalty, and ending at once (중도해지). Days are calendar days in Seoul; won are whole; what is
worked out is rounded up, for the customer.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from rules.periods import Period

MOST_PENALTY_PERCENT = 10


class RefundKind(StrEnum):
    """Why money comes back."""

    WITHDRAWAL = "withdrawal"
    TERMINATION = "termination"


@dataclass(frozen=True)
class RefundTerms:
    """The shop's promise: the days of withdrawal, and the penalty of ending at once (percent).

    :raises ValueError: less than the law's 7 days, or a penalty outside 0 to 10 percent.
    """

    withdraw_days: int = 7
    penalty_percent: int = 0

    def __post_init__(self) -> None:
        if self.withdraw_days < 7:
            raise ValueError("withdrawal takes at least 7 days by law")
        if not 0 <= self.penalty_percent <= MOST_PENALTY_PERCENT:
            raise ValueError("the penalty is 0 to 10 percent of what remains")


@dataclass(frozen=True)
class Refund:
    """What comes back, and how it was worked out: `amount_won` × unused days ÷ all days."""

    kind: RefundKind
    won: int
    used_days: int
    total_days: int
    penalty_percent: int


def refund(
    *,
    amount_won: int,
    period: Period,
    requested_on: date,
    was_used: bool,
    terms: RefundTerms,
    paid_on: date | None = None,
    noticed_on: date | None = None,
    balance_won: int | None = None,
) -> Refund:
    """Return what a payment of `amount_won` for `period` gives back to whom asks on a day.

    The days of withdrawal count from the latest of the period's first day, the day of payment and
    the day of the contract notice, that day not counted (민법 157조). The day of the request
    counts as used. Never more than `balance_won`, what is left of the payment.
    """
    last_day = withdrawal_ends_on(period, terms=terms, paid_on=paid_on, noticed_on=noticed_on)
    can_withdraw = requested_on <= last_day
    total_days = (period.end_on - period.start_on).days
    used_days = min(total_days, max(0, (requested_on - period.start_on).days + 1))
    percent = 0 if can_withdraw else terms.penalty_percent
    if can_withdraw and not was_used:
        won = amount_won
    else:
        won = _ceil(amount_won * (total_days - used_days) * (100 - percent), total_days * 100)
    return Refund(
        kind=RefundKind.WITHDRAWAL if can_withdraw else RefundKind.TERMINATION,
        won=won if balance_won is None else min(won, balance_won),
        used_days=used_days,
        total_days=total_days,
        penalty_percent=percent,
    )


def tax_free_share(amount_won: int, *, balance_won: int, tax_free_won: int) -> int:
    """Return how much of `amount_won`, a part of a balance, is tax-free: in proportion, rounded.

    `tax_free_won` is the tax-free part of `balance_won`. What is left on either side covers it.
    """
    share = (2 * amount_won * tax_free_won + balance_won) // (2 * balance_won)
    return max(amount_won - (balance_won - tax_free_won), min(share, tax_free_won, amount_won))


def withdrawal_ends_on(
    period: Period,
    *,
    terms: RefundTerms,
    paid_on: date | None = None,
    noticed_on: date | None = None,
) -> date:
    """Return the last day on which a payment for `period` can be withdrawn from."""
    known = [day for day in (period.start_on, paid_on, noticed_on) if day is not None]
    return max(known) + timedelta(days=terms.withdraw_days)


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
