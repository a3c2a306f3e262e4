"""The merchant's facts and the shop's promises, as customers read them."""

import re

import pytest

import config


@pytest.fixture
def facts(page, merchant, enter):
    """Return the page without its footer, in words."""
    enter(merchant)

    def shown():
        found = page("/admin/facts")
        return found.text.replace(" ".join(found.footer.split()), "").partition("판매자 정보")[0]

    return shown


def test_each_fact_stands_as_in_the_footer_with_its_setting(page, facts):
    text = facts()
    footer = page("/").footer
    assert "/admin/facts" in page("/admin").links

    for name in config.FACTS:
        assert name in text, name
    for words in (
        "주식회사 달빛서재", "문서연", "999-99-00005", "제2026-서울마포-00000호",
        "서울특별시 마포구 달빛로 12, 3층 301호", "02-000-0000 (평일 10:00~18:00)",
        "help@dalbit.example", "문서연 (privacy@dalbit.example)",
    ):  # fmt: skip
        assert words in text and words in footer, words


def test_what_still_is_the_demo_shops_is_marked(app, facts, monkeypatch):
    count = len([name for name in config.FACTS if config.DEFAULTS[name]])
    assert f"예시 값이 {count}개 남아 있어요" in facts()
    assert re.search(r"주식회사 달빛서재 예시 값 BIZ_COMPANY", facts())

    monkeypatch.setitem(app.config, "BIZ_COMPANY", "주식회사 참말")
    assert f"예시 값이 {count - 1}개 남아 있어요" in facts()
    assert "주식회사 참말 BIZ_COMPANY" in facts()

    for name in config.FACTS:
        monkeypatch.setitem(app.config, name, "220-81-62517" if name == "BIZ_NO" else "참말")
    assert "예시 값이 남아 있지 않아요" in facts()


def test_the_footer_says_what_the_settings_say_now_in_each_language(app, page, monkeypatch):
    assert "02-000-0000 (평일 10:00~18:00)" in page("/contact").footer
    assert "02-000-0000 (평일 10:00~18:00)" in page("/contact").footer
    changes = {"BIZ_TEL": "02-111-2222", "CS_HOURS": "10-18", "CS_HOURS_EN": "10-18"}
    for name, value in changes.items():
        monkeypatch.setitem(app.config, name, value)

    korean, english = page("/contact").footer, page("/en/contact").footer

    assert "02-111-2222 (10-18)" in korean and "02-111-2222 (10-18)" in english
    assert "전화" in korean and "Phone" in english


def test_a_missing_mail_order_number_is_pointed_at(app, facts, monkeypatch):
    assert "신고번호 없음" not in facts()
    monkeypatch.setitem(app.config, "BIZ_MAILORDER_NO", "")
    monkeypatch.setitem(app.config, "BIZ_MAILORDER_EXEMPT", "간이과세자")

    assert "간이과세자 신고번호 없음" in facts()
    assert "KB국민카드" in facts()


def test_the_promises_follow_the_settings(app, facts, monkeypatch):
    text = facts()
    for words in (
        "결제 후 7일 안에 이용하지 않았다면 전액", "위약금은 없어요", "3영업일 안에",
        "처음 실패한 날부터 1, 3, 5일째", "7일 동안은 계속 이용할 수", "결제일 9시부터",
        "2026-11-26 판 · 2026년 11월 26일 시행", "TERMS_VERSION", "GRACE_DAYS",
    ):  # fmt: skip
        assert words in text, words
    monkeypatch.setitem(app.config, "GRACE_DAYS", 9)
    monkeypatch.setitem(app.config, "REFUND_PENALTY_PCT", 10)

    assert "9일 동안은 계속 이용할 수" in facts()
    assert "남은 금액의 10%를 위약금으로" in facts()


def test_the_policies_are_linked_and_the_refunds_are_those_of_the_policy(page, facts):
    facts()
    shown = page("/admin/facts")

    policies = ("/terms/2026-11-26", "/privacy/2026-11-26", "/refund-policy/2026-11-26")
    assert set(policies) <= {link.removeprefix("http://127.0.0.1:8000") for link in shown.links}
    amounts = re.findall(r'<td class="number">([\d,]+원)', shown.html)
    policy = re.findall(r'<td class="number">([\d,]+원)', page("/refund-policy").html)
    assert len(amounts) == len(policy) == 7
    assert amounts[0] == policy[0] == "9,900원"


def test_no_secret_stands_on_the_page(app, page, facts):
    facts()
    html = page("/admin/facts").html

    for name in ("SECRET_KEY", "TOSS_SECRET_KEY", "TOSS_WEBHOOK_SECRET", "DATABASE_URL"):
        assert app.config[name] not in html
