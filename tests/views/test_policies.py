"""The policies: complete, true to the settings, in every version, and as they were agreed to."""

import re
import sys
from datetime import date

import pytest
from sqlalchemy import select

import config
from app import create_app
from models import Consent, Notice, PolicyText, User, db
from rules.refunds import RefundTerms
from views import mails, policies

TERMS = [
    "목적", "정의", "약관의 명시와 개정", "서비스의 내용과 변경", "서비스의 중단", "회원가입",
    "탈퇴와 자격의 상실", "회원에 대한 통지", "구매신청과 확인", "계약의 성립", "지급방법",
    "정기결제", "수신확인과 신청의 변경·취소", "이용의 개시", "해지", "청약철회", "환급",
    "회사의 잘못으로 인한 해지", "개인정보 보호", "회사의 의무", "회원의 의무와 계정 관리",
    "저작권", "책임", "분쟁의 해결", "재판권과 준거법", "언어",
]  # fmt: skip
PRIVACY = [
    "처리 목적, 항목, 법적 근거와 보유 기간", "보유와 파기", "제3자 제공", "처리의 위탁",
    "국외 이전", "정보주체의 권리와 행사 방법", "만 14세 미만 아동", "안전성 확보조치", "쿠키",
    "개인정보 보호책임자", "권익침해의 구제", "처리방침의 변경",
]  # fmt: skip
REFUND = [
    "적용 범위", "서비스 제공기간과 이용 시작", "청약철회", "청약철회가 제한되는 부분", "일반해지",
    "중도해지와 환불 금액", "연간 플랜과 이용권", "위약금", "회사의 잘못과 하자",
    "환불 방법과 시기", "잘못된 결제와 도용", "미성년자", "문의",
]  # fmt: skip
PATHS = ["/terms", "/privacy", "/refund-policy"]
VOID = [
    "환불 불가",
    "환불되지 않습니다",
    "본사 소재지",
    "책임지지 않",
    "동의한 것으로 봅니다",
    "동의한 것으로 간주",
]


@pytest.mark.parametrize(("number", "title"), list(enumerate(TERMS, 1)))
def test_the_terms_hold_every_article(page, number, title):
    assert f'<h2 id="article-{number}">제{number}조 ({title})</h2>' in page("/terms").html


@pytest.mark.parametrize(("number", "title"), list(enumerate(PRIVACY, 1)))
def test_row_59_the_privacy_policy_holds_every_heading(page, number, title):
    assert f'<h2 id="section-{number}">{number}. {title}</h2>' in page("/privacy").html


@pytest.mark.parametrize(("number", "title"), list(enumerate(REFUND, 1)))
def test_the_refund_policy_holds_every_heading(page, number, title):
    assert f'<h2 id="section-{number}">{number}. {title}</h2>' in page("/refund-policy").html


@pytest.mark.parametrize("path", PATHS)
def test_row_58_each_policy_names_its_version_and_leads_to_the_others(page, path):
    shown = page(path)
    assert "버전 2026-11-26" in shown.text
    assert "시행일 2026년 11월 26일" in shown.text
    assert {f"{path}/2026-11-20", f"{path}/2026-11-26"} <= set(shown.links)


@pytest.mark.parametrize("path", PATHS)
def test_row_60_no_policy_holds_a_void_clause(page, path):
    text = page(path).text
    assert [words for words in VOID if words in text] == []


def test_row_60_the_court_is_the_customers(page):
    assert "회원의 주소지" in page("/terms").text


def test_row_44_the_examples_are_worked_out_by_what_works_out_refunds(app, page):
    app.config["REFUND_PENALTY_PCT"] = 10
    try:
        with_penalty = page("/refund-policy").text
    finally:
        app.config["REFUND_PENALTY_PCT"] = 0
    without = page("/refund-policy").text

    with app.app_context():
        for percent, text in ((0, without), (10, with_penalty)):
            terms = RefundTerms(penalty_percent=percent)
            for each in policies.examples(terms, date(2026, 11, 20)):
                assert f"{each.refund.won:,}원" in text, (percent, each)
    assert "6,600원" in without and "71,877원" in without
    assert "5,940원" in with_penalty and "10%" in with_penalty


