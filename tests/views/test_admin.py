"""The door of the back office, its first page, and the log of who looked at what."""

import re
from datetime import datetime, timedelta
from xml.etree.ElementTree import fromstring

import pyotp
import pytest
from sqlalchemy import select

import clock
from models import AuditEntry, DailyFigure, SecondFactor, db
from models.user import Role
from rules.periods import seoul_date
from tests.conftest import _kept, _person
from tests.test_routes import rules
from timetable import OLD_VISITS, Run
from views.access import access_of


@pytest.fixture
def reviewer(app, now):
    return _kept(app, _person("review@example.com", "심사 담당자", Role.REVIEWER, now))


def back_office(app):
    """Return the method and address of every route that is the merchant's."""
    return [
        (method, re.sub(r"<\w+:\w+>", "1", rule.rule))
        for rule in rules(app)
        if access_of(app.view_functions[rule.endpoint]).startswith("merchant")
        for method in rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}
    ]


def entries(app):
    with app.app_context():
        return [
            (one.action, one.subject_id, one.actor_id, one.facts)
            for one in db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        ]


def test_every_admin_address_is_the_merchants(app):
    addresses = {rule.rule for rule in rules(app) if rule.rule.startswith("/admin")}
    merchants = {path for _, path in back_office(app)}
    assert {re.sub(r"<\w+:\w+>", "1", path) for path in addresses} <= merchants


def test_strangers_customers_and_reviewers_are_refused_everywhere(
    app, client, log_in, user, reviewer
):
    for method, path in back_office(app):
        assert client.open(path, method=method).location.startswith("/login"), (method, path)
    for person in (user, reviewer):
        log_in(person)
        for method, path in back_office(app):
            assert client.open(path, method=method).status_code == 404, (method, path)
        client.post("/logout")
    assert entries(app) == []


def test_a_password_alone_opens_no_page(app, client, log_in, merchant):
    log_in(merchant)
    for method, path in back_office(app):
        if path != "/admin/second-factor":
            answer = client.open(path, method=method)
            assert answer.status_code == 303, (method, path)
            assert answer.location.startswith("/admin/second-factor"), (method, path)


def test_the_merchant_registers_a_phone_once(app, client, page, enter, merchant):
    enter(merchant)
    assert "할 일" in page("/admin").text
    assert "QR" not in page("/admin/second-factor").text
    with app.app_context():
        stored = db.session.scalars(select(SecondFactor)).one()
        assert len(stored.ciphertext) > 60 and stored.last_step > 0


def test_after_the_code_the_merchant_is_where_they_wanted_to_go(client, log_in, merchant, page):
    log_in(merchant)
    door = client.get("/admin/log?before=7").location
    shown = page(door)
    secret = shown.html.split("<code>")[1].split("<")[0]
    answer = client.post(door, data={"code": pyotp.TOTP(secret).now()})
    assert answer.location == "/admin/log?before=7"


def test_a_code_opens_only_once(client, enter, merchant, log_in, monkeypatch):
    noon = clock.real_now()
    monkeypatch.setattr(clock, "real_now", lambda: noon)
    phone = enter(merchant)
    client.post("/logout")
    log_in(merchant)

    again = client.post("/admin/second-factor", data={"code": phone.at(noon)})
    assert again.status_code == 400
    assert "이미 쓴 번호" in again.get_data(as_text=True)
    assert client.get("/admin").status_code == 303

    monkeypatch.setattr(clock, "real_now", lambda: noon + timedelta(seconds=30))
    late = client.post(
        "/admin/second-factor", data={"code": phone.at(noon + timedelta(seconds=30))}
    )
    assert late.status_code == 303


@pytest.mark.parametrize("off, status", [(-2, 400), (-1, 303), (0, 303), (1, 303), (2, 400)])
def test_a_phones_clock_may_be_half_a_minute_off(
    app, client, log_in, merchant, monkeypatch, off, status
):
    noon = clock.real_now()
    monkeypatch.setattr(clock, "real_now", lambda: noon)
    log_in(merchant)
    secret = client.get("/admin/second-factor").get_data(as_text=True)
    phone = pyotp.TOTP(secret.split("<code>")[1].split("<")[0])
    answer = client.post(
        "/admin/second-factor", data={"code": phone.at(noon + timedelta(seconds=30 * off))}
    )
    assert answer.status_code == status


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "12345\n6x"])
def test_what_is_no_code_is_told_so(client, log_in, merchant, code):
    log_in(merchant)
    answer = client.post("/admin/second-factor", data={"code": code})
    assert answer.status_code == 400
    assert "입력해 주세요" in answer.get_data(as_text=True)


def test_guessing_ends_after_five_codes(app, client, enter, log_in, merchant):
    phone = enter(merchant)
    client.post("/logout")
    log_in(merchant)
    wrong = "000000" if phone.now() != "000000" else "111111"
    statuses = [
        client.post("/admin/second-factor", data={"code": wrong}).status_code for _ in range(6)
    ]
    assert statuses == [400] * 5 + [429]


