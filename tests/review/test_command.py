"""`flask review check`: what it prints, how it exits, and what it never prints."""

import json
import os
import select
import subprocess
import sys
from importlib import import_module

import pytest

from config import ROOT
from review import EVERYTHING, State
from tests.conftest import PASSWORD
from tests.review.conftest import REVIEWER, Answer

pytestmark = pytest.mark.slow

SIGN_IN = ["--reviewer-email", REVIEWER.email, "--reviewer-password", PASSWORD]
STATES = {str(state) for state in State}


@pytest.fixture
def run(shop):
    shop.edge.replays = True
    return lambda *args, **kwargs: shop.app.test_cli_runner().invoke(
        args=["review", "check", *args], **kwargs
    )


def test_it_exits_with_0_when_all_that_a_program_can_check_is_met(run):
    answer = run(*SIGN_IN)

    assert answer.exit_code == 0, answer.output
    assert "충족했어요" in answer.output and "직접 확인하세요" in answer.output
    assert "고쳐야 해요" not in answer.output
    assert "최대 단가: 99,000원" in answer.output


def test_it_exits_with_1_and_says_where_what_and_why(shop, run):
    shop.replace("/plans", "부가세 포함", "")

    answer = run(*SIGN_IN)

    assert answer.exit_code == 1
    told = answer.output[answer.output.index("고쳐야 해요 (1)") :]
    assert told.index("[tax]") < told.index("/plans: 금액 옆에") < told.index("→ ")
    assert "근거: 전자상거래법 제21조의2" in told


def test_without_the_reviewer_it_cannot_be_all_met(run):
    answer = run()

    assert answer.exit_code == 1
    assert "확인하지 못했어요" in answer.output


def test_json_holds_every_requirement_and_no_secret(shop, run):
    answer = run("--json", *SIGN_IN)
    found = json.loads(answer.stdout)

    assert answer.exit_code == 0
    assert [one["key"] for one in found["requirements"]] == [one.key for one in EVERYTHING]
    for one in found["requirements"]:
        assert set(one) == {
            *("key", "theme", "title", "state", "findings", "note", "remedy", "source")
        }
        assert one["state"] in STATES and one["title"] and one["remedy"] and one["source"]
    assert found["ok"] is True and found["mode"] == "sandbox" and found["url"] == shop.origin
    assert sum(found["counts"].values()) == len(EVERYTHING)
    assert set(found["counts"]) == STATES
    assert found["webhook"]["address"].endswith("/webhooks/toss/sa…")
    for secret in ("TOSS_SECRET_KEY", "TOSS_WEBHOOK_SECRET", "SECRET_KEY"):
        assert shop.app.config[secret] not in answer.output


def test_json_of_a_broken_shop_names_the_page(shop, run):
    shop.replace("/plans", "부가세 포함", "")

    answer = run("--json", *SIGN_IN)
    found = json.loads(answer.stdout)

    assert answer.exit_code == 1 and found["ok"] is False
    (tax,) = [one for one in found["requirements"] if one["state"] == "unmet"]
    assert tax["findings"][0]["place"] == "/plans"


def test_the_password_may_come_from_the_environment_and_is_never_shown(run, monkeypatch):
    monkeypatch.setenv("REVIEWER_PASSWORD", PASSWORD)

    answer = run("--reviewer-email", REVIEWER.email)

    assert answer.exit_code == 0
    assert PASSWORD not in answer.output


def test_a_password_that_is_missing_is_said_where_nobody_can_be_asked(run):
    answer = run("--reviewer-email", REVIEWER.email)

    assert answer.exit_code == 1
    assert "--reviewer-email and --reviewer-password go together" in answer.output


def test_a_password_alone_is_the_newest_reviewers(run):
    assert run("--reviewer-password", PASSWORD).exit_code == 0


def test_the_demo_needs_no_options(shop, run, monkeypatch, tmp_path):
    drawn = tmp_path / "sign-ins.json"
    monkeypatch.setattr(import_module("commands.review"), "SIGN_INS", drawn)
    for password, status in ((PASSWORD, 0), ("of another database", 1)):
        drawn.write_text(json.dumps({"reviewer": {"email": REVIEWER.email, "password": password}}))
        assert run().exit_code == status
    drawn.write_text(json.dumps({"reviewer": {"email": REVIEWER.email, "password": PASSWORD}}))
    shop.app.config["USES_SANDBOX"] = False
    assert run().exit_code == 1


@pytest.mark.parametrize(
    "url", ["shop.kr", "ftp://shop.kr", "http://a@b", "http://shop.kr/x", "http://", "http://a b"]
)
def test_an_address_that_is_none_is_refused(run, url):
    answer = run("--url", url)

    assert answer.exit_code == 1
    assert "--url must be an origin" in answer.output


def test_another_address_than_the_public_one_may_be_visited(shop, run):
    shop.app.config["PUBLIC_URL"] = "http://hairpin.invalid"

    assert run("--url", shop.origin + "/", *SIGN_IN).exit_code == 0


HOSTILE = "\x1b[2J\x1b]0;owned\x07<script>alert(1)</script>\u202e"


def test_a_hostile_page_steers_no_terminal(shop, run):
    def plant(answer: Answer) -> bool:
        answer.body = answer.body.replace(b"</main>", f'<a href="/{HOSTILE}">x</a></main>'.encode())
        return True

    shop.change("/contact", plant)

    shown, as_json = run(*SIGN_IN), run("--json", *SIGN_IN)

    assert "[links]" in shown.output
    for character in ("\x1b", "\x07", "\u202e"):
        assert character not in shown.output
        assert character not in as_json.stdout or character == "\u202e"
    json.loads(as_json.stdout)


def test_at_a_terminal_the_password_is_asked_for_and_the_whole_address_is_shown(shop):
    """Nothing answers here: what is looked at is the terminal."""
    mine, theirs = os.openpty()
    environ = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME")},
        "DATABASE_URL": shop.app.config["DATABASE_URL"],
        "PUBLIC_URL": "http://127.0.0.1:1",
        "SANDBOX_PORT": "1",
        "TOSS_WEBHOOK_SECRET": "a-secret-end-of-the-address-0123456789",
        "PYTHONIOENCODING": "utf-8",
    }
    ran = subprocess.Popen(
        [sys.executable, "-m", "flask", "review", "check"],
        cwd=ROOT, env=environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    text = _talk(mine, {f"Password of {REVIEWER.email}": "typed-at-the-terminal"})

    assert ran.wait(30) == 1
    assert "/webhooks/toss/a-secret-end-of-the-address-0123456789" in text
    assert "[reachable]" in text and "고쳐야 해요" in text
    assert "typed-at-the-terminal" not in text


def _talk(terminal, answers):
    """Return all that a program shows on a terminal; answer each question once it is asked."""
    shown = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            shown += os.read(terminal, 65536)
        except OSError:
            break
        for question in [question for question in answers if question.encode() in shown]:
            os.write(terminal, f"{answers.pop(question)}\n".encode())
    os.close(terminal)
    assert not answers, shown.decode()
    return shown.decode()
