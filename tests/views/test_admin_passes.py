"""Passes in the back office: found, told whole, given back, settled where Toss answered oddly."""

import pytest
from sqlalchemy import select

from models import PassOrder, Payment, Refund, db
from models.pass_order import PassStatus


@pytest.fixture
def sold(app, client, log_in, enter, user, merchant, page, pass_plan, pass_gateway):
    """Sell a pass to a customer and sign the merchant in; return the order's id."""

    def sell(**answer):
        log_in(user)
        shown = page(f"/passes/{pass_plan.slug}/checkout")
        window = client.post(
            f"/passes/{pass_plan.slug}/checkout",
            data={"quote": shown.value("quote"), "beside": "0", "purchase": "y"},
            headers={"Accept": "application/json"},
        ).get_json()
        payment_key = pass_gateway.authenticate(window["orderId"], 10900)
        if answer:
            pass_gateway.answer_next("confirm", **answer)
        client.get(
            f"/passes/success?orderId={window['orderId']}&paymentKey={payment_key}&amount=10900"
        )
        client.post("/logout")
        enter(merchant)
        return window["orderId"]

    return sell


def test_a_pass_is_found_and_told_whole(page, client, user, sold):
    order_id = sold()
    address = f"/admin/passes/{order_id}"

    assert address in page("/admin/passes").links
    assert address in page(f"/admin/customers/{user.id}").links
    assert client.get(f"/admin/customers?q={order_id}").location == address
    told = page(address).text
    for words in (
        "한 달 이용권",
        "이용 중",
        "10,900원",
        "해외 카드",
        "승인 번호",
        "이용권 계약 내용",
    ):
        assert words in told, words
    assert "HTTP 200 DONE" in told and "동의" in told


def test_an_order_and_a_payment_key_lead_to_it(app, client, sold):
    order_id = sold()
    with app.app_context():
        payment_key = db.session.scalars(select(Payment.payment_key)).one()

    for text in (order_id, payment_key):
        assert client.get(f"/admin/customers?q={text}").location == f"/admin/passes/{order_id}"


def test_the_merchant_ends_a_pass_without_a_penalty(app, client, page, sold, pass_gateway):
    address = f"/admin/passes/{sold()}"
    shown = page(f"{address}/end")
    assert "돌려드릴 금액 10,900원" in shown.text

    answer = client.post(
        f"{address}/end",
        data={"quote": shown.value("quote"), "reason": "폐업", "confirmed": "y"},
    )

    assert (answer.status_code, answer.location) == (303, address)
    assert [cancel.amount_won for cancel in pass_gateway.cancels] == [10900]
    told = page(address).text
    assert "판매자가 이용권을 끝냄" in told and "폐업" in told
    assert page(f"{address}/end").status == 200
    assert client.post(f"{address}/end", data={"reason": "x", "confirmed": "y"}).status_code == 409


def test_the_merchant_gives_back_a_part(app, client, page, sold, pass_gateway):
    address = f"/admin/passes/{sold()}"
    with app.app_context():
        payment_id = db.session.scalars(select(Payment.id)).one()
    assert f"/admin/payments/{payment_id}/refund" in page(address).links

    asked = client.post(f"/admin/payments/{payment_id}/refund", data={"amount": "900"})
    done = client.post(asked.location, data={"reason": "사과", "confirmed": "y"})

    assert done.location.startswith(f"{address}#refund-")
    assert [cancel.amount_won for cancel in pass_gateway.cancels] == [900]
    with app.app_context():
        assert db.session.scalars(select(Refund)).one().is_done
        assert db.session.scalars(select(PassOrder)).one().is_paid


def test_what_was_set_aside_waits_for_the_merchant_and_is_granted_when_toss_has_it(
    app, client, page, sold, pass_gateway
):
    address = f"/admin/passes/{sold(total_won=1)}"
    assert f"{address}/decision" in page("/admin/work").links
    page(f"{address}/decision")

    answer = client.post(f"{address}/decision", data={"reason": "확인함", "confirmed": "y"})

    assert answer.location == address
    with app.app_context():
        assert db.session.scalars(select(PassOrder)).one().status is PassStatus.PAID
    assert f"{address}/decision" not in page("/admin/work").links
    again = client.post(f"{address}/decision", data={"reason": "x", "confirmed": "y"})
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("status", "balance_won", "expected"),
    [
        ("CANCELED", 0, PassStatus.FAILED),
        ("EXPIRED", 10900, PassStatus.FAILED),
        ("PARTIAL_CANCELED", 900, PassStatus.SET_ASIDE),
    ],
)
def test_what_toss_holds_decides_what_becomes_of_it(
    app, client, page, sold, pass_gateway, status, balance_won, expected
):
    address = f"/admin/passes/{sold(total_won=1)}"
    pass_gateway.answer_next("find_order", status=status, balance_won=balance_won)

    answer = client.post(f"{address}/decision", data={"reason": "확인함", "confirmed": "y"})

    assert answer.status_code == (409 if expected is PassStatus.SET_ASIDE else 303)
    with app.app_context():
        assert db.session.scalars(select(PassOrder)).one().status is expected
        assert db.session.scalars(select(Payment)).all() == []


def test_the_command_settles_it_too(app, sold):
    order_id = sold(currency="USD")

    ran = app.test_cli_runner().invoke(args=["billing", "resolve", order_id, "--as", "waive"])

    assert ran.exit_code == 0, ran.output
    with app.app_context():
        assert db.session.scalars(select(PassOrder)).one().is_paid


def test_an_order_of_nobody_is_not_there(client, enter, merchant):
    enter(merchant)

    for path in ("", "/end", "/decision"):
        assert client.get(f"/admin/passes/pass-unknown{path}").status_code == 404


def test_the_merchant_makes_a_pass(app, client, page, enter, merchant, pass_plan):
    enter(merchant)
    values = {
        "name": "여섯 달 이용권",
        "summary": "반년을 읽어요.",
        "description": "한 번 내고 여섯 달 동안 읽어요.",
        "features": "서재의 글 모두 읽기",
        "slug": "pass-6-months",
        "price_won": "59000",
        "kind": "pass",
        "cycle": "month-6",
        "tax_kind": "taxable",
    }
    like = f"/admin/plans/new?like={pass_plan.id}"
    assert 'selected value="pass"' in page(like).html
    refused = client.post(like, data={**values, "cycle": "year-1"})
    assert refused.status_code == 400 and "달 수로" in refused.get_data(as_text=True)

    made = client.post(like, data=values)

    assert made.status_code == 303
    preview = page(f"{made.location}/preview").text
    assert "여섯 달 이용권" in preview and "한 번 결제 (자동 결제 없음)" in preview
    client.post(f"{made.location}/sale")
    assert "59,000원" in page("/passes/pass-6-months").text
    assert "여섯 달 이용권" not in page("/plans").text
