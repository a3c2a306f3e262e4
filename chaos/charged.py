"""A payment as the gateway has it, which is what the books are held against."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Charged:
    """A payment as the gateway has it; `balance_won` is what was not given back.

    `cancels` are the reason and the won of each time that money went back.
    """

    order_id: str
    won: int
    balance_won: int
    cancels: tuple[tuple[str, int], ...] = ()
