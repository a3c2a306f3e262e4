"""Each requirement broken by itself: it is reported, with its place, and no other is."""

import re

import pytest
from markupsafe import escape
from sqlalchemy import select

import config
from gateways.payment import RequestRejected
from models import Payment, db
from review import EVERYTHING, SignIn, State
from review.safety import is_of_trial
from review.visit import INJECTED, NOT_THERE
from tests.review.conftest import OTHER, REVIEWER, Answer, of_state

pytestmark = pytest.mark.slow

BASIC, ORDER = "/plans/basic-monthly", "/checkout/basic-monthly"

PAGES = {
    "links: a page that is not there": ("links", "/", "</main>", '<a href="/gone">문</a></main>'),
    "links: a picture that is not there": ("links", "/", "hero.[0-9a-f]{12}", "hero.000000000000"),
    "footer": ("footer", "/plans", "<footer.*</footer>", ""),
    "footer: hidden until a script runs": ("footer", "/login", "<footer ", "<footer hidden "),
    "core-facts": ("core-facts", "/fail", "<dt>대표자</dt><dd>문서연</dd>", "<dt>대표자</dt>"),
    "core-facts: on the order page": ("core-facts", ORDER, "02-000-0000 ", "02-000-0001 "),
    "contact-facts": ("contact-facts", "/login", "help@dalbit.example", "help@dalbit"),
    "mail-order": ("mail-order", "/terms", "제2026-서울마포-00000호", "신고 중"),
    "ftc-link": ("ftc-link", "/contact", r"wrkr_no=\d{10}", "wrkr_no=1208147521"),
    "policy-links": ("policy-links", "/signup", "<li><a[^>]*>이용약관</a></li>", ""),
    "policy-links: to another page": (
        "policy-links", "/login", 'href="/refund-policy">환불', 'href="/contact">환불',
    ),
    "goods: no way from the list": ("goods", "/plans", f'href="{BASIC}"', ""),
    "no-empty-shelf": (
        "no-empty-shelf", "/plans", "</main>", "<section><h2>선물</h2></section></main>",
    ),
    "sellable: sold out": ("sellable", BASIC, "</main>", "<p>품절</p></main>"),
    "sellable: for nothing": ("sellable", "/plans", "</main>", "<p>0원</p></main>"),
    "pictures: on the list": ("pictures", "/plans", "<img[^>]*width=.640.[^>]*>", ""),
    "pictures: on its own page": ("pictures", BASIC, "<img[^>]*width=.640.[^>]*>", ""),
    "description": ("description", BASIC, '<p class="lead">.*?</p>', '<p class="lead">글.</p>'),
    "price-for-strangers": ("price-for-strangers", BASIC, r"[\d,]+원", "회원 공개"),
    "same-price: on the list": ("same-price", "/plans", "월 4,900원", "월 4,500원"),
    "same-price: on its own page": ("same-price", BASIC, "4,900원", "4,500원"),
    "same-price: before tax": ("same-price", BASIC, "4,900원</strong> <span>", "4,455원 <span>"),
    "same-price: on the order page": ("same-price", ORDER, "4,900원", "5,390원"),
    "tax": ("tax", BASIC, "부가세 포함", ""),
    "tax: on the order page": ("tax", ORDER, "부가세 포함", ""),
    "service-period": ("service-period", BASIC, "결제일로부터", "그때부터"),
    "service-period: more than a year": (
        "service-period", ORDER, "결제일로부터 1개월", "결제일로부터 13개월",
    ),
    "cycle": ("cycle", BASIC, "매월", "때마다"),
    "next-charge": ("next-charge", BASIC, "<dt>다음 결제일</dt>", "<dt>언젠가</dt>"),
    "next-charge: another day than the quote's": (
        "next-charge", ORDER, r"(<dt>다음 결제일</dt><dd>)\d{4}", "<dt>다음 결제일</dt><dd>2031",
    ),
    "recurring": ("recurring", BASIC, "자동 결제돼요", "결제돼요"),
    "leaving": ("leaving", BASIC, "두 화면</strong>이면 해지해요", "두 화면</strong>이면 돼요"),
    "refund-rule": ("refund-rule", ORDER, '<a href="/refund-policy">[^<]*</a></dd>', "</dd>"),
    "delivery": ("delivery", BASIC, "배송", "우송"),
    "order-button": ("order-button", BASIC, f'href="{ORDER}"', ""),
    "order-review": ("order-review", ORDER, '<a href="/plans">다른 플랜 고르기</a>', ""),
    "consents: nothing about recurring": (
        "consents", ORDER, r"<span>\[필수\] 오늘.*?</span>", "<span>[필수] 동의합니다.</span>",
    ),
    "consents: nothing about the purchase": (
        "consents", ORDER, r"<span>\[필수\] 베이직.*?</span>", "<span>[필수] 동의합니다.</span>",
    ),
    "unticked": ("unticked", "/signup", 'id="marketing"', 'id="marketing" checked'),
    "unticked: on the order page": ("unticked", ORDER, 'id="recurring"', 'id="recurring" checked'),
    "optional-news": ("optional-news", "/signup", 'id="marketing"', 'id="marketing" required'),
    "minors": ("minors", ORDER, "미성년자", "어린이"),
    "minors: in the terms": ("minors", "/terms", "미성년자", "어린이"),
    "age": ("age", "/signup", "만 14세 이상입니다", "동의합니다"),
    "sdk": ("sdk", ORDER, '/v2/standard" id="toss-sdk"', '/v1" id="toss-sdk"'),
    "client-key": ("client-key", ORDER, 'key="test_ck_[^"]*"', 'key="test_gck_docs"'),
    "secrets": ("secrets", "/contact", "</main>", "test_sk_zXLkKEypNArWmo50</main>"),
    "secrets: in the order page": ("secrets", ORDER, "</main>", "live_gsk_zXLkKEypN</main>"),
    "log-in: no field for a password": ("log-in", "/login", 'type="password"', 'type="text"'),
    "fail-page": ("fail-page", "/fail", "결제된 금액은 없어요", ""),
    "history: no way to it": ("history", None, 'href="/subscription"', ""),
    "others: an address": ("others", "/account", "</main>", f"{OTHER}</main>"),
    "labels": ("labels", "/signup", 'for="email"', ""),
    "terms": ("terms", "/terms", r"제16조 \(청약철회\)</h2>", "제16조 (기타)</h2>"),
    "privacy": ("privacy", "/privacy", "9. 쿠키</h2>", "9. 기타</h2>"),
    "refund": ("refund", "/refund-policy", "5. 일반해지</h2>", "5. 끝내기</h2>"),
    "refund-numbers": ("refund-numbers", "/refund-policy", r"\b3영업일", "5영업일"),
    "refund-examples": ("refund-examples", "/refund-policy", "6,600원", "6,500원"),
    "refund-examples: none": (
        "refund-examples", "/refund-policy", "<table>.{0,40}플랜과 신청한 날.*?</table>", "",
    ),
    "versions: no day": ("versions", "/privacy", "시행일", "날짜"),
    "versions: no number": ("versions", "/terms", "버전 2026-11-26|버전(?=</h2>)", ""),
    "versions: no earlier ones": ("versions", "/terms", r'href="/terms/2026-11-2\d"', ""),
    "void-clauses": ("void-clauses", "/terms", "</article>", "<p>환불 불가</p></article>"),
    "escaping": ("escaping", "/fail", re.escape(str(escape(INJECTED))), INJECTED),
    "language": ("language", "/contact", ' lang="ko"', ' lang="en"'),
}  # fmt: skip
"""What is broken, where, and how: the requirement, the page, a pattern and what stands there."""


