"""The account: name, address, devices, one's own data, and leaving for good."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

import timetable
from models import (
    Notice,
    PaymentAttempt,
    Refund,
    RetainedIdentity,
    SignIn,
    Subscription,
    User,
    db,
)
from models.refund import RefundStatus
from rules.periods import years_later
from rules.wording import Language
from tests.conftest import PASSWORD
from views import mails


@pytest.fixture
def signed_in(log_in, user):
    log_in(user)
    return user


def me(app, user):
    with app.app_context():
        return db.session.get_one(User, user.id)


def mail_of(app, kind):
    """Return the newest mail of a kind, as it would be sent."""
    with app.app_context():
        notice = db.session.scalars(
            select(Notice).filter_by(kind=kind).order_by(Notice.id.desc())
        ).first()
        with app.test_request_context():
            return notice and mails.render(notice)


def test_the_name_can_be_changed(app, client, page, signed_in):
    assert client.post("/account/name", data={"name": " 김새봄 "}).status_code == 303
    assert me(app, signed_in).name == "김새봄"
    assert "김새봄" in page("/account").text


@pytest.mark.parametrize("name", ["", " ", "x" * 51, "<b>"])
def test_a_bad_name_is_refused_beside_its_field(app, client, signed_in, name):
    assert client.post("/account/name", data={"name": name}).status_code == 400
    assert me(app, signed_in).name == "김하나"


def choices_of(shown):
    """Return the languages to choose from below the account's other facts, and the one it has."""
    buttons = shown.all("button", name="language")[-4:]
    assert all("plain" not in button.get("class", "") for button in buttons)
    [chosen] = [button["value"] for button in buttons if "aria-current" in button]
    return [button["value"] for button in buttons], chosen


def test_the_account_shows_and_changes_the_language_of_its_mails(app, client, page, signed_in):
    assert choices_of(page("/en/account")) == (["ko", "en", "ja", "zh"], "ko")
    form = {"language": "ja", "next": page("/account").all("input", name="next")[-1]["value"]}
    assert client.post("/language", data=form).location == "/ja/account"
    assert me(app, signed_in).language is Language.JAPANESE
    assert choices_of(page("/en/account"))[1] == "ja"


@pytest.fixture
def ask_for_email(client):
    def post(email="new@example.com", password=PASSWORD):
        return client.post("/account/email", data={"email": email, "email_password": password})

    return post


def link_in(mail):
    [link] = re.findall(r"/account/email/\S+", mail.text)
    return link


def test_an_address_changes_only_after_its_mail_was_opened(
    app, client, page, signed_in, ask_for_email
):
    assert ask_for_email("New@Example.com").status_code == 303
    assert me(app, signed_in).email == "hana@example.com"
    mail = mail_of(app, "email_change")
    assert mail.to == "new@example.com"
    link = link_in(mail)
    assert "new@example.com" in page(link).text
    assert me(app, signed_in).email == "hana@example.com", "opening a link changes nothing"

    assert client.post(link).status_code == 303
    assert me(app, signed_in).email == "new@example.com"
    told = mail_of(app, "email_changed")
    assert told.to == "hana@example.com"
    assert client.post(link).status_code == 400, "once"


def test_a_wrong_password_or_a_taken_address_sends_nothing(
    app, signed_in, ask_for_email, other_user
):
    assert ask_for_email(password="wrong-password-1").status_code == 400
    assert ask_for_email(email=other_user.email).status_code == 400
    assert ask_for_email(email="nobody").status_code == 400
    assert mail_of(app, "email_change") is None


def test_anothers_link_or_a_forged_one_changes_nothing(
    app, client, signed_in, ask_for_email, other_user, log_in
):
    ask_for_email()
    link = link_in(mail_of(app, "email_change"))
    client.post("/logout")
    log_in(other_user)

    assert client.get(link).status_code == 400
    assert client.post(link).status_code == 400
    assert client.post("/account/email/forged").status_code == 400
    assert me(app, other_user).email == other_user.email


def test_an_address_that_was_taken_meanwhile_is_refused(app, client, signed_in, ask_for_email, now):
    ask_for_email()
    link = link_in(mail_of(app, "email_change"))
    with app.app_context():
        taken = User(email="new@example.com", name="이", password_hash="x", created_at=now,
                     password_changed_at=now)  # fmt: skip
        db.session.add(taken)
        db.session.commit()

    assert client.post(link).status_code == 400
    assert me(app, signed_in).email == "hana@example.com"


def test_other_devices_are_listed_and_can_be_signed_out(app, client, page, signed_in):
    other = app.test_client()
    other.post("/login", data={"email": signed_in.email, "password": PASSWORD})
    text = page("/account").text
    assert "(이 기기)" in text
    (path,) = [
        form["action"] for form in page("/account").all("form") if "/sign-ins/" in form["action"]
    ]

    assert client.post(path).status_code == 303
    assert other.get("/account").status_code == 303
    assert client.get("/account").status_code == 200
    assert client.post(path).status_code == 404


