"""How pages name what was paid, with what, and how an amount was worked out."""

from typing import Any

from flask import Flask
from flask_babel import gettext as _

from gateways import card_companies
from models import BillingKey, Payment, Plan, Product, db
from views.languages import current, is_korean


def register(app: Flask) -> None:
    """Teach the templates these words."""
    app.add_template_filter(words, "words")
    app.add_template_filter(means, "means")
    app.add_template_filter(method, "method")
    app.add_template_filter(line_name, "line_name")
    app.add_template_filter(ordered, "ordered")


def words(of: Plan | Product) -> dict[str, str]:
    """Return the words of a plan or a product in the language of the page."""
    return of.words_in(current())


def means(of: Payment | BillingKey) -> str:
    """Return the card, account or wallet that pays: `하나 9410****`, `Hana 9410****`."""
    return f"{_company(of.card_issuer)} {of.card_number}".rstrip()


def method(payment: Payment) -> str:
    """Return which kind of means paid: `카드`, `계좌이체`."""
    return _(payment.method)


def line_name(line: dict[str, Any]) -> str:
    """Return what a line of a quote is; one written before there were languages has no `text`."""
    if is_korean() or "text" not in line:
        return _(line["name"])
    facts = line["facts"]
    if line["plan_id"] is not None:
        facts = {**facts, "plan": plan_name(db.session.get_one(Plan, line["plan_id"]))}
    return _(line["text"], **facts)


def ordered(payment: Payment) -> str:
    """Return what a payment is for: the plan; a Korean page names it as it was called then.

    A pass was ordered in the language of its buyer.
    """
    if is_korean() and payment.pass_order_id is None:
        return payment.order_name
    return plan_name(payment.plan)


def plan_name(plan: Plan) -> str:
    """Return the name of a plan in the language of the page."""
    return words(plan)["name"]


def _company(name: str) -> str:
    if is_korean():
        return name
    if name == card_companies.UNKNOWN:
        return _(name)
    bank = card_companies.bank_of(name)
    if bank is not None:
        return _("%(bank)s 계좌", bank=card_companies.latin_name_of(bank))
    return card_companies.latin_name_of(name)
