"""Which language a page speaks: the one that its address begins with, as in `/en/plans`.

Korean is the source and has no prefix. Whoever chose another language is led from an address
without one to the same page in it. The back office, robots and Toss know Korean only.
"""

import re
from contextlib import AbstractContextManager
from functools import cache
from io import BytesIO

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Blueprint, Flask, abort, current_app, has_request_context, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import Babel, Domain, force_locale, get_locale
from flask_login import current_user
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from config import ROOT
from models import db
from rules.wording import TRANSLATED, Language
from views.access import public
from views.next_page import local_path
from views.security import csrf

blueprint = Blueprint("languages", __name__)

NAMES = {
    Language.KOREAN: "한국어",
    Language.ENGLISH: "English",
    Language.JAPANESE: "日本語",
    Language.CHINESE: "简体中文",
}
TAGS = {language: str(language) for language in Language} | {Language.CHINESE: "zh-Hans"}
"""How HTML names each language."""
FOLDER = ROOT / "translations"
COOKIE = "language"
_A_YEAR = 365 * 24 * 3600
_PREFIX = re.compile(rf"/({'|'.join(TRANSLATED)})(?=/|$)")
_KOREAN_ONLY = re.compile(r"(admin\w*|components|health|languages|pictures|sitemap|webhooks)\..*")


class Catalogues(Domain):
    """The translations, read from the `.po` files themselves: no step to forget, nothing stale."""

    def get_translations(self) -> NullTranslations:
        """Return the translations into the language of this page or mail."""
        return translations(current())


@cache
def translations(language: Language) -> NullTranslations:
    """Return the translations into a language; Korean texts are their own."""
    path = FOLDER / language / "LC_MESSAGES" / "messages.po"
    if not path.is_file():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=str(language)))
    compiled.seek(0)
    return Translations(compiled)


def register(app: Flask) -> None:
    """Let every page and mail speak the language that it is asked in."""
    babel = Babel(app, default_locale=str(Language.KOREAN), locale_selector=_asked_for)
    babel.domain_instance = Catalogues()
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.url_value_preprocessor(_leave_language_out)
    app.url_defaults(_keep_language)
    app.before_request(_lead_to_chosen)
    app.add_template_global(current, "current_language")
    app.add_template_global(choices, "languages")
    app.add_template_global(addresses, "addresses_by_language")
    app.add_template_global(lang_of, "lang_of")
    app.jinja_env.globals["language_tags"] = TAGS


def add_addresses(app: Flask) -> None:
    """Give every page that is translated an address in each language, beside the Korean one."""
    prefix = f"/<any({', '.join(TRANSLATED)}):language>"
    for rule in list(app.url_map.iter_rules()):
        if rule.endpoint != "static" and not _KOREAN_ONLY.fullmatch(rule.endpoint):
            methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            app.add_url_rule(prefix + rule.rule, rule.endpoint, methods=methods)


def current() -> Language:
    """Return the language of this page or mail."""
    known = get_locale()
    return Language(known.language) if known is not None else Language.KOREAN


def locale() -> Locale:
    """Return how the language of this page or mail writes numbers and days."""
    return Locale.parse(current())


def is_korean() -> bool:
    """Test whether this page or mail speaks the language that the texts are written in."""
    return current() is Language.KOREAN


def speaking(language: Language) -> AbstractContextManager[None]:
    """Return a context in which pages and mails speak this language."""
    return force_locale(str(language))


def lang_of(language: str) -> Markup:
    """Return the attribute of an element whose words are in another language than its page's."""
    if language == current():
        return Markup("")
    return Markup(' lang="{}"').format(TAGS[Language(language)])


def of_path(path: str) -> Language:
    """Return the language of the page at this path."""
    found = _PREFIX.match(path)
    return Language(found[1]) if found else Language.KOREAN


def in_language(path: str, language: Language) -> str:
    """Return the path of the same page in another language; one that is Korean only stays."""
    plain = _PREFIX.sub("", path, count=1) or "/"
    if language is Language.KOREAN or not _is_translated(plain.partition("?")[0]):
        return plain
    return f"/{language}{plain}"


def choices() -> list[tuple[Language, str]]:
    """Return the languages to choose from, each with its own name for itself."""
    return list(NAMES.items())


def addresses() -> list[tuple[str, str]]:
    """Return the tag and the path of this page in every language that it is translated into."""
    if request.endpoint is None or _KOREAN_ONLY.fullmatch(request.endpoint):
        return []
    korean = _PREFIX.sub("", request.path, count=1) or "/"
    return [
        (TAGS[language], korean if language is Language.KOREAN else f"/{language}{korean}")
        for language in Language
    ]


@blueprint.post("/language")
@public
@csrf.exempt
def choose() -> ResponseReturnValue:
    """Remember a language, and show the page that was open in it.

    The form carries no token, because it stands on pages that are the same for every stranger: who
    forges it changes the language of a page.
    """
    if request.form.get("language") not in NAMES:
        abort(400)
    language = Language(request.form["language"])
    if current_user.is_authenticated and current_user.language is not language:
        current_user.language = language
        db.session.commit()
    wanted = local_path(request.form.get("next"), "/")
    answer = redirect(in_language(wanted, language), 303)
    answer.set_cookie(
        COOKIE,
        language,
        max_age=_A_YEAR,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return answer


def _asked_for() -> str:
    return of_path(request.path) if has_request_context() else Language.KOREAN


def _leave_language_out(_endpoint: str | None, values: dict[str, object] | None) -> None:
    """Hide the language from the views: they ask for translations, not for its name."""
    if values is not None:
        values.pop("language", None)


def _keep_language(endpoint: str, values: dict[str, object]) -> None:
    if not is_korean() and current_app.url_map.is_endpoint_expecting(endpoint, "language"):
        values.setdefault("language", current())


def _lead_to_chosen() -> ResponseReturnValue | None:
    """Show a page whose address names no language in the one that its visitor chose."""
    chosen = request.cookies.get(COOKIE, Language.KOREAN)
    if (
        chosen not in TRANSLATED
        or request.method not in ("GET", "HEAD")
        or _PREFIX.match(request.path)
    ):
        return None
    here = request.full_path.rstrip("?")
    there = in_language(here, Language(chosen))
    return redirect(there, 302) if there != here else None


def _is_translated(path: str) -> bool:
    try:
        endpoint, _ = current_app.url_map.bind("").match(path, method="GET")
    except HTTPException:
        return False
    return endpoint != "static" and not _KOREAN_ONLY.fullmatch(endpoint)
