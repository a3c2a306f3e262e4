"""`flask export`: the same files as in the back office, whole or not at all."""

import csv
import os
import signal
import stat
from datetime import timedelta

import pytest
from sqlalchemy import select, update

import commands.exports
from gateways.payment import OutcomeUnknown, RequestRejected
from models import AuditEntry, Payment, db

COLUMNS = {"payments": 21, "refunds": 10, "settlements": 13}


@pytest.fixture
def paid(app, at, now, gateway, request):
    """A payment of 20 November 2026, seen on the day after."""
    at(now)
    gateway.now = now
    request.getfixturevalue("subscribed")
    at(now + timedelta(days=1))
    gateway.now = now + timedelta(days=1)


@pytest.fixture
def export(app, tmp_path):
    """Return a function that runs the command for 20 November into a file."""

    def run(what, *options, days=("2026-11-20", "2026-11-20"), output=None):
        start, end = days
        arguments = ["--from", start, "--to", end, "--output", str(output or tmp_path / "file.csv")]
        return app.test_cli_runner().invoke(args=["export", what, *arguments, *options])

    return run


@pytest.fixture
def rows(tmp_path):
    """Return a function that reads the file."""

    def read():
        with (tmp_path / "file.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(commands.exports, "PAUSES", (0.0, 0.0))


@pytest.fixture(autouse=True)
def _keep_signals():
    kept = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, kept)


def notes(app):
    with app.app_context():
        query = select(AuditEntry).filter_by(action="export.made")
        return [(one.subject_id, one.actor_id, one.facts) for one in db.session.scalars(query)]


@pytest.mark.parametrize("what", COLUMNS)
def test_a_file_is_that_of_the_back_office(
    app, paid, client, enter, merchant, export, tmp_path, what
):
    ran = export(what)
    assert ran.exit_code == 0, ran.output
    assert f"wrote {tmp_path / 'file.csv'}" in ran.output
    client.post("/logout")
    enter(merchant)
    page = what if what != "settlements" else "settlements/file"
    with client.get(f"/admin/exports/{page}?from=2026-11-20&to=2026-11-20") as answer:
        assert (tmp_path / "file.csv").read_bytes() == answer.get_data()
    assert notes(app)[0] == (what, None, {"from": "2026-11-20", "to": "2026-11-20"})


@pytest.mark.parametrize("what", COLUMNS)
def test_days_without_anything_are_a_file_with_its_heading(app, export, tmp_path, what):
    assert export(what, days=("2020-01-01", "2024-12-31")).exit_code == 0
    [head] = (tmp_path / "file.csv").read_text("utf-8-sig").splitlines()
    assert head.count('","') == COLUMNS[what] - 1


def test_a_name_in_korean_and_a_formula_are_text(app, paid, export, rows):
    with app.app_context():
        db.session.execute(update(db.metadata.tables["user_account"]).values(name="=하나"))
        db.session.commit()
    export("payments")
    [row] = rows()
    assert (row["고객 이름"], row["상품"]) == ("'=하나", "달빛서재")


def test_a_file_that_is_there_is_kept(app, paid, export, tmp_path):
    file = tmp_path / "file.csv"
    file.write_text("mine")
    refused = export("payments")
    assert refused.exit_code == 1 and "--force overwrites it" in refused.output
    assert file.read_text() == "mine" and notes(app) == []
    assert export("payments", "--force").exit_code == 0
    assert file.read_text("utf-8-sig").startswith('"주문번호"')
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_came_meanwhile_is_kept(app, paid, export, tmp_path, gateway):
    gateway.on_call = lambda *_: (tmp_path / "file.csv").write_text("mine")
    assert export("settlements").exit_code == 1
    assert (tmp_path / "file.csv").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1 and notes(app) == []


def test_others_on_the_machine_cannot_read_it(app, paid, export, tmp_path):
    export("payments")
    assert stat.S_IMODE(os.stat(tmp_path / "file.csv").st_mode) == 0o600


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (("2026-11-21", "2026-11-20"), "the last day is before the first"),
        (("2026-11-31", "2026-12-01"), "write a day like 2026-11-20"),
        (("0001-01-01", "9999-12-31"), "write a day like 2026-11-20"),
        (("", ""), "write a day like 2026-11-20"),
    ],
)
@pytest.mark.parametrize("what", COLUMNS)
def test_days_that_are_none_are_told_so(app, export, tmp_path, what, days, words):
    refused = export(what, days=days)
    assert refused.exit_code == 2 and words in refused.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["nowhere/file.csv", "."])
def test_a_place_for_no_file_is_told_so(app, export, tmp_path, where):
    refused = export("payments", output=tmp_path / where)
    assert refused.exit_code == 1 and "Error:" in refused.output
    assert "Traceback" not in refused.output


def test_settlements_are_summed_up(app, paid, export, rows):
    ran = export("settlements")
    assert "sold 9900 won, given back 0 won, fees 297 won (VAT 27), paid out 9603 won" in ran.output
    assert "2026-11-25: 9603 won" in ran.output
    assert "0 of 1 do not agree with the books" in ran.output
    assert "0 of ours not settled yet: 0 won" in ran.output
    [row] = rows()
    assert row["대조"] == "맞음"


def test_what_does_not_agree_is_counted(app, paid, export, rows, gateway, now):
    with app.app_context():
        db.session.execute(update(Payment).values(amount_won=9000))
        db.session.commit()
    assert "1 of 1 do not agree with the books" in export("settlements").output
    gateway.now = now
    ran = export("settlements", "--force")
    assert "1 of ours not settled yet: 9000 won" in ran.output
    assert rows()[0]["대조"] == "아직 정산되지 않음"


def test_settlements_of_a_pay_out_may_be_many_months(app, paid, export, rows):
    ran = export("settlements", "--by", "paid-out", days=("2025-01-01", "2027-12-31"))
    assert ran.exit_code == 0
    assert rows()[0]["지급일"] == "2026-11-25"


def test_a_page_that_did_not_come_is_asked_for_again(app, paid, export, rows, gateway):
    for _ in range(2):
        gateway.fail_next("settlements", OutcomeUnknown("timeout"))
    ran = export("settlements")
    assert ran.exit_code == 0 and ran.output.count("asking again") == 2
    assert len(rows()) == 1


def test_where_toss_gives_no_list_there_is_no_file(app, paid, export, tmp_path, gateway):
    for _ in range(3):
        gateway.fail_next("settlements", OutcomeUnknown("timeout"))
    refused = export("settlements")
    assert refused.exit_code == 1 and "timeout" in refused.output
    gateway.fail_next("settlements", RequestRejected("UNAUTHORIZED_KEY", key_pair=True))
    refused = export("settlements")
    assert refused.exit_code == 1 and "UNAUTHORIZED_KEY" in refused.output
    assert "asking again" not in refused.output
    assert list(tmp_path.iterdir()) == [] and notes(app) == []


def test_a_command_that_is_ended_leaves_nothing(app, paid, export, tmp_path, gateway):
    gateway.on_call = lambda *_: os.kill(os.getpid(), signal.SIGTERM)
    assert export("settlements").exit_code == 1
    assert list(tmp_path.iterdir()) == [] and notes(app) == []
