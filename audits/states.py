"""Every page in every state that it has: one line each. `prepare` brings a shop there."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import create_engine, text

import clock
from bin.customer import Customer, Merchant
from bin.shop import Shop
from rules.periods import Interval, nth_period, seoul_date

SDK = "**/v2/standard"


@dataclass(frozen=True)
class State:
    """A page to look at: its address, who looks, and what is done on it first."""

    name: str
    path: str
    who: Customer | None = None
    act: Callable[[Any], None] | None = None
    is_public: bool = False
    registers_cards: bool = False


def prepare(shop: Shop) -> list[State]:
    """Bring customers into every state, and return the pages that show it.

    The shop must have been started with `WORKED_THROUGH` among its settings.
    """
    new, reader, leaving = Customer(shop), Customer(shop), Customer(shop)
    new.sign_up()
    for customer in (reader, leaving):
        customer.subscribe()
    leaving.post("/subscription/cancellation", kind="period_end")
    ended, past_due, many = Customer(shop), Customer(shop), Customer(shop)
    for customer in (ended, past_due, many):
        customer.subscribe()
    _end(shop, ended)
    _fall_behind(shop, past_due)
    _copy_payments(shop, many, 13)
    asked, agreed_to_more = Customer(shop), Customer(shop)
    for customer in (asked, agreed_to_more):
        customer.subscribe()
    _offer_price(shop, asked, agreed_to_more)
    agreed_to_more.post("/subscription/price-change", **_shown(agreed_to_more), answer="agree")
    refused = Customer(shop)
    refused.sign_up()
    refusal = refused.get(refused.return_address("no-funds")).headers["Location"]
    holder, over = Customer(shop), Customer(shop)
    for customer in (holder, over):
        customer.sign_up()
    a_pass = holder.get(holder.pass_address()).headers["Location"]
    no_pass = over.get(over.pass_address("foreign-no-funds")).headers["Location"]
    given_back = over.get(over.pass_address()).headers["Location"]
    over.post(f"{given_back}/refund", **_shown(over, f"{given_back}/refund"))
    shop.control.plant([{"operation": "any", "kind": "hang", "seconds": 3600, "times": None}])
    waiting = Customer(shop)
    waiting.sign_up()
    wait = waiting.get(waiting.return_address()).headers["Location"]
    confirming = Customer(shop)
    confirming.sign_up()
    confirmed_soon = confirming.get(confirming.pass_address()).headers["Location"]
    merchant = Merchant(shop)
    door = Merchant(shop, enters=False)
    found = merchant.links(f"/admin/customers?q={reader.email}")
    story = next(link for link in found if "/subscriptions/" in link)
    person = next(link for link in found if "/customers/" in link)
    refund = next(link for link in merchant.links(story) if link.endswith("/refund"))
    mail = next(link for link in merchant.links("/admin/mails") if link[-1].isdigit())
    payment = next(link for link in many.links("/payments") if link.startswith("/payments/"))
    paid = _paid_checkout(shop, reader)
    consent = reader.links("/account/consents")
    agreed = next(link for link in consent if link.startswith("/account/consents/"))
    return [
        State("home", "/", is_public=True),
        State("plans", "/plans", is_public=True),
        State("plan", "/plans/premium-monthly", is_public=True),
        State("plan by the year", "/plans/premium-yearly", is_public=True),
        State("passes", "/passes", is_public=True),
        State("pass", "/passes/pass-1-month", is_public=True),
        State("terms", "/terms", is_public=True),
        State("terms, translated", "/en/terms"),
        State("terms, the Korean for others", "/en/policies/terms/2026-11-20/korean"),
        State("privacy", "/privacy", is_public=True),
        State("refund policy", "/refund-policy", is_public=True),
        State("contact", "/contact", is_public=True),
        State("contact, unfolded", "/contact", act=_unfold),
        State("log-in", "/login", is_public=True),
        State("log-in, refused", "/login", act=_log_in_wrong),
        State("sign-up", "/signup", is_public=True),
        State("sign-up, refused", "/signup", act=_sign_up_wrong),
        State("password reset", "/password-reset"),
        State("password reset, sent", "/password-reset", act=_ask_for_reset),
        State("password reset, used up", "/password-reset/made-up-token"),
        State("fail, canceled", "/fail?code=PAY_PROCESS_CANCELED"),
        State("fail, aborted", "/fail?code=PAY_PROCESS_ABORTED"),
        State("fail, refused by the card company", "/fail?code=REJECT_CARD_COMPANY"),
        State("fail, method not supported", "/fail?code=NOT_SUPPORTED_METHOD"),
        State("fail, nothing said", "/fail"),
        State("return of nobody", "/success"),
        State("not found", "/nowhere"),
        State("home, signed in", "/", reader),
        State("order", "/checkout/premium-monthly", new, registers_cards=True),
        State("order, translated", "/en/checkout/premium-monthly", new, registers_cards=True),
        State("order, loading", "/checkout/premium-monthly", new, _hold_sdk, registers_cards=True),
        State("order, no script", "/checkout/premium-monthly", new, _lose_sdk, False, True),
        State("order, not agreed", "/checkout/premium-monthly", new, _do_not_agree, False, True),
        State("paid", paid, reader),
        State("refused", refusal, refused),
        State("waiting", wait, waiting),
        State("pass, order", "/passes/pass-3-months/checkout", new, registers_cards=True),
        State("pass, next", "/passes/pass-1-month/checkout", holder, registers_cards=True),
        State("pass, beside", "/passes/pass-1-month/checkout", reader, registers_cards=True),
        State("pass, bought", a_pass, holder),
        State("pass, refund", f"{a_pass}/refund", holder),
        State("pass, given back", given_back, over),
        State("pass, refused", no_pass, over),
        State("pass, waiting", confirmed_soon, confirming),
        State("pass, canceled in the window", "/passes/fail?code=PAY_PROCESS_CANCELED"),
        State("pass, return of nobody", "/passes/success"),
        State("passes, with one's own", "/passes", holder),
        State("my subscription, a pass", "/subscription", holder),
        State("order, beside a pass", "/checkout/premium-monthly", holder, registers_cards=True),
        State("closure, with a pass", "/account/closure", holder),
        State("my subscription, none", "/subscription", new),
        State("my subscription, incomplete", "/subscription", refused),
        State("my subscription, active", "/subscription", reader),
        State("my subscription, leaving", "/subscription", leaving),
        State("my subscription, past due", "/subscription", past_due),
        State("card", "/card", reader, registers_cards=True),
        State("card, past due", "/card", past_due, registers_cards=True),
        State("cancellation, past due", "/subscription/cancellation", past_due),
        State("my subscription, ended", "/subscription", ended),
        State("my subscription, under way", "/subscription", waiting),
        State("cancellation", "/subscription/cancellation", reader),
        State("cancellation, never paid", "/subscription/cancellation", refused),
        State("plan change", "/subscription/plan", reader),
        State("plan change, now", "/subscription/plan?to=premium-yearly", reader),
        State("plan change, later", "/subscription/plan?to=basic-monthly", reader),
        State("my subscription, asked for more", "/subscription", asked),
        State("my subscription, agreed to more", "/subscription", agreed_to_more),
        State("price change", "/subscription/price-change", asked),
        State("price change, agreed", "/subscription/price-change", agreed_to_more),
        State("statement", "/payments/statement", reader),
        State("closure, subscribed", "/account/closure", reader),
        State("closure", "/account/closure", new),
        State("new address, used up", "/account/email/made-up-token", reader),
        State("inquiry", "/contact/inquiry"),
        State("inquiries, none", "/contact/inquiries", reader),
        State("payments, none", "/payments", new),
        State("payments, one", "/payments", reader),
        State("payments, many", "/payments", many),
        State("payment", payment, many),
        State("account", "/account", reader),
        State("account, refused", "/account", reader, _change_password_wrong),
        State("consents", "/account/consents", reader),
        State("consent", agreed, reader),
        State("library, closed", "/library", new),
        State("library", "/library", reader),
        State("reading", "/library/slow-letter", reader),
        State("reading, translated", "/ja/library/slow-letter", reader),
        State("underlines", "/library/underlines", reader),
        State("office, second factor", "/admin/second-factor", door),
        State("office, overview", "/admin", merchant, _unfold),
        State("office, work", "/admin/work", merchant),
        State("office, customers", "/admin/customers", merchant),
        State("office, nobody found", "/admin/customers?q=nobody", merchant),
        State("office, customer", person, merchant),
        State("office, subscriptions", "/admin/subscriptions", merchant),
        State("office, past due", "/admin/subscriptions?state=past-due", merchant),
        State("office, story", story, merchant),
        State("office, refund", refund, merchant),
        State("office, refund refused", refund, merchant, _ask_for_too_much),
        State("office, end", f"{story}/end", merchant),
        State("office, passes", "/admin/passes", merchant),
        State("office, pass", f"/admin{a_pass.replace('/orders', '')}", merchant),
        State("office, end of a pass", f"/admin{a_pass.replace('/orders', '')}/end", merchant),
        State("office, sandbox", "/admin/sandbox", merchant),
        State("office, mails", "/admin/mails", merchant),
        State("office, mail", mail, merchant),
        State("office, log", "/admin/log", merchant),
    ]


def _end(shop: Shop, customer: Customer) -> None:
    customer.post("/subscription/cancellation", kind="period_end")
    _sql(
        shop,
        "UPDATE subscription SET ends_at = created_at WHERE user_id ="
        " (SELECT id FROM user_account WHERE email = :email)",
        email=customer.email,
    )
    shop.flask("billing", "run")


def _fall_behind(shop: Shop, customer: Customer) -> None:
    _sql(
        shop,
        "UPDATE subscription SET status = 'past_due', past_due_since = created_at,"
        " next_reminder_on = NULL,"
        " grace_ends_on = paid_until_on WHERE user_id ="
        " (SELECT id FROM user_account WHERE email = :email)",
        email=customer.email,
    )


def _offer_price(shop: Shop, *customers: Customer) -> None:
    """Offer customers a dearer plan for a renewal that is some days ahead."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
        file.write(_DEARER)
        file.flush()
        shop.flask("catalog", "load", file.name)
    today = seoul_date(clock.real_now())
    days = (today + timedelta(days=ahead) for ahead in range(10, 20))
    due_on = next(day for day in days if day.day <= 28)
    month_before = nth_period(due_on, 0, Interval.MONTH).start_on
    for customer in customers:
        _sql(
            shop,
            "UPDATE subscription SET anchor_on = :start, paid_from_on = :start,"
            " paid_until_on = :due, next_charge_on = :due, next_reminder_on = NULL"
            " WHERE user_id = (SELECT id FROM user_account WHERE email = :email)",
            email=customer.email,
            start=month_before,
            due=due_on,
        )
    _sql(
        shop,
        "INSERT INTO price_offer (from_plan_id, to_plan_id, change_on, reason, created_by_id,"
        " created_at) SELECT old.id, new.id, :due, '종이값이 올랐어요.', user_account.id,"
        " user_account.created_at FROM plan AS old, plan AS new, user_account WHERE"
        " old.slug = 'premium-monthly' AND new.slug = 'premium-2' AND email = :email",
        email=customers[0].email,
        due=due_on,
    )
    for customer in customers:
        _sql(
            shop,
            "INSERT INTO price_change (offer_id, subscription_id, status, look_on, created_at)"
            " SELECT price_offer.id, subscription.id, 'asked', change_on, price_offer.created_at"
            " FROM price_offer, subscription JOIN user_account ON user_account.id = user_id"
            " WHERE email = :email",
            email=customer.email,
        )


