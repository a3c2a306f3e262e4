"""What Toss keeps of each sale, and when it pays the rest."""

from dataclasses import dataclass
from datetime import date, timedelta

WEEKDAYS_TO_PAY_OUT = 4
"""As in two of three answers of Toss that merchants have published; the contract decides."""

_TEN_THOUSANDTHS = {
    "CARD": 290,
    "TRANSFER": 180,
    "TOSSPAY": 290,
    "NAVERPAY": 290,
    "DOMESTIC": 290,
    "FOREIGN": 350,
}


@dataclass(frozen=True)
class Fee:
    """What is kept: the part that is taxed, and its tax. Cards: 3.19 % in all."""

    supply: int
    vat: int

    @property
    def whole(self) -> int:
        """Return all that is kept."""
        return self.supply + self.vat


def fee_of(amount: int, way: str) -> Fee:
    """Return the fee of what was paid in this way; the tax is a tenth, half a won rounded up."""
    supply = amount * _TEN_THOUSANDTHS[way] // 10_000
    return Fee(supply, (supply + 5) // 10)


def paid_out_on(sold_on: date) -> date:
    """Return the day on which the sales of a day are paid out; holidays are not known here."""
    day, left = sold_on, WEEKDAYS_TO_PAY_OUT
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return day