def test_the_terms_hold_ending_withdrawal_and_refund_with_the_formula(page):
    text = page("/terms").text
    for words in ("일반해지", "중도해지", "7일 안에 청약을 철회", "× (이용 기간의 전체 일수"):
        assert words in text, words


@pytest.mark.parametrize(
    ("setting", "value", "path", "words"),
    [
        ("REFUND_WITHDRAW_DAYS", 14, "/terms", "14일 안에 청약을 철회"),
        ("REFUND_WITHDRAW_DAYS", 14, "/refund-policy", "결제 후 14일 안"),
        ("REFUND_PAY_BDAYS", 2, "/refund-policy", "2영업일"),
        ("GRACE_DAYS", 9, "/terms", "9일 동안은 계속"),
        ("RETRY_DAYS", (2, 4), "/terms", "2, 4일째"),
        ("BIZ_COMPANY", "주식회사 <새벽>", "/terms", "주식회사 <새벽>(이하"),
        ("CPO_CONTACT", "cpo@example.com", "/privacy", "cpo@example.com"),
    ],
)
def test_every_number_and_fact_comes_from_the_settings(app, page, setting, value, path, words):
    kept, app.config[setting] = app.config[setting], value
    try:
        shown = page(path)
    finally:
        app.config[setting] = kept
    assert words in shown.text
    assert "<새벽>" not in shown.html


@pytest.fixture
def earlier(monkeypatch, tmp_path, app):
    """Plant an earlier version of the terms."""
    folder = config.ROOT / "templates" / "policies" / "terms"
    planted = folder / "2025-01-01.html"
    planted.write_text('<h2 id="article-1">제1조 (옛 목적)</h2><p>옛 약관의 말이에요.</p>')
    yield
    planted.unlink()


def test_an_earlier_version_stays_readable_and_says_what_it_is(page, earlier):
    old = page("/terms/2025-01-01")
    assert "옛 약관의 말" in old.text
    assert "지난 버전" in old.text
    assert "/terms" in old.links
    now = page("/terms")
    assert "옛 약관" not in now.text
    assert "/terms/2025-01-01" in now.links


def test_a_version_that_never_was_is_not_found(page):
    page("/terms/2020-01-01", status=404)
    page("/terms/..%2Fprivacy%2F2026-11-20", status=404)


def test_a_version_without_a_file_stops_the_start():
    with pytest.raises(config.ConfigError, match=r"TERMS_VERSION is 2030-01-01.*terms/2030-01-01"):
        create_app({"TESTING": True, "TERMS_VERSION": "2030-01-01"})


def test_every_anchor_of_the_contents_is_on_the_page(page):
    for path in PATHS:
        shown = page(path)
        anchors = {link[1:] for link in shown.links if link.startswith("#")} - {"main"}
        assert len(anchors) > 10
        assert anchors <= {found["id"] for _, found in shown.elements if "id" in found}


def test_what_was_agreed_to_can_be_read_again_word_for_word(app, client, page, order, at, now):
    at(now)
    values = {"email": "new@example.com", "name": "새", "password": "moonlight-reader-1120"}
    client.post("/signup", data={**values, "age": "y", "terms": "y"})
    order()
    agreed = re.sub(r"\s+", " ", policies_text(app, "terms"))
    kept, app.config["GRACE_DAYS"] = app.config["GRACE_DAYS"], 9
    try:
        shown = page("/account/consents")
        assert "이용약관에 동의합니다" in shown.text
        assert "등록한 카드로 자동 결제되는 데 동의합니다" in shown.text
        link = [link for link in shown.links if link.startswith("/account/consents/")][-1]
        again = page(link)
    finally:
        app.config["GRACE_DAYS"] = kept
    assert agreed in re.sub(r"\s+", " ", again.html)
    assert "7일 동안은 계속" in again.text


def policies_text(app, name):
    with app.test_request_context():
        return str(policies.text_of(name))


def test_the_same_words_are_kept_once(app, log_in, user, order):
    log_in(user)
    order()
    order()
    with app.app_context():
        kept = db.session.scalars(select(PolicyText.name)).all()
        consents = db.session.scalars(select(Consent)).all()
        assert sorted(kept) == ["refund", "terms"]
        assert len(consents) == 4
        assert all(consent.policy_text is not None for consent in consents)