_DEARER = """
[[products]]
slug = "dalbit"
name = "달빛서재"
description = "밤에 읽기 좋은 짧은 글을 모아 둔 디지털 독서 모임이에요."
[[products.plans]]
slug = "premium-2"
name = "프리미엄 월간 새 가격"
summary = "글을 읽고, 함께 고른 밑줄을 나눠요."
description = "한 달 동안 서재의 글을 모두 읽어요."
features = ["서재의 글 모두 읽기", "달마다 함께 고른 밑줄"]
price_won = 12900
interval = "month"
retired = true
"""


def _shown(customer: Customer, path: str = "/subscription/price-change") -> dict[str, str]:
    page = customer.get(path).text
    found = {
        name: re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]+)"', page)
        for name in ("quote", "seen")
    }
    return {name: match[1] for name, match in found.items() if match}


def _copy_payments(shop: Shop, customer: Customer, count: int) -> None:
    """Add payments as a long-standing customer has them; nothing else of them is true."""
    engine = create_engine(shop.database_url)
    with engine.begin() as connection:
        for number in range(2, count + 2):
            copies: dict[str, int] = {}
            for table in ("invoice", "payment_attempt", "payment"):
                row = _newest(connection, table, customer.email)
                row["id"] = 10_000 * number + row["id"] % 10_000
                row |= _own(table, number, copies)
                copies[table] = row["id"]
                names = ", ".join(row)
                values = ", ".join(f":{name}" for name in row)
                connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)
    engine.dispose()


