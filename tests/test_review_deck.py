"""`flask review deck` before any browser starts: what it refuses, and what a failure leaves."""

import sys

import click
import pytest

from commands.review_deck import _whole_or_nothing


@pytest.fixture
def run(app):
    return lambda *args, **kwargs: app.test_cli_runner().invoke(
        args=["review", "deck", *args], **kwargs
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--output", "{tmp}/deck.pdf"], "must end in .pptx"),
        (["--output", "{tmp}/there.pptx"], "is there already: name another, or add --force"),
        (["--output", "{tmp}/folder.pptx", "--force"], "is there already"),
        (["--output", "{tmp}/no/deck.pptx"], "does not exist: make it first"),
        (["--output", "{tmp}/deck.pptx", "--url", "shop.example.kr"], "--url must be an origin"),
        (["--output", "{tmp}/deck.pptx", "--url", "https://a:b@c.kr"], "--url must be an origin"),
        (["--output", "{tmp}/deck.pptx", "--url", "https://c.kr/x"], "--url must be an origin"),
        (["--output", "{tmp}/deck.pptx", "--reviewer-password", "x"], "needs --reviewer-email"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(run, tmp_path, options, sentence):
    (tmp_path / "there.pptx").write_bytes(b"mine")
    (tmp_path / "folder.pptx").mkdir()

    refused = run(*[option.format(tmp=tmp_path) for option in options])

    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert sentence in refused.output
    assert "a:b" not in refused.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.pptx", "there.pptx"]
    assert (tmp_path / "there.pptx").read_bytes() == b"mine"


def test_a_folder_that_cannot_be_written_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write anywhere

    refused = run("--output", str(tmp_path / "deck.pptx"))

    assert refused.exit_code == 1
    assert f"nothing can be written into {tmp_path}" in refused.output


def test_without_playwright_it_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "review.walk", raising=False)
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)

    refused = run("--output", str(tmp_path / "deck.pptx"))

    assert refused.exit_code == 1
    assert "pip install -r requirements-dev.txt" in refused.output
    assert list(tmp_path.iterdir()) == []


def test_a_password_that_is_not_given_is_asked_for_unseen(run, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "review.walk", raising=False)
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)

    asked = run("--output", str(tmp_path / "d.pptx"), "--reviewer-email", "r@c.kr", input="pw-1\n")

    assert "Test PW" in asked.output
    assert "pw-1" not in asked.output


def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "deck.pptx"
    target.write_bytes(b"mine")

    with (
        pytest.raises(click.ClickException, match="could not be written: No space left"),
        _whole_or_nothing(target, force=True) as file,
    ):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"mine"


def test_a_file_that_came_up_during_the_walk_is_not_replaced(tmp_path):
    target = tmp_path / "deck.pptx"

    with (
        pytest.raises(click.ClickException, match="is there already"),
        _whole_or_nothing(target, force=False) as file,
    ):
        file.write(b"new")
        target.write_bytes(b"mine")

    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"mine"


def test_the_file_is_its_owners_alone(tmp_path):
    target = tmp_path / "deck.pptx"

    with _whole_or_nothing(target, force=False) as file:
        file.write(b"whole")

    assert target.read_bytes() == b"whole"
    assert target.stat().st_mode & 0o077 == 0
