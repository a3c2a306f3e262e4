"""The catalogues of translations: gathered from what is said, kept, and checked."""

import sys

import pytest
from babel.messages.catalog import Catalog

from bin import messages

KNOWN = "로그인"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Keep the catalogues of this test elsewhere."""
    monkeypatch.setattr(messages, "FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `python -m bin.messages`; return its exit status and what it says."""

    def with_arguments(*arguments):
        monkeypatch.setattr(sys, "argv", ["messages", *arguments])
        return messages.main(), capsys.readouterr().out

    return with_arguments


def translate(text, string, fuzzy=False):
    catalogue = messages.kept("en")
    catalogue[text].string = string
    if fuzzy:
        catalogue[text].flags.add("fuzzy")
    messages.write("en", catalogue)


def test_every_kind_of_place_is_read():
    said = messages.extracted()
    for text in (
        "로그인",
        "언제, 얼마나 결제되나요?",
        "[필수] %(text)s",
        "하루에 결제할 수 있는 횟수를 넘었어요.",
        '이미 가입하셨다면 <a href="%(sessions_url)s">로그인</a>해 주세요.',
    ):
        assert text in said, text


def test_what_is_translated_stays_and_what_is_said_no_more_goes(folder, run):
    assert run() == (0, "")
    translate(KNOWN, "Log in")
    catalogue = messages.kept("en")
    catalogue.add("아무도 하지 않는 말", "What nobody says")
    messages.write("en", catalogue)
    assert "en: said nowhere any more: 아무도 하지 않는 말" in run("--check")[1]

    run()
    again = messages.kept("en")
    assert again[KNOWN].string == "Log in"
    assert "아무도 하지 않는 말" not in again
    before = messages.path_of("en").read_bytes()
    run()
    assert messages.path_of("en").read_bytes() == before


def test_what_is_not_translated_or_unsure_fails_the_check(folder, run):
    run()
    status, said = run("--check")
    assert status == 1
    assert f"en: not translated: {KNOWN}\n" in said

    translate(KNOWN, "Log in")
    assert f"en: not translated: {KNOWN}\n" not in run("--check")[1]
    translate(KNOWN, "Log in?", fuzzy=True)
    run()
    assert f"en: not translated: {KNOWN}\n" in run("--check")[1]


def test_whole_catalogues_pass_the_check(folder, run):
    run()
    for language in messages.LANGUAGES:
        whole = messages.kept(language)
        for message in whole:
            if isinstance(message.id, str) and message.id:
                message.string = message.id
            elif message.id:
                message.string = (message.id[1],) * whole.num_plurals
        messages.write(language, whole)
    status, said = run("--check")
    assert status == 0
    assert said.endswith("texts are translated into en, ja, zh.\n")


@pytest.mark.parametrize(
    ("text", "string", "is_broken"),
    [
        ("%(won)s부터", "from %(won)s", False),
        ("%(won)s부터", "from %(amount)s", True),
        ("%(won)s부터", "from now", True),
        ('<a href="%(url)s">규정</a>', '<a href="%(url)s">the rules</a>', False),
        ('<a href="%(url)s">규정</a>', "%(url)s", True),
        (("%(count)d개월", "%(count)d개월"), ("%(count)d month", "%(count)d months"), False),
        (("%(count)d개월", "%(count)d개월"), ("a month", "%(count)d months"), True),
    ],
)
def test_a_translation_that_lost_a_value_or_an_element_is_found(folder, text, string, is_broken):
    catalogue = Catalog(locale="en")
    catalogue.add(text, string)
    messages.write("en", catalogue)
    assert bool(messages.broken("en")) == is_broken


def test_a_catalogue_that_is_not_there_is_stale(folder):
    said = messages.extracted()
    assert f"ja: not in the catalogue: {KNOWN}" in messages.stale("ja", said)