def _newest(connection: Any, table: str, email: str) -> dict[str, Any]:
    invoices = (
        "SELECT invoice.id FROM invoice JOIN subscription ON subscription.id = subscription_id"
        " JOIN user_account ON user_account.id = subscription.user_id WHERE email = :email"
    )
    column = "id" if table == "invoice" else "invoice_id"
    found = connection.execute(
        text(f"SELECT * FROM {table} WHERE {column} IN ({invoices}) ORDER BY id LIMIT 1"),
        {"email": email},
    )
    return dict(found.mappings().one())


def _own(table: str, number: int, copies: dict[str, int]) -> dict[str, Any]:
    if table == "invoice":
        return {"period_no": number}
    if table == "payment_attempt":
        return {"invoice_id": copies["invoice"], "order_id": f"copy-{number}-{copies['invoice']}"}
    return {
        "invoice_id": copies["invoice"],
        "attempt_id": copies["payment_attempt"],
        "payment_key": f"copy-{number}-{copies['invoice']}",
        "order_id": f"copy-{number}-{copies['invoice']}",
    }


def _paid_checkout(shop: Shop, customer: Customer) -> str:
    engine = create_engine(shop.database_url)
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT checkout.id FROM checkout JOIN user_account ON user_account.id = user_id"
                " WHERE email = :email AND status = 'completed'"
            ),
            {"email": customer.email},
        ).scalar_one()
    engine.dispose()
    return f"/checkouts/{found}"


