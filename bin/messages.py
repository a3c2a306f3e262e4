"""Gather every text that the shop can say into the translators' files: `python -m bin.messages`.

What is translated stays, what is new is empty, what nothing says any more goes. With `--check`
nothing is written: it names what is missing, stale or broken, and exits with 1 where anything is.
"""

import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "translations"
LANGUAGES = {"en": "English", "ja": "日本語", "zh": "简体中文"}
SAYING = ("billing", "gateways", "models", "rules", "templates", "views")
"""The folders whose files say something to a visitor or a customer."""
METHODS = [("**.py", "python"), ("**.html", "jinja2"), ("**.txt", "jinja2")]
OPTIONS = {name: {"trimmed": "true"} for name in ("**.html", "**.txt")}
KEYWORDS = {**DEFAULT_KEYWORDS, "_l": None}
_FIXED = re.compile(r"%\(\w+\)[a-z]|</?\w+")
"""What a translation must not lose: values, and the elements around words."""


def main() -> int:
    """Write the catalogues, or check them."""
    parser = ArgumentParser(description=__doc__, prog="python -m bin.messages")
    parser.add_argument("--check", action="store_true", help="write nothing; name what is wrong")
    said = extracted()
    if not parser.parse_args().check:
        for language in LANGUAGES:
            write(language, updated(language, said))
        return 0
    found = [fault for language in LANGUAGES for fault in faults(language, said)]
    print("\n".join(found) or f"{len(said)} texts are translated into {', '.join(LANGUAGES)}.")
    return 1 if found else 0


def path_of(language: str) -> Path:
    """Return where the translations into a language are."""
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


@cache
def extracted() -> Catalog:
    """Return every text that is marked in the code and the templates."""
    said = Catalog()
    for folder in SAYING:
        found = extract_from_dir(ROOT / folder, METHODS, OPTIONS, keywords=KEYWORDS)
        for name, line, text, comments, context in found:
            said.add(text, None, [(f"{folder}/{name}", line)], (), comments, context=context)
    return said


def kept(language: str) -> Catalog:
    """Return the translations into a language that there are so far."""
    if not path_of(language).is_file():
        return Catalog(revision_date=datetime.now(UTC))
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str, said: Catalog) -> Catalog:
    """Return a catalogue of all that is said, with the translations that there are."""
    old = kept(language)
    new = Catalog(
        locale=language,
        header_comment=f"# {LANGUAGES[language]}: python -m bin.messages",
        project="dalbit",
        version="1",
        msgid_bugs_address="dalbit",
        last_translator="dalbit",
        language_team=LANGUAGES[language],
        creation_date=old.creation_date,
        revision_date=old.revision_date,
        fuzzy=False,
    )
    for message in _messages(said):
        known = old.get(message.id, message.context)
        new.add(
            message.id,
            known.string if known else None,
            message.locations,
            message.flags | ({"fuzzy"} if known and known.fuzzy else set()),
            context=message.context,
        )
    return new


def write(language: str, catalogue: Catalog) -> None:
    """Write a catalogue in the order of the places where its texts are said."""
    path_of(language).parent.mkdir(parents=True, exist_ok=True)
    with path_of(language).open("wb") as file:
        write_po(file, catalogue, width=100, sort_by_file=True, include_lineno=False)


def faults(language: str, said: Catalog) -> list[str]:
    """Return what is wrong with the translations into a language, one sentence each."""
    return [
        *stale(language, said),
        *(f"{language}: not translated: {_name(each)}" for each in _unfinished(language)),
        *broken(language),
    ]


def stale(language: str, said: Catalog) -> list[str]:
    """Return the texts that a catalogue does not know yet, and those that nothing says any more."""
    now, known = ({_key(each) for each in _messages(one)} for one in (said, kept(language)))
    return [
        *(f"{language}: not in the catalogue: {key[0]}" for key in sorted(now - known)),
        *(f"{language}: said nowhere any more: {key[0]}" for key in sorted(known - now)),
    ]


def broken(language: str) -> list[str]:
    """Return the translations that lost or invented a value or an element."""
    return [
        f"{language}: other values or elements: {_name(message)}"
        for message in _messages(kept(language))
        if any(
            translation and _fixed(translation) != _fixed(source)
            for source, translation in _pairs(message)
        )
    ]


def _unfinished(language: str) -> Iterator[Message]:
    for message in _messages(kept(language)):
        if message.fuzzy or not all(translation for _, translation in _pairs(message)):
            yield message


def _messages(catalogue: Catalog) -> Iterator[Message]:
    """Yield all but the header."""
    return (message for message in catalogue if message.id)


def _pairs(message: Message) -> list[tuple[str, str]]:
    """Return a text with its translation; each form of a plural with the Korean of many."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string or ""))]
    return [(message.id[1], form) for form in message.string or ("",)]


def _fixed(text: str) -> set[str]:
    return set(_FIXED.findall(text))


def _name(message: Message) -> str:
    return _key(message)[0]


def _key(message: Message) -> tuple[str, str]:
    text = message.id if isinstance(message.id, str) else message.id[0]
    return text, message.context or ""


if __name__ == "__main__":
    sys.exit(main())