def test_another_customers_consents_do_not_exist(
    app, client, page, log_in, user, other_user, order
):
    log_in(user)
    order()
    with app.app_context():
        consent_id = db.session.scalars(select(Consent.id)).first()
    client.post("/logout")
    log_in(other_user)
    assert "동의하신 내용이 없어요" in page("/account/consents").text
    page(f"/account/consents/{consent_id}", status=404)


@pytest.fixture
def announce(app, at, now):
    """Run `flask policies announce` on 20 November 2026."""
    at(now)
    return lambda *arguments: app.test_cli_runner().invoke(
        args=("policies", "announce", *arguments)
    )


@pytest.fixture
def new_version(monkeypatch):
    """Pretend that a version of the terms was written for a day."""
    version = "2026-11-27"
    command = sys.modules["commands.policies"]
    monkeypatch.setattr(command, "versions", lambda name: [version, "2026-12-20"])
    return version


def policy_mails(app):
    with app.app_context():
        notices = db.session.scalars(select(Notice).filter_by(kind="policy_changed")).all()
        with app.test_request_context():
            return [mails.render(notice) for notice in notices]


def test_everybody_is_told_of_a_new_version_once(app, announce, new_version, user, other_user):
    assert "2 mails are owed" in announce("terms", new_version).output
    assert "0 mails are owed" in announce("terms", new_version).output

    told = policy_mails(app)
    assert {mail.to for mail in told} == {user.email, other_user.email}
    for words in ("이용약관을 2026년 11월 27일부터 바꿔요", "/terms/2026-11-27"):
        assert words in told[0].subject + told[0].text
        assert words in told[0].html


def test_a_version_for_the_worse_wants_thirty_days(app, announce, new_version, user):
    refused = announce("terms", new_version, "--adverse")
    assert refused.exit_code == 1
    assert "fewer than 30 days" in refused.output
    assert announce("terms", "2026-12-20", "--adverse").exit_code == 0
    assert "불리할 수 있는" in policy_mails(app)[0].text


def test_a_version_that_was_never_written_is_refused(announce, user):
    assert announce("terms", "2031-01-01").exit_code == 1


def test_who_left_is_not_told(app, announce, new_version, user, now):
    with app.app_context():
        db.session.get_one(User, user.id).close(now=now)
        db.session.commit()

    assert "0 mails are owed" in announce("terms", new_version).output


@pytest.mark.parametrize("path", PATHS)
def test_a_translation_says_that_only_the_korean_binds_and_leads_to_it(page, path):
    name = path.strip("/").replace("-policy", "")
    translated = page(f"/en{path}")
    assert not re.search("제1조|적용 범위|처리 목적", translated.text)
    there = f"/en/policies/{name}/2026-11-26/korean"
    assert there in translated.links

    korean = page(there)
    assert korean.all("div", lang="ko")
    assert re.search("제1조|적용 범위|처리 목적", korean.text)
    assert f"/en{path}/2026-11-26" in korean.links


def test_a_version_that_was_never_translated_is_shown_in_korean(page):
    old = page("/en/terms/2026-11-20")
    assert old.all("div", lang="ko")
    assert "제1조" in old.text


def test_the_korean_words_have_no_second_korean_address(client):
    answer = client.get("/policies/terms/2026-11-26/korean")
    assert (answer.status_code, answer.location) == (301, "/terms/2026-11-26")
    assert client.get("/en/policies/nothing/2026-11-26/korean").status_code == 404
    assert client.get("/en/policies/terms/2020-01-01/korean").status_code == 404


def test_translations_are_no_versions(app):
    with app.app_context():
        assert policies.versions("terms") == ["2026-11-26", "2026-11-20"]


def test_what_was_agreed_to_in_english_is_kept_in_korean(app, client, at, now):
    at(now)
    values = {"email": "new@example.com", "name": "New", "password": "moonlight-reader-1120"}
    assert client.post("/en/signup", data={**values, "age": "y", "terms": "y"}).status_code == 303
    with app.app_context():
        consent = db.session.scalars(select(Consent).filter_by(document="terms")).one()
        assert consent.text == "이용약관에 동의합니다"
        assert "제1조 (목적)" in consent.policy_text.html
