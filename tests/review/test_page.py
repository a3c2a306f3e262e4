"""The check in the back office: its form, its result, who may see it, and that it never hangs."""

import re
import threading

import pyotp
import pytest
import requests
from werkzeug.serving import make_server

import clock
from gateways.payment import RequestRejected
from models import AuditEntry, db
from models.user import Role
from tests.conftest import PASSWORD, _person, checked_page
from tests.review.conftest import OTHER, REVIEWER, _Quiet
from views import admin_review

FORM = {"email": REVIEWER.email, "password": PASSWORD}


@pytest.fixture
def office(shop):
    """Return the merchant's browser in the back office."""
    shop.app.config["WTF_CSRF_ENABLED"] = False
    with shop.app.app_context():
        db.session.add(_person("owner@example.com", "문서연", Role.MERCHANT, clock.now()))
        db.session.commit()
    client = shop.app.test_client()
    client.post("/login", data={"email": "owner@example.com", "password": PASSWORD})
    shown = client.get("/admin/second-factor").get_data(as_text=True)
    secret = re.findall(r"<code>([A-Z2-7]{32})</code>", shown)[0]
    client.post("/admin/second-factor", data={"code": pyotp.TOTP(secret).now()})
    return client


def test_the_menu_leads_to_a_form_with_the_reviewers_address(office):
    assert "/admin/review" in checked_page(office.get("/admin")).links

    shown = checked_page(office.get("/admin/review"))

    assert shown.value("email") == REVIEWER.email
    assert "심사 점검" in shown.headings
    assert "충족" not in shown.text


def test_the_shop_checks_itself_while_it_serves_the_page(office, shop):
    shown = checked_page(office.post("/admin/review", data=FORM))

    assert shown.status == 200
    assert "프로그램이 확인할 수 있는 것은 모두 충족했어요" in shown.text
    assert "직접 확인하세요" in shown.text and "고쳐야 해요" not in shown.text
    assert "최대 단가 99,000원" in shown.text
    assert shop.app.config["TOSS_WEBHOOK_SECRET"] in shown.text
    assert PASSWORD not in shown.html
    assert shown.all("a", href="/admin/review", **{"aria-current": "page"})
    assert shown.answer.headers["Cache-Control"] == "private, no-store"
    with shop.app.app_context():
        newest = AuditEntry.newest(1)[0]
        assert (newest.action, newest.subject_id) == ("back_office.acted", "admin_review.create")
        assert PASSWORD not in str(newest.facts)


def test_what_is_unmet_stands_first_with_its_page_remedy_and_source(office, shop):
    shop.replace("/plans", "부가세 포함", "")
    shop.gateway.fail_next("find_order", RequestRejected("UNAUTHORIZED_KEY", key_pair=True))

    shown = checked_page(office.post("/admin/review", data=FORM))

    text = shown.text
    assert "고치거나 다시 확인할 것이 있어요" in text
    assert text.index("tax") < text.index("secret-key") < text.index("certificate")
    assert "UNAUTHORIZED_KEY" in text and "tax_note" in text
    assert "전자상거래법 제21조의2" in text


def test_a_hostile_page_runs_nothing_in_the_back_office(office, shop):
    shop.replace("/contact", "</main>", "<a href='/<script>alert(1)</script>'>x</a></main>")

    shown = checked_page(office.post("/admin/review", data=FORM))

    assert "&lt;script&gt;alert(1)" in shown.html or "%3Cscript%3Ealert(1)" in shown.html
    assert "<script>alert(1)" not in shown.html


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({**FORM, "email": ""}, "심사 계정의 이메일을 입력해 주세요"),
        ({**FORM, "password": ""}, "심사 계정의 비밀번호를 입력해 주세요"),
    ],
)
def test_a_form_that_is_not_filled_in_is_refused_and_loses_nothing(office, shop, form, words):
    shop.edge.asked.clear()

    answer = office.post("/admin/review", data=form)

    assert answer.status_code == 400
    shown = checked_page(answer)
    assert words in shown.text
    assert shown.value("email") == form["email"]
    assert shop.edge.asked == []


def test_two_checks_at_once_are_one_too_many(office, shop):
    shop.edge.asked.clear()
    with admin_review._one_at_a_time:
        answer = office.post("/admin/review", data=FORM)

    assert answer.status_code == 409
    assert "다른 점검이 진행되고 있어요" in checked_page(answer).text
    assert shop.edge.asked == []
    shop.edge.replays = True
    assert office.post("/admin/review", data=FORM).status_code == 200


def test_it_is_the_merchants_alone(shop):
    shop.app.config["WTF_CSRF_ENABLED"] = False
    shop.edge.asked.clear()
    for email in (None, OTHER, REVIEWER.email):
        client = shop.app.test_client()
        if email:
            client.post("/login", data={"email": email, "password": PASSWORD})
        for answer in (client.get("/admin/review"), client.post("/admin/review", data=FORM)):
            assert answer.status_code == (404 if email else 303)
    assert shop.edge.asked == []


def test_a_server_with_one_thread_gives_up_with_a_sentence(office, shop, monkeypatch):
    monkeypatch.setattr(admin_review, "SECONDS_EACH", 0.5)
    server = make_server("127.0.0.1", 0, shop.app, threaded=False, request_handler=_Quiet)
    shop.app.config["PUBLIC_URL"] = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        answer = requests.post(
            f"{shop.app.config['PUBLIC_URL']}/admin/review",
            data=FORM,
            headers={"Cookie": f"session={office.get_cookie('session', '127.0.0.1').value}"},
            timeout=20,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert answer.status_code == 200
    assert "제때 답하지 않았어요" in answer.text
    assert "WEB_THREADS=1" in answer.text and "flask review check" in answer.text
