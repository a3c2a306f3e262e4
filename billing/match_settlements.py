"""Lay Toss's settlements beside the books; change nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Protocol

from billing.export import bounds
from gateways.payment import OutcomeUnknown, Settlement, SettlementDay
from models import export
from rules.marks import Marks

PAGE = 400
"""How many lines one answer may have: of the longest kind they are not a megabyte yet."""
LONGEST_QUESTION = timedelta(days=31)
AROUND = timedelta(days=31)
"""How far from the day of its payment a sale may be counted: Toss settles by the month at most."""
_A_DAY = timedelta(days=1)


class Match(StrEnum):
    """How a line of Toss's and the books agree.

    `unsettled`: a line of the books that Toss has not settled yet. `repeated`: Toss has it twice.
    """

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    REPEATED = "repeated"
    UNSETTLED = "unsettled"


@dataclass(frozen=True, kw_only=True)
class MatchedLine:
    """A sale, or what went back of one: what Toss says of it, and what the books do."""

    match: Match
    order_id: str
    payment_key: str
    transaction_key: str | None
    is_cancel: bool
    our_won: int | None
    m_id: str
    toss: Settlement | None = None


@dataclass
class Totals:
    """The sums of what was matched; a pay-out is the sum of one day."""

    sales_won: int = 0
    canceled_won: int = 0
    fee_won: int = 0
    fee_vat_won: int = 0
    pay_out_won: int = 0
    unsettled_won: int = 0
    lines: Counter[Match] = field(default_factory=Counter)
    pay_outs: Counter[date] = field(default_factory=Counter)

    def add(self, lines: Iterable[MatchedLine]) -> None:
        """Count these lines as well."""
        for line in lines:
            self.lines[line.match] += 1
            if line.toss is None:
                self.unsettled_won += line.our_won or 0
            else:
                self._add_settled(line.toss)

    def _add_settled(self, toss: Settlement) -> None:
        if toss.is_cancel:
            self.canceled_won += toss.amount_won
        else:
            self.sales_won += toss.amount_won
        self.fee_won += toss.fee_won
        self.fee_vat_won += toss.fee_vat_won
        self.pay_out_won += toss.pay_out_won
        self.pay_outs[toss.paid_out_on] += toss.pay_out_won

    @property
    def settled(self) -> int:
        """Return how many lines Toss has."""
        return self.lines.total() - self.unsettled

    @property
    def unsettled(self) -> int:
        """Return how many lines of the books Toss has not."""
        return self.lines[Match.UNSETTLED]

    @property
    def unmatched(self) -> int:
        """Return how many lines of Toss's the books do not agree with."""
        return sum(self.lines[match] for match in (Match.DIFFERENT, Match.UNKNOWN, Match.REPEATED))


class Ask(Protocol):
    """A gateway's `settlements`, or something that asks it in its own way."""

    def __call__(
        self, start_on: date, end_on: date, *, by: SettlementDay, page: int, limit: int
    ) -> tuple[Settlement, ...]:
        """Return one page."""
        ...


@dataclass
class _Seen:
    payments: Marks = field(default_factory=Marks)
    refunds: Marks = field(default_factory=Marks)


def match_settlements(
    *, ask: Ask, key_pair: str, by: SettlementDay, start_on: date, end_on: date, today: date
) -> Iterator[list[MatchedLine]]:
    """Yield what Toss settles of these days, a page at a time, each line beside our own.

    By the day of the sale, what Toss has not settled of the payments and refunds of these days
    follows. Nothing is held in the database while Toss is asked.

    :raises PaymentGatewayError: Toss's list could not be read to its end; nothing is concluded.
    """
    seen = _Seen()
    last_on = min(end_on, today) if by == "sold" else end_on
    for page in _pages(ask, start_on, last_on, by):
        yield _compared(page, seen)
    if by == "sold":
        yield from _Unsettled(ask, key_pair, start_on, end_on, today, seen).lines()


