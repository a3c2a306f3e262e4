"""What WTForms says of its own accord, in the shop's words and in the language of the page."""

from flask import Flask, request
from flask_babel import gettext as _

from rules.wording import N_

_REQUIRED = N_("이 칸을 채워 주세요.")
_NO_CHOICE = N_("보기에 없는 값이에요. 다시 골라 주세요.")
_NO_NUMBER = N_("숫자로 입력해 주세요.")
_TOO_LONG = N_("%(max)s자 이하로 입력해 주세요.")
_TOO_SHORT = N_("%(min)s자 이상 입력해 주세요.")
_EXACTLY = N_("%(max)s자로 입력해 주세요.")
_UNREADABLE = N_("입력한 내용을 확인해 주세요.")

OURS = {
    "This field is required.": _REQUIRED,
    "Invalid input.": _UNREADABLE,
    "This field cannot be edited.": _UNREADABLE,
    "This field is disabled and cannot have a value.": _UNREADABLE,
    "Not a valid choice.": _NO_CHOICE,
    "Invalid Choice: could not coerce.": _NO_CHOICE,
    "Invalid choice(s): one or more data inputs could not be coerced.": _NO_CHOICE,
    "'%(value)s' is not a valid choice for this field.": _NO_CHOICE,
    "'%(value)s' are not valid choices for this field.": _NO_CHOICE,
    "Invalid value, must be one of: %(values)s.": _NO_CHOICE,
    "Invalid value, can't be any of: %(values)s.": _NO_CHOICE,
    "Not a valid integer value.": _NO_NUMBER,
    "Not a valid decimal value.": _NO_NUMBER,
    "Not a valid float value.": _NO_NUMBER,
    "Number must be at least %(min)s.": N_("%(min)s 이상의 수를 입력해 주세요."),
    "Number must be at most %(max)s.": N_("%(max)s 이하의 수를 입력해 주세요."),
    "Number must be between %(min)s and %(max)s.": N_(
        "%(min)s에서 %(max)s까지의 수를 입력해 주세요."
    ),
    "Field cannot be longer than %(max)d character.": _TOO_LONG,
    "Field cannot be longer than %(max)d characters.": _TOO_LONG,
    "Field must be at least %(min)d character long.": _TOO_SHORT,
    "Field must be at least %(min)d characters long.": _TOO_SHORT,
    "Field must be exactly %(max)d character long.": _EXACTLY,
    "Field must be exactly %(max)d characters long.": _EXACTLY,
    "Field must be between %(min)d and %(max)d characters long.": N_(
        "%(min)s자 이상 %(max)s자 이하로 입력해 주세요."
    ),
    "Field must be equal to %(other_name)s.": N_("두 칸에 같은 값을 입력해 주세요."),
    "Date must be at least %(min)s.": N_("%(min)s 이후의 날짜를 입력해 주세요."),
    "Date must be at most %(max)s.": N_("%(max)s 이전의 날짜를 입력해 주세요."),
    "Date must be between %(min)s and %(max)s.": N_(
        "%(min)s에서 %(max)s까지의 날짜를 입력해 주세요."
    ),
    "Not a valid date value.": N_("날짜를 확인해 주세요."),
    "Not a valid datetime value.": N_("날짜와 시각을 확인해 주세요."),
    "Not a valid time value.": N_("시각을 확인해 주세요."),
    "Not a valid week value.": N_("주를 확인해 주세요."),
    "Invalid email address.": N_("이메일 주소를 확인해 주세요."),
    "Invalid URL.": N_("웹 주소를 확인해 주세요."),
    "Invalid IP address.": _UNREADABLE,
    "Invalid Mac address.": _UNREADABLE,
    "Invalid UUID.": _UNREADABLE,
}


class Words:
    """WTForms's translations: it asks for a text in English, and gets the shop's."""

    def ugettext(self, text: str) -> str:
        """Return what the shop says instead."""
        return str(_(OURS.get(text, text)))

    def ungettext(self, one: str, many: str, count: int) -> str:
        """Return what the shop says instead of a text that counts."""
        return self.ugettext(one if count == 1 else many)


def register(app: Flask) -> None:
    """Let every form speak in the shop's words."""
    app.before_request(_give_words)


def _give_words() -> None:
    """Give the request the translations that Flask-WTF would otherwise load for it."""
    request.wtforms_translations = Words()  # type: ignore[attr-defined]
