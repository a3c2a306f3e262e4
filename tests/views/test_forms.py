"""What WTForms says of its own accord is said in the shop's words."""

import ast
from pathlib import Path

import wtforms
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, StringField
from wtforms.validators import DataRequired, Length

from views.forms import OURS

TO_DEVELOPERS = {"Choices cannot be None.", "Invalid field name '%s'."}


class SampleForm(FlaskForm):
    """Fields without a message of their own."""

    name = StringField(validators=[DataRequired(), Length(max=3)])
    short = StringField(validators=[Length(min=2)])
    number = IntegerField()
    kind = SelectField(choices=["a", "b"])


def said_by_wtforms():
    """Return every text that WTForms can say to who fills in a form."""
    folder = Path(wtforms.__file__).parent
    for path in (folder / "validators.py", *folder.glob("fields/*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("gettext"):
                yield from (
                    text.value
                    for text in node.args
                    if isinstance(text, ast.Constant) and isinstance(text.value, str)
                )


def test_nothing_that_wtforms_says_is_left_in_english():
    found = set(said_by_wtforms())
    assert len(found) > 30
    assert found - TO_DEVELOPERS <= set(OURS)


def test_a_form_speaks_in_the_shops_words(app):
    data = {"name": "long name", "short": "x", "number": "many", "kind": "c"}
    with app.test_request_context("/signup", method="POST", data=data):
        app.preprocess_request()
        form = SampleForm()
        assert not form.validate()
        assert form.errors == {
            "name": ["3자 이하로 입력해 주세요."],
            "short": ["2자 이상 입력해 주세요."],
            "number": ["숫자로 입력해 주세요."],
            "kind": ["보기에 없는 값이에요. 다시 골라 주세요."],
        }