@pytest.mark.parametrize("name", PAGES)
def test_a_broken_page_is_reported_under_one_requirement(shop, name):
    key, path, pattern, new = PAGES[name]
    shop.replace(path, pattern, new)

    assert_only(shop.check(), key)


def closed(shop):
    shop.answer("/", "503 Service Unavailable")


def refused_key(shop):
    shop.edge.replays = True
    shop.gateway.fail_next("find_order", RequestRejected("UNAUTHORIZED_KEY", key_pair=True))


def found_everywhere(shop):
    shop.answer(NOT_THERE, "200 OK")


def broken_return(shop):
    shop.answer("/success", "500 Internal Server Error")


def open_back_office(shop):
    def change(answer: Answer) -> bool:
        if not answer.status.startswith("404"):
            return False
        answer.status = "200 OK"
        return True

    shop.change("/admin", change)


def without_header(name, path):
    def change(shop):
        shop.change(path, lambda answer: bool(answer.headers.pop(name, "")))

    return change


def loose_cookie(shop):
    def change(answer: Answer) -> bool:
        cookie = answer.headers.get("Set-Cookie", "")
        answer.headers["Set-Cookie"] = cookie.replace("HttpOnly; ", "")
        return "HttpOnly" in cookie

    shop.change("/login", change)


