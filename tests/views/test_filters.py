import tomllib

import pytest
from flask import render_template_string

from config import ROOT
from models import Plan


@pytest.mark.parametrize(
    ("slug", "picture"),
    [
        ("premium-yearly", "pictures/plan-premium-yearly.svg"),
        ("gift-2027", "pictures/plan.svg"),
    ],
)
def test_a_plan_has_its_own_picture_or_the_one_for_any(app, slug, picture):
    with app.test_request_context():
        shown = render_template_string("{{ plan|picture }}", plan=Plan(slug=slug))

    assert shown == picture
    assert (ROOT / "static" / shown).is_file()


def test_every_plan_of_the_demo_has_a_picture_of_its_own():
    products = tomllib.loads((ROOT / "demo" / "catalog.toml").read_text("utf-8"))["products"]
    slugs = [plan["slug"] for product in products for plan in product["plans"]]

    assert [
        slug for slug in slugs if not (ROOT / "static" / "pictures" / f"plan-{slug}.svg").is_file()
    ] == []
