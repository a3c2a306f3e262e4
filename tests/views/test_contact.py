"""Asking the shop, and its answer."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

import timetable
from models import Inquiry, Notice, User, db
from rules.wording import Language
from views import mails
from views.languages import TAGS, translations

NEW = {"name": "김하나", "email": "Hana@Example.com", "topic": "payment", "body": "안녕하세요"}


@pytest.fixture
def run(app):
    runner = app.test_cli_runner()
    return lambda *arguments, **options: runner.invoke(args=arguments, **options)


def inquiries(app):
    with app.app_context():
        return db.session.scalars(select(Inquiry)).all()


def mail_of(app, kind):
    with app.app_context():
        notice = db.session.scalars(select(Notice).filter_by(kind=kind)).one()
        with app.test_request_context():
            return mails.render(notice)


def test_a_stranger_can_ask_and_is_answered_by_mail(app, client, page, run):
    assert "/contact/inquiry" in page("/contact").links
    assert client.post("/contact/inquiry", data=NEW).location == "/contact"
    [inquiry] = inquiries(app)
    assert (inquiry.email, inquiry.user_id) == ("hana@example.com", None)
    assert "안녕하세요" in mail_of(app, "inquiry").text
    assert mail_of(app, "inquiry").to == app.config["BIZ_EMAIL"]

    assert run("inquiries", "answer", str(inquiry.id), input="반갑습니다\n").exit_code == 0
    mail = mail_of(app, "inquiry_answered")
    assert mail.to == "hana@example.com"
    assert "반갑습니다" in mail.text and "반갑습니다" in mail.html


def assert_speaks(mail, language):
    """Check that a mail with an answer is in this language, from its subject on."""
    assert mail.subject.endswith(translations(language).gettext("문의에 답변드려요"))
    assert f'<html lang="{TAGS[language]}">' in mail.html


@pytest.mark.parametrize(
    ("prefix", "language"),
    [("", Language.KOREAN), ("/ja", Language.JAPANESE), ("/zh", Language.CHINESE)],
)
def test_a_stranger_is_answered_in_the_language_of_the_page(app, client, run, prefix, language):
    client.post(f"{prefix}/contact/inquiry", data=NEW)
    assert "안녕하세요" in mail_of(app, "inquiry").text
    assert "문의" in mail_of(app, "inquiry").subject
    run("inquiries", "answer", str(inquiries(app)[0].id), input="Hello\n")
    assert_speaks(mail_of(app, "inquiry_answered"), language)


def test_a_customer_is_answered_in_the_language_that_they_chose(app, client, log_in, user, run):
    log_in(user)
    client.post("/ja/contact/inquiry", data=NEW)
    with app.app_context():
        db.session.get_one(User, user.id).language = Language.CHINESE
        db.session.commit()
    run("inquiries", "answer", str(inquiries(app)[0].id), input="你好\n")
    assert_speaks(mail_of(app, "inquiry_answered"), Language.CHINESE)


def test_a_customer_sees_question_and_answer(app, client, page, log_in, user, run):
    log_in(user)
    assert page("/contact/inquiry").value("email") == user.email
    assert client.post("/contact/inquiry", data=NEW).location == "/contact/inquiries"
    assert "답변 준비 중이에요" in page("/contact/inquiries").text
    [inquiry] = inquiries(app)
    run("inquiries", "answer", str(inquiry.id), input="답이에요\n둘째 줄")

    text = page(f"/contact/inquiries/{inquiry.id}").text
    assert "안녕하세요" in text and "답이에요 둘째 줄" in text
    assert "답변 완료" in page("/contact/inquiries").text


def test_anothers_inquiry_does_not_exist(app, client, log_in, user, other_user):
    log_in(user)
    client.post("/contact/inquiry", data=NEW)
    [inquiry] = inquiries(app)
    client.post("/logout")
    log_in(other_user)

    assert client.get(f"/contact/inquiries/{inquiry.id}").status_code == 404
    assert client.get("/contact/inquiries/99999999999999").status_code == 404


@pytest.mark.parametrize(
    "changes",
    [{"body": ""}, {"body": "x" * 4001}, {"email": "nobody"}, {"topic": "x"}, {"name": ""}],
)
def test_a_bad_inquiry_is_refused_and_loses_nothing(app, client, changes):
    answer = client.post("/contact/inquiry", data={**NEW, **changes})

    assert answer.status_code == 400
    if changes.get("body") != "":
        assert "안녕하세요" in answer.text or "xxx" in answer.text
    assert inquiries(app) == []


def test_what_was_asked_is_shown_as_text(app, client, page, log_in, user):
    log_in(user)
    client.post("/contact/inquiry", data={**NEW, "body": "<script>alert(1)</script>"})
    [inquiry] = inquiries(app)

    assert "<script>alert" not in page(f"/contact/inquiries/{inquiry.id}").html


def test_the_command_line_lists_and_answers_once(app, client, run):
    assert "nothing waits" in run("inquiries", "list").output
    client.post("/contact/inquiry", data=NEW)
    [inquiry] = inquiries(app)

    assert f"{inquiry.id}: " in run("inquiries", "list").output
    assert run("inquiries", "answer", str(inquiry.id), input="  ").exit_code == 1
    assert run("inquiries", "answer", str(inquiry.id), input="네").exit_code == 0
    assert run("inquiries", "answer", str(inquiry.id), input="네").exit_code == 1
    assert run("inquiries", "answer", "999", input="네").exit_code == 1


def test_after_three_years_it_is_erased(app, client, at, now):
    at(now)
    client.post("/contact/inquiry", data=NEW)
    old_inquiries = [timetable.OLD_INQUIRIES]
    early, late = datetime(2029, 11, 18, 3, tzinfo=UTC), datetime(2029, 11, 20, 3, tzinfo=UTC)

    timetable.Run(app, time=lambda: early, workers=1).do(old_inquiries)
    assert len(inquiries(app)) == 1
    timetable.Run(app, time=lambda: late, workers=1).do(old_inquiries)
    assert inquiries(app) == []
    with app.app_context():
        assert db.session.scalars(select(Notice)).all() == []
