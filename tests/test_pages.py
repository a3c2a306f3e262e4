"""Every page, as a stranger and as a subscriber."""

import pytest

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
    assert "script-src 'self';" in policy
    assert "unsafe-inline" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Strict-Transport-Security" not in headers


def test_a_nul_is_refused_calmly(page, plan):
    page("/plans/%00", status=400)
    page("/login?next=%00", status=400)


def test_too_large_a_body_is_refused(client):
    assert client.post("/login", data={"email": "x" * 70_000}).status_code == 413
