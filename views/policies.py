"""What the shop promises: terms, privacy and refunds, each with its numbers from the settings.

Every version is a file of its own, `templates/policies/<name>/<version>.html`, named after the day
from which it holds. An earlier file is never changed: whoever agreed to it can read it again.
Translations stand beside it, `<version>.<language>.html`; they help to read, only Korean binds.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Flask, abort, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from config import ROOT, ConfigError
from rules.periods import Interval, Period, nth_period
from rules.refunds import Refund, RefundTerms, refund
from rules.wording import Language
from views.access import public
from views.languages import current, is_korean, speaking
from views.page_cache import same_for_strangers

blueprint = Blueprint("policies", __name__)

TITLES = {
    "terms": _l("이용약관"),
    "privacy": _l("개인정보 처리방침"),
    "refund": _l("환불·해지 규정"),
}
SETTINGS = {"terms": "TERMS_VERSION", "privacy": "PRIVACY_VERSION", "refund": "REFUND_VERSION"}
_ENDPOINTS = {"terms": "terms", "privacy": "privacy", "refund": "refund_policy"}
_FOLDER = ROOT / "templates" / "policies"
_HEADING = re.compile(r'<h2 id="((?:article|section|addendum)[^"]*)">(.*?)</h2>')


@dataclass(frozen=True)
class Example:
    """One worked example of the refund policy, worked out by what works out refunds."""

    amount_won: int
    period: Period
    requested_on: date
    was_used: bool
    refund: Refund


def register(app: Flask) -> None:
    """Refuse to start with a version that has no file.

    :raises ConfigError: naming the setting.
    """
    mistakes = [
        f"{setting} is {app.config[setting]}, but there is no templates/policies/{name}/"
        f"{app.config[setting]}.html: write that version, or name one that is there."
        for name, setting in SETTINGS.items()
        if app.config[setting] not in versions(name)
    ]
    if mistakes:
        raise ConfigError(mistakes)


@blueprint.get("/terms")
@blueprint.get("/terms/<string:version>")
@public
@same_for_strangers
def terms(version: str | None = None) -> ResponseReturnValue:
    """Show the terms of use."""
    return _page("terms", version)


@blueprint.get("/privacy")
@blueprint.get("/privacy/<string:version>")
@public
@same_for_strangers
def privacy(version: str | None = None) -> ResponseReturnValue:
    """Show the privacy policy."""
    return _page("privacy", version)


@blueprint.get("/refund-policy")
@blueprint.get("/refund-policy/<string:version>")
@public
@same_for_strangers
def refund_policy(version: str | None = None) -> ResponseReturnValue:
    """Show the rules of withdrawal, ending and refund."""
    return _page("refund", version)


@blueprint.get("/policies/<string:name>/<string:version>/korean")
@public
@same_for_strangers
def korean(name: str, version: str) -> ResponseReturnValue:
    """Show the Korean words, which bind, to a reader of another language."""
    if name not in TITLES:
        abort(404)
    if is_korean():
        return redirect(url_for(f"policies.{_ENDPOINTS[name]}", version=version), 301)
    return _page(name, version, is_original=True)


def versions(name: str) -> list[str]:
    """Return the versions of a policy that there are, newest first."""
    stems = (path.stem for path in (_FOLDER / name).glob("*.html"))
    return sorted((stem for stem in stems if "." not in stem), reverse=True)


def current_version(name: str) -> str:
    """Return the version of a policy that holds now."""
    return str(current_app.config[SETTINGS[name]])


def link_to(name: str, version: str) -> str:
    """Return the address of one version of a policy."""
    return url_for(f"policies.{_ENDPOINTS[name]}", version=version, _external=True)


def text_of(name: str, version: str | None = None) -> Markup:
    """Return a policy's words as HTML, with the shop's facts and numbers in them: in Korean."""
    version = version or current_version(name)
    with speaking(Language.KOREAN):
        return _rendered(name, version, f"{version}.html")


def translation_of(name: str, version: str) -> Markup | None:
    """Return a policy's words in the language of the page, where they were translated."""
    file = f"{version}.{current()}.html"
    return _rendered(name, version, file) if (_FOLDER / name / file).is_file() else None


def examples(terms_of_refund: RefundTerms, start_on: date) -> list[Example]:
    """Return the worked examples of the refund policy for periods that begin on `start_on`."""
    month = nth_period(start_on, 1, Interval.MONTH)
    year = nth_period(start_on, 1, Interval.YEAR)
    last = terms_of_refund.withdraw_days
    cases = [
        (9_900, month, last, False),
        (9_900, month, last, True),
        (9_900, month, last + 1, False),
        (9_900, month, 9, True),
        (9_900, month, 29, True),
        (99_000, year, 2, True),
        (99_000, year, 99, True),
    ]
    return [_example(terms_of_refund, *case) for case in cases]


def _example(
    terms_of_refund: RefundTerms, amount_won: int, period: Period, day: int, was_used: bool
) -> Example:
    requested_on = period.start_on + timedelta(days=day)
    worked_out = refund(
        amount_won=amount_won,
        period=period,
        requested_on=requested_on,
        was_used=was_used,
        terms=terms_of_refund,
    )
    return Example(amount_won, period, requested_on, was_used, worked_out)


def _rendered(name: str, version: str, file: str) -> Markup:
    settings = current_app.config
    terms_of_refund = RefundTerms(settings["REFUND_WITHDRAW_DAYS"], settings["REFUND_PENALTY_PCT"])
    values: dict[str, Any] = {
        "effective_on": date.fromisoformat(version),
        "withdraw_days": terms_of_refund.withdraw_days,
        "penalty_percent": terms_of_refund.penalty_percent,
        "pay_days": settings["REFUND_PAY_BDAYS"],
        "grace_days": settings["GRACE_DAYS"],
        "retry_days": ", ".join(str(day) for day in settings["RETRY_DAYS"]),
    }
    if name == "refund":
        values["examples"] = examples(terms_of_refund, date.fromisoformat(version))
    return Markup(render_template(f"policies/{name}/{file}", **values))


def _page(name: str, version: str | None, is_original: bool = False) -> ResponseReturnValue:
    there, now = versions(name), current_version(name)
    if version is not None and version not in there:
        abort(404)
    version = version or now
    translation = None if is_original or is_korean() else translation_of(name, version)
    body = text_of(name, version) if translation is None else translation
    return render_template(
        "policies/show.html",
        name=name,
        endpoint=f"policies.{_ENDPOINTS[name]}",
        title=TITLES[name],
        body=body,
        headings=_HEADING.findall(body),
        is_translated=translation is not None,
        is_original=is_original,
        version=version,
        effective_on=date.fromisoformat(version),
        versions=there,
        current=now,
    )
