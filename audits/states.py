"""Every page in every state that it has: one line each. `prepare` brings a shop there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import create_engine, text

from bin.customer import Customer
from bin.shop import Shop

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
    refused = Customer(shop)
    refused.sign_up()
    refusal = refused.get(refused.return_address("no-funds")).headers["Location"]
    shop.control.plant([{"operation": "any", "kind": "hang", "seconds": 3600, "times": None}])
    waiting = Customer(shop)
    waiting.sign_up()
    wait = waiting.get(waiting.return_address()).headers["Location"]
    payment = next(link for link in many.links("/payments") if link.startswith("/payments/"))
    paid = _paid_checkout(shop, reader)
    consent = reader.links("/account/consents")
    agreed = next(link for link in consent if link.startswith("/account/consents/"))
    return [
        State("home", "/", is_public=True),
        State("plans", "/plans", is_public=True),
        State("plan", "/plans/premium-monthly", is_public=True),
        State("plan by the year", "/plans/premium-yearly", is_public=True),
        State("terms", "/terms", is_public=True),
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
        State("order, loading", "/checkout/premium-monthly", new, _hold_sdk, registers_cards=True),
        State("order, no script", "/checkout/premium-monthly", new, _lose_sdk, False, True),
        State("order, not agreed", "/checkout/premium-monthly", new, _do_not_agree, False, True),
        State("paid", paid, reader),
        State("refused", refusal, refused),
        State("waiting", wait, waiting),
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
        State("underlines", "/library/underlines", reader),
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
