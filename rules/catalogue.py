"""What may be sold, in which words and for how much: the same for the back office and for files.

A value that breaks a rule has a `Mistake`; the sentence of a `Flaw` is English, for files, and the
back office has one in Korean for each.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rules.periods import Interval
from rules.wording import TRANSLATED

SLUG, NAME, SUMMARY, DESCRIPTION, PICTURE_WORDS = 50, 50, 200, 2000, 120
FEATURES, FEATURE = 12, 100
LEAST_WON, MOST_WON = 100, 10_000_000
"""Toss takes nothing below, and asks more of the merchant above."""

_SLUG_SHAPE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DOUBTFUL = re.compile(
    r"(?<![a-z])(?:test|sample|lorem ipsum|coming soon)(?![a-z])"
    r"|테스트|샘플|준비 ?중|품절|문의 ?후",
    re.IGNORECASE,
)


class Flaw(StrEnum):
    """A rule that a value breaks, as it is said of a file."""

    MISSING = "is missing"
    NOT_TEXT = "must be text"
    CONTROL = "holds a line end or a control character"
    TOO_LONG = "has more than {limit} characters"
    TOO_MANY = "has more than {limit} lines"
    OTHER_LINES = "must have as many lines as the Korean, {limit}"
    LANGUAGES = "must be tables of words, named en, ja or zh"
    LINE_TOO_LONG = "has a line of more than {limit} characters"
    SLUG = "must be small letters and digits, joined by single hyphens"
    TAKEN = "is taken by another"
    NOT_WHOLE = "must be a whole number of won"
    TOO_LOW = "must be at least {limit} won"
    TOO_HIGH = "must be at most {limit} won"
    INTERVAL = "must be month or year"
    TOO_LONG_A_PERIOD = "must make at most 12 months, by the month, or 1 year"
    TAX_KIND = "must be taxable or tax_free"
    KIND = "must be subscription or pass"
    PASS_BY_YEAR = "must be months: a pass is sold by the month"
    NO_PICTURE = "has no picture"
    TAX_FREE_SHARE = "must be below the price, or all of it where the plan is tax_free"


@dataclass(frozen=True)
class Mistake:
    """A rule that was broken, with its limit where it has one."""

    flaw: Flaw
    limit: int = 0

    def __str__(self) -> str:
        return self.flaw.format(limit=self.limit)


class Unfit(ValueError):
    """Values that cannot be sold under; `mistakes` has one for each of their names."""

    def __init__(self, mistakes: Mapping[str, Mistake]) -> None:
        self.mistakes = dict(mistakes)
        super().__init__("; ".join(f"{name} {mistake}" for name, mistake in mistakes.items()))


class Checks:
    """The values to check, and what was found wrong with them."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.mistakes: dict[str, Mistake] = {}

    def fail(self, name: str, flaw: Flaw, limit: int = 0) -> None:
        """Note what is wrong with a value; the first mistake of each stands."""
        self.mistakes.setdefault(name, Mistake(flaw, limit))

    def line(self, name: str, limit: int) -> str:
        """Return a text of one line."""
        text = self.text(name, limit)
        if any(ord(character) < 32 or ord(character) == 127 for character in text):
            self.fail(name, Flaw.CONTROL)
        return text

    def text(self, name: str, limit: int) -> str:
        """Return a text without blanks around it."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            self.fail(name, Flaw.NOT_TEXT)
            return ""
        text = "\n".join((value or "").split("\r\n")).strip()
        if not text:
            self.fail(name, Flaw.MISSING)
        if len(text) > limit:
            self.fail(name, Flaw.TOO_LONG, limit)
        if "\0" in text:
            self.fail(name, Flaw.CONTROL)
        return text

    def lines(self, name: str) -> str:
        """Return short lines, joined; a form has them joined already, a file as a list."""
        value = self.values.get(name) or []
        lines = value.splitlines() if isinstance(value, str) else value
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            self.fail(name, Flaw.NOT_TEXT)
            return ""
        kept = [line.strip() for line in lines if line.strip()]
        if len(kept) > FEATURES:
            self.fail(name, Flaw.TOO_MANY, FEATURES)
        if any(len(line) > FEATURE for line in kept):
            self.fail(name, Flaw.LINE_TOO_LONG, FEATURE)
        if any(ord(character) < 32 for line in kept for character in line):
            self.fail(name, Flaw.CONTROL)
        return "\n".join(kept)

    def won(self, name: str, default: int | None = None) -> int:
        """Return an amount; a form has it as text, maybe with commas."""
        value = self.values.get(name)
        if isinstance(value, str):
            value = value.replace(",", "").strip()
        if value in (None, ""):
            if default is None:
                self.fail(name, Flaw.MISSING)
            return default or 0
        if isinstance(value, (bool, float)) or not re.fullmatch(r"-?[0-9]{1,12}", str(value)):
            self.fail(name, Flaw.NOT_WHOLE)
            return 0
        return int(value)


Part = Callable[[Checks], dict[str, Any]]


def checked(values: Mapping[str, Any], *parts: Part) -> dict[str, Any]:
    """Return these parts of the values as they are kept.

    :raises Unfit: some break a rule; every one is told.
    """
    checks = Checks(values)
    kept = {name: value for part in parts for name, value in part(checks).items()}
    if checks.mistakes:
        raise Unfit(checks.mistakes)
    return kept


def slug(checks: Checks) -> dict[str, Any]:
    """Check what a product or a plan is called in addresses and in files."""
    text = checks.line("slug", SLUG)
    if not _SLUG_SHAPE.fullmatch(text):
        checks.fail("slug", Flaw.SLUG)
    return {"slug": text}


def product_words(checks: Checks) -> dict[str, Any]:
    """Check the words of a product."""
    return {
        "name": checks.line("name", NAME),
        "description": checks.text("description", DESCRIPTION),
    }


def plan_words(checks: Checks) -> dict[str, Any]:
    """Check the words of a plan."""
    return {
        "name": checks.line("name", NAME),
        "summary": checks.line("summary", SUMMARY),
        "description": checks.text("description", DESCRIPTION),
        "features": checks.lines("features"),
    }


def translated(words: Part) -> Part:
    """Return the check of `translations`: the same words again, by language, whole or not at all.

    A mistake is named after its place, as `translations.en.name`.
    """

    def check(checks: Checks) -> dict[str, Any]:
        given = checks.values.get("translations") or {}
        if not isinstance(given, Mapping) or not all(
            language in TRANSLATED and isinstance(texts, Mapping)
            for language, texts in given.items()
        ):
            checks.fail("translations", Flaw.LANGUAGES)
            return {}
        ours = len(words(Checks(checks.values)).get("features", "").splitlines())
        return {
            "translations": {
                language: _words_of(checks, f"translations.{language}", texts, words, ours)
                for language, texts in given.items()
            }
        }

    return check


def _words_of(
    checks: Checks, place: str, texts: Mapping[str, Any], words: Part, lines: int
) -> dict[str, Any]:
    own = Checks(texts)
    kept = words(own)
    if len(kept.get("features", "").splitlines()) != lines:
        own.fail("features", Flaw.OTHER_LINES, lines)
    for name, mistake in own.mistakes.items():
        checks.fail(f"{place}.{name}", mistake.flaw, mistake.limit)
    return kept


def price(checks: Checks) -> dict[str, Any]:
    """Check what a plan costs, how it is taxed, and how often, or whether only once, it is paid."""
    price_won = checks.won("price_won")
    if price_won < LEAST_WON:
        checks.fail("price_won", Flaw.TOO_LOW, LEAST_WON)
    if price_won > MOST_WON:
        checks.fail("price_won", Flaw.TOO_HIGH, MOST_WON)
    return {"price_won": price_won, **_tax(checks, price_won), **_cycle(checks), **_kind(checks)}


def picture_words(checks: Checks) -> dict[str, Any]:
    """Check the words that stand for a picture."""
    return {"alt": checks.line("alt", PICTURE_WORDS)}


def doubtful_words(*texts: str) -> list[str]:
    """Return the words at which Toss's reviewers stop, as they stand in the texts."""
    return sorted({found for text in texts for found in _DOUBTFUL.findall(text)})