def window_shut_out(shop):
    def change(answer: Answer) -> bool:
        policy = answer.headers["Content-Security-Policy"]
        answer.headers["Content-Security-Policy"] = re.sub(
            "frame-src [^;]*", "frame-src 'self'", policy
        )
        return True

    shop.change(ORDER, change)


def script_with_secret(shop):
    shop.sources = [path for _, path in shop.edge.asked if path.endswith(".js")]
    shop.change(None, lambda answer: "javascript" in answer.headers.get("Content-Type", "")
                and answer.replace('"use strict";', "test_sk_zXLkKEypNArWmo50nX3l"))  # fmt: skip


def order_refused(shop):
    shop.answer(ORDER, "503 Service Unavailable", method="POST")


def known_customer_key(shop):
    shop.replace(ORDER, '"customerKey":"[^"]*"', '"customerKey":"hana"', method="POST")


def other_return(shop):
    shop.replace(
        ORDER, '"successUrl":"http://[^/]*', '"successUrl":"http://shop.test', method="POST"
    )


def history_elsewhere(shop):
    shop.answer("/payments", "303 See Other", Location="/account")


def others_payment_open(shop):
    with shop.app.app_context():
        number = db.session.scalars(select(Payment.id)).one()
    shop.answer(f"/payments/{number}", "200 OK")


def another_name(shop):
    shop.sql("UPDATE plan SET name = '테스트 월간' WHERE slug = 'basic-monthly'")


def nothing_on_sale(shop):
    shop.sql("UPDATE plan SET retired_at = '2026-11-20 00:00:00'")


def quote_of_more(shop):
    shop.sql("UPDATE quote SET amount_won = amount_won + 100 WHERE kind = 'first_charge'")


def wrong_number(shop):
    shop.app.config["BIZ_NO"] = "106-81-12345"


def demo_value(name):
    def break_it(shop):
        shop.app.config[name] = config.DEFAULTS[name]

    return break_it


def setting(name, value):
    def break_it(shop):
        shop.app.config[name] = value

    return break_it


def wrong_password(shop):
    return SignIn(REVIEWER.email, "not-the-password")


def nobody(shop):
    return SignIn("nobody@example.com", REVIEWER.password)


OTHERWISE = {
    "reachable: closed": ("reachable", closed),
    "error-pages: nothing is not there": ("error-pages", found_everywhere),
    "error-pages: a failure on the way back": ("error-pages", broken_return),
    "back-office-closed": ("back-office-closed", open_back_office),
    "headers: nosniff": ("headers", without_header("X-Content-Type-Options", "/plans")),
    "headers: policy": ("headers", without_header("Content-Security-Policy", "/fail")),
    "cookies": ("cookies", loose_cookie),
    "window-allowed": ("window-allowed", window_shut_out),
    "secrets: in a script": ("secrets", script_with_secret),
    "order: refused": ("order", order_refused),
    "customer-key": ("customer-key", known_customer_key),
    "return-addresses": ("return-addresses", other_return),
    "history: elsewhere": ("history", history_elsewhere),
    "others: a payment": ("others", others_payment_open),
    "secret-key": ("secret-key", refused_key),
    "real-names": ("real-names", another_name),
    "goods: nothing on sale": ("goods", nothing_on_sale),
    "same-price: the quote": ("same-price", quote_of_more),
    "business-number": ("business-number", wrong_number),
    "log-in: another password": ("log-in", wrong_password),
    "log-in: nobody": ("log-in", nobody),
}
"""What is broken by other means: an answer's status or headers, a row, a setting, the sign-in."""


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_else_is_broken_is_reported_under_one_requirement(shop, name):
    key, break_it = OTHERWISE[name]
    sign_in = break_it(shop) or REVIEWER

    assert_only(shop.check(sign_in), key)


