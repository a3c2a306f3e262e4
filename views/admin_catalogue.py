"""What the pages of products and of plans say when they keep or refuse something."""

from collections.abc import Mapping

from flask import flash
from flask_wtf import FlaskForm

from rules.catalogue import Flaw, Mistake
from views import page_cache

SENTENCES = {
    Flaw.MISSING: "입력해 주세요.",
    Flaw.NOT_TEXT: "글자로 입력해 주세요.",
    Flaw.CONTROL: "줄을 바꾸거나 보이지 않는 문자를 넣을 수 없어요. 지우고 다시 입력해 주세요.",
    Flaw.TOO_LONG: "{limit:,}자 이하로 줄여 주세요.",
    Flaw.TOO_MANY: "{limit}줄 이하로 줄여 주세요.",
    Flaw.OTHER_LINES: "한국어와 줄 수를 맞춰 주세요. {limit}줄이에요.",
    Flaw.LANGUAGES: "번역은 en, ja, zh로 적어 주세요.",
    Flaw.LINE_TOO_LONG: "한 줄을 {limit}자 이하로 줄여 주세요.",
    Flaw.SLUG: "영문 소문자와 숫자를 붙임표(-) 하나로 이어서 입력해 주세요. 예: premium-monthly",
    Flaw.TAKEN: "이미 쓰고 있는 이름이에요. 다른 이름을 입력해 주세요.",
    Flaw.NOT_WHOLE: "금액을 숫자로만 입력해 주세요. 예: 9900",
    Flaw.TOO_LOW: "{limit:,}원부터 팔 수 있어요. 금액을 올려 주세요.",
    Flaw.TOO_HIGH: "{limit:,}원까지 팔 수 있어요. 금액을 내려 주세요.",
    Flaw.INTERVAL: "목록에서 결제 주기를 골라 주세요.",
    Flaw.TOO_LONG_A_PERIOD: "한 번에 12개월까지만 팔 수 있어요. 주기를 줄여 주세요.",
    Flaw.TAX_KIND: "목록에서 과세 또는 면세를 골라 주세요.",
    Flaw.KIND: "목록에서 정기결제 또는 이용권을 골라 주세요.",
    Flaw.PASS_BY_YEAR: "이용권은 달 수로 정해 주세요. 12개월까지 팔 수 있어요.",
    Flaw.NO_PICTURE: "그림 파일을 골라 주세요.",
    Flaw.TAX_FREE_SHARE: "과세 플랜은 금액보다 적게 적고, 면세 플랜은 비워 주세요.",
}
_FIELDS = {"interval": "cycle", "interval_count": "cycle"}
"""Where a mistake is shown that belongs to no field of its own."""


def show_mistakes(form: FlaskForm, mistakes: Mapping[str, Mistake]) -> None:
    """Say beside each field what is wrong with it."""
    for name, mistake in mistakes.items():
        sentence = SENTENCES[mistake.flaw].format(limit=mistake.limit)
        form[_FIELDS.get(name, name)].errors = [sentence]


def saved(message: str) -> None:
    """Tell the merchant what was changed, and let strangers see it."""
    page_cache.forget()
    flash(message)