def stamp_of(texts: Sequence[str]) -> str:
    """Return what changes with any of these texts."""
    return hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()[:20]


def moved(ids: Sequence[int], one: int, *, up: bool) -> list[int]:
    """Return the ids with one of them a place nearer to the front or the back, if there is one."""
    order = list(ids)
    here = order.index(one)
    there = here - 1 if up else here + 1
    if 0 <= there < len(order):
        order[here], order[there] = order[there], order[here]
    return order


def _tax(checks: Checks, price_won: int) -> dict[str, Any]:
    kind = checks.values.get("tax_kind") or "taxable"
    if kind not in ("taxable", "tax_free"):
        checks.fail("tax_kind", Flaw.TAX_KIND)
    share = checks.won("tax_free_won", default=price_won if kind == "tax_free" else 0)
    is_whole = share == price_won if kind == "tax_free" else 0 <= share < price_won
    if not is_whole and "price_won" not in checks.mistakes:
        checks.fail("tax_free_won", Flaw.TAX_FREE_SHARE)
    return {"tax_kind": kind, "tax_free_won": share}


def _kind(checks: Checks) -> dict[str, Any]:
    kind = checks.values.get("kind") or "subscription"
    if kind not in ("subscription", "pass"):
        checks.fail("kind", Flaw.KIND)
    if kind == "pass" and checks.values.get("interval") == Interval.YEAR:
        checks.fail("interval", Flaw.PASS_BY_YEAR)
    return {"kind": kind}


def _cycle(checks: Checks) -> dict[str, Any]:
    interval, count = checks.values.get("interval"), checks.values.get("interval_count", 1)
    if interval not in list(Interval):
        checks.fail("interval", Flaw.INTERVAL)
        return {}
    most = 1 if interval == Interval.YEAR else 12
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= most:
        checks.fail("interval_count", Flaw.TOO_LONG_A_PERIOD)
    return {"interval": Interval(interval), "interval_count": count}
