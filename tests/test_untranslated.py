"""No page says a Korean word that no translator ever saw; and the catalogues fit the code."""

import ast
import re

import pytest
from jinja2 import Environment, nodes

from bin import messages
from config import ROOT

HANGUL = re.compile("[가-힣]")
MARKS = {"_": 1, "_l": 1, "N_": 1, "gettext": 1, "ngettext": 2}
"""What marks a text, and how many of its arguments are texts."""
OFFICE = re.compile(
    r"templates/admin/.*|templates/mail/(merchant_alert|inquiry)\.txt"
    r"|templates/components/.*|views/(admin\w*|acts|charts|components|csv_files|office_words"
    r"|timeline|uploads)\.py"
)
"""What only the merchant sees, which stays Korean."""
TEXTS = re.compile(
    r"templates/policies/\w+/.*|templates/library/(\w+/)?[a-z]+(-[a-z]+)+\.html|views/readings\.py"
)
"""Long texts, and words about them, which have a file in each language."""
KEPT = {"views/languages.py": {"한국어"}}
"""Korean words that stay Korean on every page, or that nobody sees."""


def template_faults(source):
    """Return the Korean words of a template that stand outside of a mark."""
    env = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"])
    env.policies["ext.i18n.trimmed"] = True
    return list(_unmarked_in(env.parse(source)))


def _unmarked_in(node):
    if isinstance(node, nodes.Call) and (name := getattr(node.node, "name", "")) in MARKS:
        for each in (*node.args[MARKS[name] :], *node.kwargs):
            yield from _unmarked_in(each)
        return
    text = None
    if isinstance(node, nodes.TemplateData):
        text = node.data
    elif isinstance(node, nodes.Const) and isinstance(node.value, str):
        text = node.value
    if text and HANGUL.search(text):
        yield " ".join(text.split())
    for child in node.iter_child_nodes():
        yield from _unmarked_in(child)


def python_faults(source):
    """Return the Korean words of a module that stand outside of a mark and of a docstring."""
    return list(_unmarked(ast.parse(source)))


def _unmarked(node):
    if isinstance(node, ast.Call) and (name := getattr(node.func, "id", "")) in MARKS:
        for each in (*node.args[MARKS[name] :], *node.keywords):
            yield from _unmarked(each)
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and HANGUL.search(node.value):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _unmarked(child)


def faults(path):
    """Return the Korean words of a file that no translator sees."""
    source = path.read_text("utf-8")
    found = python_faults(source) if path.suffix == ".py" else template_faults(source)
    return [text for text in found if text not in KEPT.get(name_of(path), set())]


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def files():
    found = [
        *(ROOT / "templates").rglob("*.html"),
        *(ROOT / "templates").rglob("*.txt"),
        *(ROOT / "views").rglob("*.py"),
    ]
    return sorted(
        path
        for path in found
        if not OFFICE.fullmatch(name_of(path)) and not TEXTS.fullmatch(name_of(path))
    )


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_every_korean_text_is_marked(path):
    assert faults(path) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>안녕</p>", ["<p>안녕</p>"]),
        ('<p>{{ _("안녕") }}</p>', []),
        ("<p>{% trans name=user.name %}{{ name }}, 안녕{% endtrans %}</p>", []),
        ("{{ fact('이름') }}", ["이름"]),
        ("{{ fact(_('이름')) }}", []),
        ("{{ _('%(a)s 값', a='단위') }}", ["단위"]),
        ("{# 설명 #}", []),
    ],
)
def test_a_text_that_was_forgotten_in_a_template_is_found(source, expected):
    assert template_faults(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f():\n    '''설명: `월`.'''", []),
        ("flash('저장했어요')", ["저장했어요"]),
        ("flash(_('저장했어요'))", []),
        ("flash(_('%(a)s 값', a='단위'))", ["단위"]),
        ("flash(f'{name}님')", ["님"]),
    ],
)
def test_a_text_that_was_forgotten_in_a_module_is_found(source, expected):
    assert python_faults(source) == expected


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_catalogue_translates_all_that_is_said_and_loses_no_value_and_no_element(language):
    faults = messages.faults(language, messages.extracted())
    assert faults == [], "run python -m bin.messages, and translate what is new"
