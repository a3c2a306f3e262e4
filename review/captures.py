"""What the walk through the shop brings back: pictures of its pages, and what it read on them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

WINDOW = (1280, 800)
"""How wide and high the browser's window is inside, in CSS pixels: a merchant's desk."""

_MARGIN = 24


class Step(StrEnum):
    """The screens that the reviewers follow, in the order of the file."""

    FOOTER = "footer"
    REFUND_POLICY = "refund-policy"
    LOGIN = "login"
    SIGNUP = "signup"
    PLANS = "plans"
    PLAN = "plan"
    ORDER = "order"
    CARD_WINDOW = "card-window"
    PAYMENTS = "payments"
    SUBSCRIPTION = "subscription"


SIGNED_IN = (Step.ORDER, Step.CARD_WINDOW, Step.PAYMENTS, Step.SUBSCRIPTION)


class WalkStopped(Exception):
    """The walk could not go on; the text says why, and what to do."""


@dataclass(frozen=True)
class Account:
    """With what the reviewers sign in."""

    email: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Capture:
    """What the window showed: part `part` of `parts` of a page that is longer than the window.

    `items` are the headings and buttons on it that are seen whole.
    """

    step: Step
    address: str
    taken_at: datetime
    png: bytes
    items: tuple[str, ...] = ()
    part: int = 1
    parts: int = 1


@dataclass(frozen=True)
class SoldPlan:
    """The plan that the walk ordered, in the words of its own page."""

    name: str
    price: str
    service_period: str

    @property
    def amount(self) -> str:
        """Return the price without how often it is paid, and without the words about tax."""
        return self.price.split(" ")[1]


@dataclass(frozen=True)
class Walked:
    """Everything that the walk saw."""

    captures: tuple[Capture, ...]
    plan: SoldPlan
    footer: str
    is_sandbox: bool
    has_paid: bool


def cuts(blocks: Sequence[tuple[float, float]], end: float, window_height: float) -> list[int]:
    """Return where to scroll, so that some window shows every block down to `end` whole.

    A block is the top and bottom of what should not be cut: a paragraph, a row, a button. Only one
    that is as high as the window is cut after all.
    """
    stops, last = [0], max(0, round(end + _MARGIN - window_height))
    while stops[-1] < last:
        seen_to = stops[-1] + window_height
        unseen = [
            top for top, bottom in blocks if bottom > seen_to and top > stops[-1] + _MARGIN + 1
        ]
        stops.append(min(round(min([top - _MARGIN for top in unseen] + [seen_to])), last))
    return stops
