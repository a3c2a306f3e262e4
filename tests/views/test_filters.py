import tomllib
from datetime import date

import pytest
from flask import render_template_string, url_for

from config import ROOT
from models import Plan
from rules.periods import Interval, Period
from views.filters import service_period, span


@pytest.mark.parametrize(
    ("slug", "picture"),
    [
        ("premium-yearly", "pictures/plan-premium-yearly.svg"),
        ("gift-2027", "pictures/plan.svg"),
    ],
)
def test_a_plan_has_its_own_picture_or_the_one_for_any(app, slug, picture):
    with app.test_request_context():
        shown = render_template_string("{{ (plan|picture).url }}", plan=Plan(slug=slug))
        assert shown == url_for("static", filename=picture)

    assert (ROOT / "static" / picture).is_file()


def test_every_plan_of_the_demo_has_a_picture_of_its_own():
    products = tomllib.loads((ROOT / "demo" / "catalog.toml").read_text("utf-8"))["products"]
    slugs = [plan["slug"] for product in products for plan in product["plans"]]

    assert [
        slug for slug in slugs if not (ROOT / "static" / "pictures" / f"plan-{slug}.svg").is_file()
    ] == []


def test_a_period_stands_between_its_days_as_each_language_writes_it(in_english):
    period = Period(date(2026, 11, 20), date(2026, 12, 20))

    assert span(period) == "2026. 11. 20. ~ 2026. 12. 19."
    in_english({"%(start)s ~ %(end)s": "%(start)s – %(end)s"})
    assert span(period) == "Nov 20, 2026 – Dec 19, 2026"


@pytest.mark.parametrize(
    ("months", "english"), [(1, "1 month from payment"), (12, "12 months from payment")]
)
def test_a_number_of_months_is_counted_as_each_language_counts(in_english, months, english):
    plan = Plan(interval=Interval.MONTH, interval_count=months)

    assert service_period(plan) == f"결제일로부터 {months}개월"
    in_english(
        {
            "결제일로부터 %(count)d개월": (
                "%(count)d month from payment",
                "%(count)d months from payment",
            )
        }
    )
    assert service_period(plan) == english
