"""Every page, as a stranger and as a subscriber."""

import pytest
from flask import Flask

from tests.conftest import checked_page

PUBLIC = [
    "/", "/plans", "/plans/premium-monthly", "/login", "/signup", "/password-reset", "/terms",
    "/privacy", "/refund-policy", "/contact", "/fail",
]  # fmt: skip
SIGNED_IN = [
    "/account", "/library", "/library/slow-letter", "/payments", "/subscription",
    "/subscription/cancellation",
]  # fmt: skip
FACTS = [
    "주식회사 달빛서재", "문서연", "999-99-00005", "제2026-서울마포-00000호",
    "서울특별시 마포구 달빛로 12, 3층 301호", "02-000-0000", "help@dalbit.example",
    "privacy@dalbit.example",
]  # fmt: skip


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_is_whole(page, plan, path):
    shown = page(path)
    assert all(fact in shown.footer for fact in FACTS)
    assert "https://www.ftc.go.kr/bizCommPop.do?wrkr_no=9999900005" in shown.links


@pytest.mark.parametrize("path", SIGNED_IN)
def test_a_subscribers_page_is_whole(page, subscribed, path):
    assert all(fact in page(path).footer for fact in FACTS)


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/success", 400)])
def test_an_error_page_is_whole(page, path, status):
    assert all(fact in page(path, status=status).footer for fact in FACTS)


def test_no_link_is_broken(client, page, subscribed):
    seen, waiting = set(), ["/"]
    while waiting:
        path = waiting.pop().split("#")[0]
        if path in seen or not path.startswith("/"):
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code < 400, path
        if answer.status_code == 200 and answer.mimetype == "text/html":
            waiting.extend(page(path).links)
    assert len(seen) > 15


@pytest.mark.parametrize("path", ["/", "/plans", "/plans/premium-monthly"])
def test_the_price_is_plain_before_any_log_in(page, plan, path):
    text = page(path).text
    assert "월 9,900원" in text
    assert "부가세 포함" in text


def test_the_plan_page_names_the_terms_of_sale(page, plan):
    text = page("/plans/premium-monthly").text
    for words in (
        "정기결제",
        "결제일로부터 1개월",
        "다음 결제일",
        "해지 방법",
        "배송 없음",
        "구독 시작하기",
    ):
        assert words in text, words


def test_the_library_is_closed_to_whom_does_not_pay(page, log_in, user):
    log_in(user)
    for path in ("/library", "/library/slow-letter"):
        text = page(path).text
        assert "구독하면 읽을 수 있어요" in text
        assert "느린 편지" not in text


def test_headers_keep_strangers_scripts_out(client, plan):
    headers = client.get("/").headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'none';" in policy
    assert "unsafe-inline" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Strict-Transport-Security" not in headers


def test_a_nul_is_refused_calmly(page, plan):
    page("/plans/%00", status=400)
    page("/login?next=%00", status=400)


def test_too_large_a_body_is_refused(client):
    assert client.post("/login", data={"email": "x" * 70_000}).status_code == 413


WHOLE = (
    '<!doctype html><html lang="ko"><head><title>서재 | 가게</title></head><body><h1>서재</h1>'
    '<form method="post" action="/x"><label for="a">이름</label><input id="a" name="a"></form>'
    "<footer>사업자등록번호 999-99-00005</footer></body></html>"
)
MISTAKES = {
    "no heading": ("<h1>서재</h1>", "<h2>서재</h2>"),
    "two headings": ("<h1>서재</h1>", "<h1>서재</h1><h1>둘</h1>"),
    "another title": ("<title>서재", "<title>다른 말"),
    "no language": (' lang="ko"', ""),
    "an id twice": ("<h1>", '<h1 id="a">'),
    "no footer facts": ("사업자등록번호", "번호"),
    "a field without a label": ('<label for="a">이름</label>', "이름"),
    "a form without an action": (' action="/x"', ""),
    "an inline style": ("<h1>", '<h1 style="color: red">'),
    "an inline script": ("</body>", "<script>alert(1)</script></body>"),
    "a script in an attribute": ("<h1>", '<h1 onclick="alert(1)">'),
    "a secret key": ("서재</h1>", "서재</h1>test_sk_planted"),
    "a tag that was never opened": ("</body>", "</section></body>"),
}


def test_a_whole_page_passes():
    assert checked_page(_answer(WHOLE)).title == "서재 | 가게"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_on_a_page_is_found(mistake):
    right, wrong = MISTAKES[mistake]
    assert right in WHOLE
    with pytest.raises(AssertionError):
        checked_page(_answer(WHOLE.replace(right, wrong, 1)))


def _answer(html):
    planted = Flask(__name__)
    planted.add_url_rule("/", view_func=lambda: html)
    return planted.test_client().get("/")
