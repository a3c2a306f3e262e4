"""What a customer agrees to: shown in the page's language, kept in Korean, which binds."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from flask import Flask
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from models import Consent
from rules.wording import Language
from views.languages import speaking

Words = TypeVar("Words")

_TITLES = {
    "terms": _l("이용약관 동의"),
    "privacy": _l("개인정보 수집·이용 동의"),
    "age": _l("만 14세 이상 확인"),
    "marketing": _l("소식과 혜택 메일 동의"),
    "purchase": _l("구매 동의"),
    "recurring": _l("자동 결제 동의"),
    "plan_change": _l("플랜 변경 동의"),
    "price_rise": _l("가격 변경 동의"),
}


def register(app: Flask) -> None:
    """Teach the templates these words."""
    app.add_template_filter(consent_title, "consent_title")


class Agreed(NamedTuple):
    """One text twice: as the page shows it, and as it is kept."""

    shown: str
    kept: str


def agreed(words: Callable[[], str]) -> Agreed:
    """Return what `words` says in the language of the page, and in Korean."""
    return Agreed(words(), kept(words))


def kept(words: Callable[[], Words]) -> Words:
    """Return what `words` says in Korean, whatever language the page speaks."""
    with speaking(Language.KOREAN):
        return words()


def consent_title(consent: Consent) -> str:
    """Return what a consent was about; what it says word for word is Korean."""
    return str(_TITLES.get(consent.document, _("동의")))
