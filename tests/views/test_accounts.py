import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from models import Consent, Notice, User, db
from rules.wording import Language
from tests.conftest import PASSWORD
from views import mails

NEW = {
    "email": "New@Example.com",
    "name": "박새봄",
    "password": "moonlight-reader-1120",
    "age": "y",
    "terms": "y",
}


def the_user(app, email="new@example.com"):
    with app.app_context():
        return User.with_email(email)


def test_signing_up_makes_an_account_and_signs_in(app, client, page):
    answer = client.post("/signup?next=/checkout/premium-monthly", data=NEW)

    assert (answer.status_code, answer.location) == (303, "/checkout/premium-monthly")
    assert "박새봄" in page("/account").text
    user = the_user(app)
    assert user.password_hash.startswith("$argon2id$")
    assert re.fullmatch(r"[0-9a-f-]{36}", user.customer_key)


def test_consents_are_kept_and_the_optional_one_only_if_given(app, client):
    client.post("/signup", data=NEW)
    with app.app_context():
        kept = {one.document: one.text for one in db.session.scalars(select(Consent))}
    assert kept == {"terms": "이용약관에 동의합니다", "age": "만 14세 이상입니다"}


def test_consents_are_kept_in_korean_whatever_the_page_speaks(app, client, in_english):
    in_english({"이용약관에 동의합니다": "I agree to the terms of use"})
    shown = client.get("/en/signup").text
    client.post("/en/signup", data=NEW)

    kept = {one.document: one.text for one in db.session.scalars(select(Consent))}
    assert kept == {"terms": "이용약관에 동의합니다", "age": "만 14세 이상입니다"}
    assert "I agree to the terms of use" in shown
    assert all(f'<span lang="ko">{text}</span>' in shown for text in kept.values())


@pytest.mark.parametrize(
    ("prefix", "language"),
    [
        ("", Language.KOREAN),
        ("/en", Language.ENGLISH),
        ("/ja", Language.JAPANESE),
        ("/zh", Language.CHINESE),
    ],
)
def test_mails_come_in_the_language_of_the_page_of_the_sign_up(app, client, prefix, language):
    client.post(f"{prefix}/signup", data=NEW)
    assert the_user(app).language is language


def test_nothing_is_ticked_beforehand_and_marketing_is_optional(page):
    boxes = page("/signup").all("input", type="checkbox")
    assert not any("checked" in box for box in boxes)
    assert [box["name"] for box in boxes if "required" not in box] == ["marketing"]


@pytest.mark.parametrize(
    "changes",
    [
        {"age": None},
        {"terms": None},
        {"email": "nobody"},
        {"email": ""},
        {"email": "a" * 300 + "@example.com"},
        {"password": "short"},
        {"password": "aaaaaaaaaaaa"},
        {"password": "p" * 129},
        {"password": "new@example.com"},
        {"name": ""},
        {"name": "n" * 51},
        {"name": "a\x07b"},
    ],
)
def test_bad_input_is_said_and_loses_nothing(app, client, changes):
    values = {k: v for k, v in {**NEW, **changes}.items() if v is not None}
    answer = client.post("/signup", data=values)

    assert answer.status_code == 400
    text = answer.get_data(as_text=True)
    assert 'role="alert"' in text
    assert the_user(app) is None
    if changes.get("password"):
        assert changes["password"] not in text or changes["password"] == "new@example.com"


def test_a_taken_address_is_said_on_sign_up(client, user):
    answer = client.post("/signup", data={**NEW, "email": user.email.upper()})
    assert answer.status_code == 400
    assert "이미 가입한 이메일" in answer.get_data(as_text=True)


def test_a_wrong_address_and_a_wrong_password_are_answered_alike(client, user):
    answers = [
        client.post("/login", data={"email": email, "password": "wrong-password"})
        for email in (user.email, "nobody@example.com")
    ]
    first, second = (answer.get_data(as_text=True) for answer in answers)
    assert {answer.status_code for answer in answers} == {400}
    assert first.replace(user.email, "") == second.replace("nobody@example.com", "")


@pytest.mark.parametrize(
    "wanted", ["//evil.kr", "/\\evil.kr", "https://evil.kr", "javascript:x", "/a\nb", "evil"]
)
def test_a_log_in_never_leads_elsewhere(client, user, wanted):
    answer = client.post(
        "/login", query_string={"next": wanted}, data={"email": user.email, "password": PASSWORD}
    )
    assert answer.location == "/plans"


def test_guessing_is_slowed_down(client, user):
    for _ in range(10):
        client.post("/login", data={"email": user.email, "password": "wrong-password"})
    answer = client.post("/login", data={"email": user.email, "password": PASSWORD})
    assert answer.status_code == 429
    assert "잠시" in answer.get_data(as_text=True)


def cookie(client):
    return client.get_cookie("session", domain="127.0.0.1") or client.get_cookie("session")


def test_a_session_rotates_on_log_in_and_dies_on_log_out(app, client, log_in, user):
    log_in(user)
    first = cookie(client).value
    client.post("/logout")
    log_in(user)
    assert cookie(client).value != first

    thief = app.test_client()
    thief.set_cookie("session", first)
    assert thief.get("/account").status_code == 303


def test_a_new_password_ends_every_other_session(app, client, page, log_in, user):
    other = app.test_client()
    other.post("/login", data={"email": user.email, "password": PASSWORD})
    log_in(user)

    wrong = client.post(
        "/account/password", data={"current": "x" * 12, "password": "n3w-password!"}
    )
    right = client.post(
        "/account/password", data={"current": PASSWORD, "password": "n3w-password!"}
    )

    assert (wrong.status_code, right.status_code) == (400, 303)
    assert "바꿨어요" in page("/account").text
    assert other.get("/account").status_code == 303


@pytest.fixture
def link(app, client, user):
    client.post("/password-reset", data={"email": user.email})
    with app.app_context():
        notice = db.session.scalars(select(Notice)).one()
        mail = mails.render(notice)
        assert mail.to == user.email
        assert notice.facts == {}
    found = re.search(r"http://127\.0\.0\.1:8000(/password-reset/\S+)", mail.text)
    assert found
    return found[1]


def test_a_reset_tells_nobody_who_is_a_customer(app, client, user):
    answers = [
        client.post("/password-reset", data={"email": email})
        for email in (user.email, "nobody@example.com")
    ]
    assert len({answer.get_data() for answer in answers}) == 1


def test_a_reset_link_works_once_and_ends_sessions(app, client, page, log_in, user, link):
    log_in(user)
    assert client.get(link).headers["Referrer-Policy"] == "no-referrer"

    answer = client.post(link, data={"password": "n3w-password!"})

    assert answer.status_code == 303
    assert client.get("/account").status_code == 303
    assert page(link, status=400).text.count("쓸 수 없는 링크") >= 1
    again = client.post("/login", data={"email": user.email, "password": "n3w-password!"})
    assert again.status_code == 303


def test_a_made_up_or_old_link_is_said_so(client, page, link, monkeypatch):
    page(link + "x", status=400)
    page("/password-reset/made-up", status=400)
    monkeypatch.setattr("views.passwords.LINK_LIFETIME", timedelta(seconds=-1))
    page(link, status=400)


def test_a_reviewer_signs_in_at_once_and_reaches_the_order(app, client, page, plan):
    runner = app.test_cli_runner()
    made = runner.invoke(
        args=[
            "users", "create", "--role", "reviewer", "--email", "review@example.com",
            "--name", "심사", "--password-stdin",
        ],
        input="review-password-1\n",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    client.post("/login", data={"email": "review@example.com", "password": "review-password-1"})
    page("/checkout/premium-monthly")
