"""What Toss's reviewers ask for: a check of the running shop, and the slides (`deck`).

The check visits the shop as a stranger and as the reviewer, and compares what it saw with the
settings, the books and the law. It changes nothing but one order that nobody pays for.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from review.books import owners_of, read_books, read_quotes
from review.everything import EVERYTHING
from review.key import KeyAnswer, ask_about_key
from review.report import Report, report_on
from review.requirement import Result, State, judge
from review.visit import SignIn, visit

__all__ = [
    "EVERYTHING",
    "KeyAnswer",
    "Report",
    "Result",
    "SignIn",
    "State",
    "ask_about_key",
    "check",
]


def check(
    *,
    settings: Mapping[str, Any],
    key_answer: KeyAnswer,
    sign_in: SignIn | None,
    now: datetime,
    url: str | None = None,
    seconds_each: float = 10.0,
    seconds_in_all: float = 120.0,
    pages_in_all: int = 500,
) -> Report:
    """Visit the shop at `url` (`PUBLIC_URL` unless given) and return how it stands.

    No database connection is held while the shop is visited: it may be this very process.
    """
    email = sign_in.email if sign_in else ""
    seen = visit(
        settings=settings,
        origin=(url or settings["PUBLIC_URL"]).rstrip("/"),
        books=read_books(email),
        key_answer=key_answer,
        sign_in=sign_in,
        seconds_each=seconds_each,
        seconds_in_all=seconds_in_all,
        pages_in_all=pages_in_all,
    )
    seen.ordering.quotes = read_quotes(seen.quote_ids)
    seen.others_addresses = owners_of(seen.addresses, but=email)
    results = [judge(requirement, seen) for requirement in EVERYTHING]
    return report_on(seen, results, reviewer_email=email, now=now)