def _sql(shop: Shop, statement: str, **values: Any) -> None:
    engine = create_engine(shop.database_url)
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()


def _unfold(page: Any) -> None:
    for summary in page.locator("summary").all():
        summary.click()


def _log_in_wrong(page: Any) -> None:
    page.get_by_label("이메일").fill("nobody@example.com")
    page.get_by_label("비밀번호", exact=True).fill("wrong-password-1")
    page.get_by_role("button", name="로그인").click()
    page.get_by_role("alert").wait_for()


def _sign_up_wrong(page: Any) -> None:
    page.locator("form").first.evaluate("form => { form.noValidate = true; form.submit(); }")
    page.get_by_role("alert").first.wait_for()


def _ask_for_reset(page: Any) -> None:
    page.get_by_label("이메일").fill("nobody@example.com")
    page.get_by_role("button", name="메일 받기").click()
    page.get_by_role("status").wait_for()


def _change_password_wrong(page: Any) -> None:
    page.locator("#current").fill("wrong-password-1")
    page.locator("#password").fill("short")
    page.locator("form[action$='/password']").evaluate(
        "form => { form.noValidate = true; form.submit(); }"
    )
    page.get_by_role("alert").first.wait_for()


def _ask_for_too_much(page: Any) -> None:
    page.get_by_label("환불할 금액(원)").fill("99999999")
    page.get_by_role("button", name="다음").click()
    page.get_by_role("alert").wait_for()


def _hold_sdk(page: Any) -> None:
    page.route(SDK, lambda route: None)
    page.reload(wait_until="commit")
    page.get_by_role("button", name="준비 중…").wait_for()


def _lose_sdk(page: Any) -> None:
    page.route(SDK, lambda route: route.abort())
    page.reload()
    page.get_by_text("결제창을 불러오지 못했어요").wait_for()


def _do_not_agree(page: Any) -> None:
    page.locator("#checkout").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="카드 등록하고 시작하기").click()
    page.get_by_role("alert").first.wait_for()