def test_the_back_office_closes_when_nobody_looks(client, enter, merchant, at, monkeypatch):
    start = clock.now()
    at(start)
    enter(merchant)
    at(start + timedelta(minutes=29))
    assert client.get("/admin").status_code == 200
    at(start + timedelta(minutes=58))
    assert client.get("/admin").status_code == 200
    at(start + timedelta(minutes=88))
    assert client.get("/admin").location.startswith("/admin/second-factor")


def test_the_back_office_closes_after_a_working_day(client, enter, merchant, at):
    start = clock.now()
    at(start)
    enter(merchant)
    for minutes in range(25, 480, 25):
        at(start + timedelta(minutes=minutes))
        assert client.get("/admin").status_code == 200
    at(start + timedelta(hours=8))
    assert client.get("/admin").status_code == 303


def test_every_view_is_in_the_log_and_can_be_read_there(app, client, page, enter, merchant):
    enter(merchant)
    page("/admin")
    shown = page("/admin/log?before=900")

    assert [(action, subject) for action, subject, *_ in entries(app)] == [
        ("back_office.entered", str(merchant.id)),
        ("back_office.viewed", "admin.index"),
        ("back_office.viewed", "admin.log"),
    ]
    assert {actor for _, _, actor, _ in entries(app)} == {merchant.id}
    assert "/admin/log?before=900" in shown.text and merchant.email in shown.text


def test_refused_codes_are_in_the_log(app, client, enter, log_in, merchant):
    enter(merchant)
    client.post("/admin/second-factor", data={"code": "000000"})
    assert entries(app)[-1][:2] == ("back_office.refused", str(merchant.id))


def test_the_log_goes_back_page_by_page(app, client, page, enter, merchant):
    enter(merchant)
    with app.app_context():
        for number in range(150):
            AuditEntry.write(
                "bulk", subject_type="row", subject_id=number, now=datetime.now().astimezone()
            )
        db.session.commit()
    first = page("/admin/log")
    older = next(link for link in first.links if "before=" in link)
    second = page(older)

    assert "row 149" in first.text and "row 52" in first.text and "row 50" not in first.text
    assert "row 50" in second.text and "row 0" in second.text and "이전 기록" not in second.text


def test_a_lost_phone_is_replaced(app, client, page, enter, merchant, log_in):
    enter(merchant)
    run = app.test_cli_runner().invoke
    answer = run(args=["users", "reset-second-factor", "--email", merchant.email])
    assert answer.exit_code == 0, answer.output
    assert client.get("/admin").location.startswith("/login")
    log_in(merchant)
    assert "QR" in page("/admin/second-factor").html

    nobody = run(args=["users", "reset-second-factor", "--email", "nobody@example.com"])
    assert nobody.exit_code == 1 and "no account" in nobody.output


def figures(app, *counts):
    """Keep a day of figures for each count, the last of which is today's."""
    today = seoul_date(clock.now())
    with app.app_context():
        for age, count in enumerate(reversed(counts)):
            db.session.add(
                DailyFigure(
                    day=today - timedelta(days=age),
                    active=count,
                    mrr_won=count * 9900,
                    begun=2,
                    ended=1,
                    recovered=1,
                    failed={"REJECT_CARD_PAYMENT": 3, "<b>odd</b>": 1},
                    counted_at=clock.now(),
                )
            )
        db.session.commit()


def test_before_anything_was_counted_the_overview_says_so(page, enter, merchant):
    enter(merchant)
    assert "아직 센 숫자가 없어요" in page("/admin").text


def test_the_overview_shows_figures_charts_and_tables(app, page, enter, merchant):
    enter(merchant)
    figures(app, *range(1201, 1241))
    shown = page("/admin")
    assert "1,240" in shown.text and "30일 전 1,210" in shown.text and "12,276,000원" in shown.text
    assert "한도를 넘었거나 잔액이 모자라요" in shown.text and "<b>odd" not in shown.html
    pictures = [one["src"] for one in shown.all("img") if "/admin/charts/" in one["src"]]
    assert len(pictures) == 4 and all(one["alt"] for one in shown.all("img", width="480"))


@pytest.mark.parametrize("name", ["subscribers", "revenue", "changes", "failures"])
@pytest.mark.parametrize("days", [0, 1, 90])
def test_each_chart_is_a_picture_without_scripts(app, client, enter, merchant, name, days):
    enter(merchant)
    figures(app, *[7] * days)
    answer = client.get(f"/admin/charts/{name}")
    assert answer.status_code == 200 and answer.mimetype == "image/svg+xml"
    drawn = answer.get_data(as_text=True)
    assert fromstring(drawn).tag.endswith("svg")
    assert "<script" not in drawn and "<b>odd" not in drawn and "//kozea" not in drawn


def test_there_is_no_other_chart(client, enter, merchant):
    enter(merchant)
    assert client.get("/admin/charts/everything").status_code == 404


def test_what_was_seen_two_years_ago_is_forgotten_and_nothing_else(app, monkeypatch):
    real = clock.real_now()
    with app.app_context():
        for action, age in [("back_office.viewed", 732), ("back_office.viewed", 729), ("x", 900)]:
            AuditEntry.write(
                action, subject_type="page", subject_id=age, now=real - timedelta(days=age)
            )
        db.session.commit()
    Run(app, time=clock.now, workers=1).do([OLD_VISITS])
    assert [subject for _, subject, *_ in entries(app)] == ["729", "900"]
