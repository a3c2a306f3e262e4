import pytest

from sandbox.cards import ALL
from tests.sandbox.shop import FAIL_URL, SUCCESS_URL, query_of


def register(shop, path, card="works", identity="000000"):
    return shop.client.post(path, data={"card": card, "identity": identity})


def test_the_window_says_that_no_money_moves_and_offers_every_card(shop):
    page = shop.client.get(shop.open_window()).text

    assert "모의 결제창입니다. 실제 돈은 움직이지 않습니다." in page
    assert page.index('id="card-works"') < page.index('id="card-works-check"')
    for card in ALL:
        is_card = card.way == "CARD"
        assert (f'id="card-{card.value}"' in page) is is_card
        assert (f'for="card-{card.value}"' in page) is is_card
    assert " checked" not in page
    assert 'for="identity"' in page
    assert "<button>카드 등록하기</button>" in page


def test_a_registered_card_goes_back_to_the_success_address(shop):
    answer = register(shop, shop.open_window())

    assert answer.status_code == 303
    assert answer.location.startswith(SUCCESS_URL)
    query = query_of(answer.location)
    assert set(query) == {"checkout", "customerKey", "authKey"}
    assert query["checkout"] == "c1"
    assert len(query["authKey"]) <= 300
    assert shop.issue(query["authKey"], query["customerKey"]).status_code == 200


def test_a_second_click_leads_to_the_same_place(shop):
    path = shop.open_window()

    assert register(shop, path).location == register(shop, path, "reject").location


@pytest.mark.parametrize(
    ("card", "identity", "sentence"),
    [
        ("", "000000", "등록할 카드를 골라 주세요."),
        ("no-such-card", "000000", "등록할 카드를 골라 주세요."),
        ("works", "123456", "본인인증 번호가 맞지 않아요."),
        ("works", "", "본인인증 번호가 맞지 않아요."),
    ],
)
def test_a_mistake_is_said_in_the_window(shop, card, identity, sentence):
    path = shop.open_window()

    answer = register(shop, path, card, identity)

    assert answer.status_code == 400
    assert sentence in answer.text
    assert register(shop, path).status_code == 303


@pytest.mark.parametrize(
    ("card", "code"), [("abort", "PAY_PROCESS_ABORTED"), ("reject", "REJECT_CARD_COMPANY")]
)
def test_a_failed_registration_goes_back_to_the_fail_address(shop, card, code):
    answer = register(shop, shop.open_window(), card)

    assert answer.location.startswith(FAIL_URL)
    assert query_of(answer.location)["code"] == code
    assert query_of(answer.location)["message"]


def test_closing_goes_back_to_the_fail_address(shop):
    path = shop.open_window()

    answer = shop.client.post(f"{path}/close")

    assert answer.location.startswith(FAIL_URL)
    assert query_of(answer.location)["code"] == "PAY_PROCESS_CANCELED"
    assert register(shop, path).location == answer.location


def test_a_foreign_card_is_refused_inside_the_window(shop):
    path = shop.open_window()

    refused = register(shop, path, "foreign")
    given_up = shop.client.post(f"{path}/close")

    assert refused.status_code == 400
    assert "해외에서 발급된 카드는 등록할 수 없어요." in refused.text
    assert query_of(given_up.location)["code"] == "REJECT_CARD_COMPANY"


def test_another_card_can_follow_a_foreign_one(shop):
    path = shop.open_window()
    register(shop, path, "foreign")

    assert register(shop, path).location.startswith(SUCCESS_URL)


def test_a_framed_window_tells_the_page_where_to_go(shop):
    answer = register(shop, shop.open_window(windowTarget="iframe"))

    assert answer.status_code == 200
    assert 'data-page-origin="http://shop.example"' in answer.text
    assert f'data-address="{SUCCESS_URL}&amp;customerKey=' in answer.text
    assert "frame-ancestors http://shop.example" in answer.headers["Content-Security-Policy"]


def test_a_framed_window_that_is_closed_leads_nowhere(shop):
    path = shop.open_window(windowTarget="iframe")

    assert 'data-address=""' in shop.client.post(f"{path}/close").text


def test_a_framed_window_closed_after_its_end_leads_where_it_ended(shop):
    path = shop.open_window(windowTarget="iframe")
    register(shop, path)

    assert f'data-address="{SUCCESS_URL}' in shop.client.post(f"{path}/close").text


def test_a_framed_window_closed_after_a_foreign_card_says_so(shop):
    path = shop.open_window(windowTarget="iframe")
    register(shop, path, "foreign")

    assert "REJECT_CARD_COMPANY" in shop.client.post(f"{path}/close").text


def test_a_window_in_the_page_cannot_be_framed(shop):
    answer = shop.client.get(shop.open_window())

    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_window_is_open_for_half_an_hour(shop):
    path = shop.open_window()
    shop.client.put("/_control/clock", json={"now": "2999-01-01T00:00:00+09:00"})

    assert "지났어요" in shop.client.get(path).text
    assert query_of(register(shop, path).location)["code"] == "PAY_PROCESS_ABORTED"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"clientKey": "test_ck_unknown"}, "INVALID_CLIENT_KEY"),
        ({"customerKey": ""}, "INVALID_REQUIRED_PARAM"),
        ({"successUrl": "javascript:alert(1)"}, "INVALID_REQUEST"),
        ({"failUrl": "/fail"}, "INVALID_REQUEST"),
    ],
)
def test_a_window_is_not_opened_for_just_anyone(shop, change, code):
    asked = {
        "clientKey": shop.pair.client_key,
        "customerKey": "customer",
        "successUrl": SUCCESS_URL,
        "failUrl": FAIL_URL,
    }

    answer = shop.client.post("/window/billing", json=asked | change)

    assert (answer.status_code, answer.json["code"]) == (400, code)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_an_unknown_window_is_not_found(shop):
    assert shop.client.get("/window/billing/unknown").status_code == 404


def test_the_script_and_what_the_window_needs_are_served(client):
    for path in ("/v2/standard", "/static/window.js", "/static/window.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        answer.close()


def test_a_payment_links_to_a_receipt(shop):
    payment = shop.charge(shop.billing_key()).json

    page = shop.client.get(payment["receipt"]["url"]).text

    assert "9,900원" in page
    assert "프리미엄 월간" in page


def test_an_unknown_payment_has_no_receipt(client):
    assert client.get("/receipt/redirection?transactionId=unknown").status_code == 404