def test_nobody_ends_anothers_sign_in(app, client, signed_in, other_user, log_in):
    victim = app.test_client()
    victim.post("/login", data={"email": other_user.email, "password": PASSWORD})

    for number in range(1, 6):
        client.post(f"/account/sign-ins/{number}/end")
    assert victim.get("/account").status_code == 200


def test_ones_own_data_can_be_downloaded(client, subscribed):
    answer = client.get("/account/data")

    assert answer.headers["Content-Disposition"].startswith("attachment")
    data = json.loads(answer.data)
    assert data["account"]["email"] == subscribed.email
    assert [one["won"] for one in data["payments"]] == [9900]
    assert data["subscriptions"][0]["plan"] == "프리미엄 월간"
    assert {one["document"] for one in data["consents"]} == {"purchase", "recurring"}
    assert "argon2" not in answer.text and subscribed.customer_key not in answer.text


@pytest.fixture
def close(client):
    def post(password=PASSWORD):
        return client.post("/account/closure", data={"password": password})

    return post


def leave_now(client, page):
    path = "/subscription/cancellation"
    return client.post(path, data={"kind": "now", "quote": page(path).value("quote")})


def test_while_a_subscription_runs_its_end_is_chosen_first(app, page, close, subscribed):
    shown = page("/account/closure")
    assert "/subscription/cancellation" in shown.links
    assert not shown.all("input", name="password")

    assert close().status_code == 409
    assert not me(app, subscribed).is_closed


def test_row_54_leaving_erases_who_somebody_was_and_keeps_what_the_law_wants(
    app, client, page, close, subscribed, vault, at
):
    leave_now(client, page)

    answer = close()

    assert (answer.status_code, answer.location) == (303, "/")
    gone = me(app, subscribed)
    assert gone.is_closed
    assert "hana" not in gone.email and gone.name == "탈퇴한 회원"
    assert not gone.has_password(PASSWORD)
    with app.app_context():
        attempt = db.session.scalars(select(PaymentAttempt)).one()
        assert (attempt.customer_name, attempt.customer_email) == ("", "")
        assert db.session.scalars(select(Subscription)).one().user_id == gone.id
        kept = db.session.scalars(select(RetainedIdentity)).one()
        assert vault.decrypt(kept.ciphertext) == "김하나\nhana@example.com"
        assert "hana" not in kept.ciphertext
    assert client.get("/account").status_code == 303
    mail = mail_of(app, "account_closed")
    assert mail.to == "hana@example.com"
    login = {"email": "hana@example.com", "password": PASSWORD}
    assert client.post("/login", data=login).status_code == 400


def test_after_five_years_nobody_is_known_any_more(app, client, page, close, subscribed, now):
    leave_now(client, page)
    close()
    with app.app_context():
        kept = db.session.scalars(select(RetainedIdentity)).one()
    end = datetime.combine(kept.keep_until_on, datetime.min.time(), UTC)

    timetable.Run(app, time=lambda: end - timedelta(days=1), workers=1).do(
        [timetable.OLD_IDENTITIES]
    )
    with app.app_context():
        assert len(db.session.scalars(select(RetainedIdentity)).all()) == 1
    timetable.Run(app, time=lambda: end, workers=1).do([timetable.OLD_IDENTITIES])
    with app.app_context():
        assert db.session.scalars(select(RetainedIdentity)).all() == []


def test_years_later_on_a_leap_day():
    assert years_later(date(2028, 2, 29), 5) == date(2033, 2, 28)


def test_mails_that_are_owed_still_find_their_way(app, client, page, close, subscribed):
    leave_now(client, page)
    close()

    assert mail_of(app, "refunded").to == "hana@example.com"


def test_a_refund_on_its_way_is_waited_for(app, client, page, close, subscribed, gateway):
    gateway.lose_next("cancel")
    leave_now(client, page)

    assert close().status_code == 409
    assert not me(app, subscribed).is_closed
    with app.app_context():
        refund = db.session.scalars(select(Refund)).one()
        assert refund.status is RefundStatus.PENDING


def test_a_wrong_password_closes_nothing(app, close, signed_in):
    assert close("wrong-password-1").status_code == 400
    assert not me(app, signed_in).is_closed


def test_one_who_never_bought_leaves_nothing_behind(app, close, signed_in):
    assert close().status_code == 303
    with app.app_context():
        assert db.session.scalars(select(RetainedIdentity)).all() == []


def test_where_somebody_signed_in_is_forgotten_after_three_months(app, client, at, now, signed_in):
    with app.app_context():
        began = db.session.scalars(select(SignIn)).one().created_at

    def run_after(days):
        late = began + timedelta(days=days)
        timetable.Run(app, time=lambda: late, workers=1).do([timetable.OLD_SIGN_INS])
        with app.app_context():
            return len(db.session.scalars(select(SignIn)).all())

    assert run_after(89) == 1
    assert run_after(91) == 0
