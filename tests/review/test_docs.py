"""The guide tells of the requirements, options and states that there are."""

import re

from commands.review import check_review
from config import ROOT
from review import EVERYTHING, State

GUIDE = (ROOT / "docs" / "review.md").read_text(encoding="utf-8")


def test_the_table_holds_every_requirement_in_its_order():
    told = [line for line in GUIDE.splitlines() if re.match(r"\| `[\w-]+` \|", line)]

    assert told == [f"| `{one.key}` | {one.title} | {one.source} |" for one in EVERYTHING]


def test_the_guide_names_every_option_and_every_state():
    options = {name for each in check_review.params for name in each.opts}

    assert [name for name in options if name not in GUIDE] == []
    assert [state for state in State if f"| `{state}` |" not in GUIDE] == []


def test_keys_are_unique_and_every_requirement_says_what_to_do():
    keys = [one.key for one in EVERYTHING]

    assert len(keys) == len(set(keys))
    for one in EVERYTHING:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", one.key)
        assert one.title.endswith("요."), one.key
        assert one.remedy.endswith("."), one.key
        assert one.source and "|" not in one.title + one.source, one.key