LIVE = {
    "own-facts": demo_value("CPO_NAME"),
    "sdk-of-toss": setting("TOSS_SDK_URL", "https://js.shop.kr/v2/standard"),
    "hsts": without_header("Strict-Transport-Security", "/"),
    "https": setting("PUBLIC_URL", "http://www.dalbitbooks.kr"),
    "hostname": setting("PUBLIC_URL", "https://dev.dalbitbooks.kr"),
    "mails-leave": setting("MAIL_URL", "console:"),
    "webhook-secret": setting("TOSS_WEBHOOK_SECRET", ""),
}
"""What counts with live keys only."""


@pytest.mark.parametrize("key", LIVE)
def test_what_counts_in_live_is_reported_there(live, key):
    LIVE[key](live)
    live.edge.replays = False

    assert_only(live.check(url=live.origin), key)


def test_before_live_keys_it_is_told_and_fails_nothing(shop):
    report = shop.check()

    assert of_state(report, State.ONLY_IN_LIVE) == {
        *("own-facts", "sdk-of-toss", "live-keys", "hsts", "https", "hostname", "mails-leave")
    }
    assert report.is_met


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "127.0.0.1", "[::1]", "test.shop.kr", "shop-dev.kr", "staging2.shop.kr",
        "demo.shop.kr", "shop.example", "shop.local", "qa-shop.kr",
    ],
)  # fmt: skip
def test_a_host_that_looks_like_a_trial_is_told(host):
    assert is_of_trial(host.strip("[]"))


@pytest.mark.parametrize("host", ["www.dalbitbooks.kr", "devote.kr", "latest.kr", "contest.co.kr"])
def test_a_host_of_a_shop_is_left_alone(host):
    assert not is_of_trial(host)


def large_price(shop):
    shop.sql("DELETE FROM quote WHERE id NOT IN (SELECT quote_id FROM checkout)")
    shop.sql("UPDATE plan SET price_won = 12000000 WHERE slug = 'premium-yearly'")


SOFT = {
    "mail-order-form": setting("BIZ_MAILORDER_NO", "마포구 1234번"),
    "phone": setting("BIZ_TEL", "010-1234-5678"),
    "address": setting("BIZ_ADDR", "서울특별시 마포구 달빛로 12"),
    "large-price": large_price,
}
"""What may do, and somebody should look at."""


@pytest.mark.parametrize("key", SOFT)
def test_what_may_do_is_a_warning_and_fails_nothing(shop, key):
    SOFT[key](shop)

    report = shop.check()

    assert of_state(report, State.WARNING) == {key}
    assert of_state(report, State.UNMET) == set()
    assert report.is_met


def test_an_exemption_stands_for_the_mail_order_number_with_a_warning(shop):
    shop.app.config |= {"BIZ_MAILORDER_NO": "", "BIZ_MAILORDER_EXEMPT": "간이과세자로 면제"}

    report = shop.check()

    assert of_state(report, State.WARNING) == {"mail-order-form"}
    assert of_state(report, State.UNMET) == set()


def test_every_requirement_that_a_program_checks_was_broken():
    broken = {key for key, *_ in PAGES.values()} | {key for key, _ in OTHERWISE.values()}
    broken |= {*LIVE, *SOFT, *ELSEWHERE}

    assert broken == {one.key for one in EVERYTHING if one.theme != "직접 확인할 것"}


ELSEWHERE = {"live-keys", "leaving-page"}
"""Tested above, and in `test_reviewer.py`."""


def assert_only(report, key):
    """Assert that this one requirement is unmet, and that it says where, why and what to do."""
    assert of_state(report, State.UNMET) == {key}
    assert of_state(report, State.WARNING) == set()
    found = next(one for one in report.results if one.requirement.key == key)
    assert found.findings and found.requirement.remedy and found.requirement.source
    assert not report.is_met
