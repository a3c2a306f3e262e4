"""The merchant turns the test clock and the sandbox's faults; a real sandbox listens."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

import clock
from app import create_app
from gateways.fake import FakeGateway
from models import AuditEntry, ShopClock, db
from sandbox.app import create_app as create_sandbox
from sandbox.server import serve
from tests.conftest import TEST_SETTINGS

PAGE = "/admin/sandbox"


@pytest.fixture
def sandbox(app, monkeypatch, tmp_path):
    """Serve a sandbox, and let the shop steer it."""
    served = create_sandbox(str(tmp_path / "sandbox.sqlite"), slow_seconds=0.1)
    server = serve(served, "127.0.0.1", 0)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    url = f"http://127.0.0.1:{server.port}/_control"
    monkeypatch.setitem(app.config, "SANDBOX_CONTROL_URL", url)
    yield served
    server.shutdown()
    thread.join()
    served.extensions["sandbox"].ledger.close()


@pytest.fixture
def office(app, enter, merchant):
    """Enter the back office of a shop that follows its test clock."""
    with app.app_context():
        engine = db.engine
    clock.follow(lambda: ShopClock.read_ahead(engine))
    enter(merchant)
    yield
    clock.follow(None)


def acts(app):
    with app.app_context():
        query = select(AuditEntry.action, AuditEntry.facts).filter_by(subject_type="sandbox")
        return [tuple(row) for row in db.session.execute(query)]


def test_the_clock_moves_with_a_run_each_day_and_comes_back(app, client, page, sandbox, office):
    assert client.post(f"{PAGE}/clock", data={"days": "7"}).status_code == 303
    assert clock.now() - clock.real_now() > timedelta(days=6, hours=23)
    theirs = sandbox.extensions["sandbox"].clock.now()
    assert abs(theirs - clock.now()) < timedelta(minutes=1), "the sandbox goes along"
    shown = page(PAGE)
    assert "실제보다 7일 앞" in shown.text or "실제보다 6일 앞" in shown.text

    assert client.post(f"{PAGE}/clock/reset").status_code == 303
    assert abs(clock.now() - clock.real_now()) < timedelta(seconds=2)
    assert [action for action, _ in acts(app)] == ["clock.advanced", "clock.reset"]


@pytest.mark.parametrize("days", ["", "0", "-1", "5000", "x"])
def test_a_distance_that_is_not_offered_moves_nothing(client, sandbox, office, days):
    assert client.post(f"{PAGE}/clock", data={"days": days}).status_code == 400
    assert abs(clock.now() - clock.real_now()) < timedelta(seconds=2)


def test_faults_are_planted_shown_and_removed(app, client, page, sandbox, office):
    fault = {"operation": "charge", "kind": "code", "code": "REJECT_CARD_PAYMENT", "times": "2"}
    assert client.post(f"{PAGE}/faults", data=fault).status_code == 303
    other = {"operation": "any", "kind": "lost", "code": "", "times": "1"}
    assert client.post(f"{PAGE}/faults", data=other).status_code == 303
    shown = page(PAGE)
    assert "REJECT_CARD_PAYMENT" in shown.text and "앞으로 2번" in shown.text
    assert len(sandbox.extensions["sandbox"].faults.listed()) == 2

    assert client.post(f"{PAGE}/faults/removal").status_code == 303
    assert sandbox.extensions["sandbox"].faults.listed() == []
    assert "지금은 장애가 없어요" in page(PAGE).text


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "NO_SUCH_CODE_OF_TOSS"},
        {"times": "0"},
        {"times": "many"},
        {"operation": "payout"},
        {"kind": "explode"},
    ],
)
def test_a_fault_that_cannot_be_is_refused(client, sandbox, office, wrong):
    fault = {"operation": "charge", "kind": "code", "code": "REJECT_CARD_PAYMENT", "times": "1"}
    assert client.post(f"{PAGE}/faults", data=fault | wrong).status_code == 400
    assert sandbox.extensions["sandbox"].faults.listed() == []


def test_without_a_sandbox_that_answers_the_page_says_so(app, client, page, office, monkeypatch):
    monkeypatch.setitem(app.config, "SANDBOX_CONTROL_URL", "http://127.0.0.1:9/_control")
    assert "답하지 않아요" in page(PAGE).text
    monkeypatch.setitem(app.config, "SANDBOX_CONTROL_URL", "")
    assert "비어 있어" in page(PAGE).text


def test_with_tosss_own_keys_there_are_no_such_controls(tmp_path):
    real_keys = {
        "TOSS_CLIENT_KEY": "test_ck_D5GePWvyJnrK0W0k6q8g",
        "TOSS_SECRET_KEY": "test_sk_zXLkKEypNArWmo50nX3l",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite'}",
    }
    shop = create_app({**TEST_SETTINGS, **real_keys}, gateway=FakeGateway())
    assert "sandbox_controls" not in shop.extensions
