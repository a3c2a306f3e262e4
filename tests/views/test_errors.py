from collections import Counter

import pytest
from werkzeug.exceptions import HTTPException, default_exceptions


def shown_for(app, error: Exception) -> str:
    with app.test_request_context("/"):
        return app.make_response(app.handle_user_exception(error)).get_data(as_text=True)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (403, "다른 계정"),
        (404, "책갈피가 빠진"),
        (429, "몇 분 뒤에"),
        (500, "다시 결제하기 전에 내 구독에서"),
        (503, "결제 내역은 그대로"),
    ],
)
def test_an_error_page_says_what_to_do(app, code, words):
    assert words in shown_for(app, default_exceptions[code]())


def test_a_bug_looks_like_any_failure_of_ours(app, shop_log):
    shown = shown_for(app, RuntimeError("planted"))

    assert "저희 쪽에서 생긴 문제예요" in shown
    assert "planted" not in shown
    assert Counter(record.levelname for record in shop_log()) == {"ERROR": 1}


def test_a_code_without_a_page_of_its_own_is_shown_as_its_kind(app):
    class Teapot(HTTPException):
        code = 418

    assert "요청을 확인해 주세요" in shown_for(app, Teapot())