def _pages(
    ask: Ask, start_on: date, end_on: date, by: SettlementDay
) -> Iterator[tuple[Settlement, ...]]:
    """Ask for a month at a time, so that no page lies deep in a list."""
    while start_on <= end_on:
        last_on = min(start_on + LONGEST_QUESTION - _A_DAY, end_on)
        before: tuple[Settlement, ...] = ()
        number = 1
        while page := ask(start_on, last_on, by=by, page=number, limit=PAGE):
            if page == before:
                raise OutcomeUnknown("broken_answer", "two pages of settlements are the same")
            yield page
            if len(page) < PAGE:
                break
            before, number = page, number + 1
        start_on = last_on + _A_DAY


def _compared(page: Sequence[Settlement], seen: _Seen) -> list[MatchedLine]:
    sales = {line.payment_key for line in page if not line.is_cancel}
    cancels = {line.transaction_key for line in page if line.is_cancel}
    payments = {row.payment_key: row for row in export.payments_named(sales)}
    refunds = {row.transaction_key: row for row in export.refunds_named(cancels)}
    return [
        _beside(refunds.get(line.transaction_key), line, seen.refunds)
        if line.is_cancel
        else _beside(payments.get(line.payment_key), line, seen.payments)
        for line in page
    ]


def _beside(ours: Any, line: Settlement, seen: Marks) -> MatchedLine:
    our_won = None if ours is None else -ours.amount_won if line.is_cancel else ours.amount_won
    if ours is None:
        match = Match.UNKNOWN
    elif not seen.add(ours.id):
        match = Match.REPEATED
    else:
        match = Match.SAME if our_won == line.amount_won else Match.DIFFERENT
    return MatchedLine(
        match=match,
        order_id=line.order_id,
        payment_key=line.payment_key,
        transaction_key=line.transaction_key,
        is_cancel=line.is_cancel,
        our_won=our_won,
        m_id=line.m_id,
        toss=line,
    )


@dataclass
class _Unsettled:
    """What the books have of some days and Toss's list has not.

    A sale may be counted on another day than that of its payment, by the week or by the month; so
    before anything is said to be missing, Toss is asked about the month before and after as well.
    """

    ask: Ask
    key_pair: str
    start_on: date
    end_on: date
    today: date
    seen: _Seen
    has_looked_around: bool = False

    def lines(self) -> Iterator[list[MatchedLine]]:
        days = bounds(self.start_on, self.end_on)
        payments = export.payments_to_settle(*days, key_pair=self.key_pair)
        refunds = export.refunds_to_settle(*days, key_pair=self.key_pair)
        for batch in payments:
            if missing := self._missing(batch, self.seen.payments):
                yield [_unsettled(row, is_cancel=False) for row in missing]
        for batch in refunds:
            if missing := self._missing(batch, self.seen.refunds):
                yield [_unsettled(row, is_cancel=True) for row in missing]

    def _missing(self, batch: export.Rows, seen: Marks) -> list[Any]:
        missing = [row for row in batch if row.is_meant and row.id not in seen]
        if missing and not self.has_looked_around:
            self._look_around()
            missing = [row for row in missing if row.id not in seen]
        return missing

    def _look_around(self) -> None:
        before = self.start_on - AROUND, self.start_on - _A_DAY
        after = self.end_on + _A_DAY, min(self.end_on + AROUND, self.today)
        for first_on, last_on in (before, after):
            for page in _pages(self.ask, first_on, last_on, "sold"):
                _compared(page, self.seen)
        self.has_looked_around = True


def _unsettled(row: Any, *, is_cancel: bool) -> MatchedLine:
    return MatchedLine(
        match=Match.UNSETTLED,
        order_id=row.order_id,
        payment_key=row.payment_key,
        transaction_key=row.transaction_key,
        is_cancel=is_cancel,
        our_won=-row.amount_won if is_cancel else row.amount_won,
        m_id=row.m_id,
    )
