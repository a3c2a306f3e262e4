import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from sandbox.app import create_app
from tests.sandbox.shop import CUSTOMER_KEY, Shop, authorization

PAYMENT_FIELDS = """
    mId lastTransactionKey paymentKey orderId orderName taxExemptionAmount status requestedAt
    approvedAt useEscrow cultureExpense card virtualAccount transfer mobilePhone giftCertificate
    cashReceipt cashReceipts discount cancels secret type easyPay country failure
    isPartialCancelable receipt checkout currency totalAmount balanceAmount suppliedAmount vat
    taxFreeAmount method version metadata
"""
CARD_FIELDS = """
    issuerCode acquirerCode number installmentPlanMonths isInterestFree interestPayer approveNo
    useCardPoint cardType ownerType acquireStatus amount
"""
CANCEL_FIELDS = """
    transactionKey cancelReason taxExemptionAmount canceledAt cardDiscountAmount
    transferDiscountAmount easyPayDiscountAmount receiptKey cancelStatus cancelRequestId
    cancelAmount taxFreeAmount refundableAmount
"""


def code_of(answer):
    return answer.status_code, answer.json["code"]


def test_issue_answers_with_a_billing_key_once(shop):
    auth_key = shop.auth_key()

    answer = shop.issue(auth_key)

    assert re.fullmatch(r"[\w-]{43}=", answer.json["billingKey"])
    assert answer.json["customerKey"] == CUSTOMER_KEY
    assert answer.json["method"] == "카드"
    assert answer.json["card"] == {
        "issuerCode": "21",
        "acquirerCode": "21",
        "number": "94100012****789*",
        "cardType": "신용",
        "ownerType": "개인",
    }
    assert code_of(shop.issue(auth_key)) == (404, "NOT_FOUND_BILLING")


def test_the_old_way_of_issuing_still_works(shop):
    answer = shop.ask(
        "POST", f"/v1/billing/authorizations/{shop.auth_key()}", {"customerKey": CUSTOMER_KEY}
    )

    assert answer.status_code == 200
    assert answer.json["billingKey"]


def test_issuing_by_card_number_is_refused(shop):
    answer = shop.ask("POST", "/v1/billing/authorizations/card", {"cardNumber": "9410001234567890"})

    assert code_of(answer) == (400, "NOT_SUPPORTED_METHOD")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"authKey": "unknown", "customerKey": CUSTOMER_KEY}, 404, "NOT_FOUND_BILLING"),
        ({"authKey": "a" * 301, "customerKey": CUSTOMER_KEY}, 400, "INVALID_REQUEST"),
        ({"customerKey": CUSTOMER_KEY}, 400, "INVALID_REQUIRED_PARAM"),
        ({"authKey": "unknown"}, 400, "INVALID_REQUIRED_PARAM"),
        ({"authKey": "unknown", "customerKey": "a"}, 400, "INVALID_CUSTOMER_KEY"),
        ({"authKey": "unknown", "customerKey": "a b"}, 400, "INVALID_CUSTOMER_KEY"),
        ({"authKey": 1, "customerKey": CUSTOMER_KEY}, 400, "INVALID_REQUEST"),
        (["authKey"], 400, "INVALID_REQUEST"),
    ],
)
def test_a_wrong_issue_is_refused(shop, body, status, code):
    assert code_of(shop.ask("POST", "/v1/billing/authorizations/issue", body)) == (status, code)


def test_another_customer_cannot_use_a_one_time_key(shop):
    auth_key = shop.auth_key()

    assert code_of(shop.issue(auth_key, "another-customer")) == (404, "NOT_FOUND_BILLING")
    assert shop.issue(auth_key).status_code == 200


def test_a_card_can_be_refused_when_it_is_issued(shop):
    auth_key = shop.auth_key("issue-refused")

    assert code_of(shop.issue(auth_key)) == (400, "INVALID_REJECT_CARD")
    assert code_of(shop.issue(auth_key)) == (404, "NOT_FOUND_BILLING")


def test_a_charge_answers_with_a_payment(shop):
    answer = shop.charge(shop.billing_key("works-check"), taxFreeAmount=3000, amount=10000)

    payment = answer.json
    assert answer.status_code == 200
    assert re.fullmatch(r"bill_\d{14}[A-Za-z0-9]{5}", payment["paymentKey"])
    assert re.fullmatch(r"txrd_a01[a-z0-9]{24}", payment["lastTransactionKey"])
    assert payment["approvedAt"].endswith("+09:00")
    assert (
        payment
        | {
            "status": "DONE",
            "type": "BILLING",
            "method": "카드",
            "currency": "KRW",
            "orderId": "order-1",
            "orderName": "프리미엄 월간",
            "totalAmount": 10000,
            "balanceAmount": 10000,
            "suppliedAmount": 6364,
            "vat": 636,
            "taxFreeAmount": 3000,
            "cancels": None,
            "isPartialCancelable": True,
        }
        == payment
    )
    assert payment["card"]["issuerCode"] == "15"
    assert payment["card"]["acquirerCode"] == "11"
    assert shop.order().json == payment
    assert shop.ask("GET", f"/v1/payments/{payment['paymentKey']}").json == payment


def test_a_payment_has_the_fields_that_toss_answers_with(shop):
    payment = shop.charge(shop.billing_key()).json
    canceled = shop.cancel(payment["paymentKey"]).json

    assert set(payment) == set(canceled) == set(PAYMENT_FIELDS.split())
    assert set(payment["card"]) == set(CARD_FIELDS.split())
    assert set(canceled["cancels"][0]) == set(CANCEL_FIELDS.split())


@pytest.mark.parametrize(
    ("amount", "tax_free", "supplied", "vat"),
    [(9900, 0, 9000, 900), (15000, 0, 13636, 1364), (11000, 10000, 909, 91), (5000, 5000, 0, 0)],
)
def test_tax_is_an_eleventh_of_the_taxed_part(shop, amount, tax_free, supplied, vat):
    payment = shop.charge(shop.billing_key(), amount=amount, taxFreeAmount=tax_free).json

    assert (payment["suppliedAmount"], payment["vat"]) == (supplied, vat)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "9900"}, "INVALID_REQUEST"),
        ({"amount": 9900.5}, "INVALID_REQUEST"),
        ({"amount": True}, "INVALID_REQUEST"),
        ({"amount": None}, "INVALID_REQUIRED_PARAM"),
        ({"amount": 99}, "BELOW_MINIMUM_AMOUNT"),
        ({"amount": -1}, "BELOW_ZERO_AMOUNT"),
        ({"customerKey": None}, "INVALID_REQUIRED_PARAM"),
        ({"customerKey": "another-customer"}, "NOT_MATCHES_CUSTOMER_KEY"),
        ({"orderId": None}, "INVALID_REQUIRED_PARAM"),
        ({"orderId": "short"}, "INVALID_ORDER_ID"),
        ({"orderId": "x" * 65}, "INVALID_ORDER_ID"),
        ({"orderId": "order=1"}, "INVALID_ORDER_ID"),
        ({"orderId": "주문번호-1"}, "INVALID_ORDER_ID"),
        ({"orderId": "order-1\n"}, "INVALID_ORDER_ID"),
        ({"orderId": 123456}, "INVALID_REQUEST"),
        ({"orderName": None}, "INVALID_REQUIRED_PARAM"),
        ({"orderName": "x" * 101}, "INVALID_ORDER_NAME"),
        ({"customerEmail": "not an address"}, "INVALID_EMAIL"),
        ({"customerEmail": f"{'x' * 100}@a.kr"}, "INVALID_EMAIL"),
        ({"customerName": "x" * 101}, "INVALID_REQUEST"),
        ({"taxFreeAmount": 9901}, "INVALID_REQUEST"),
        ({"taxFreeAmount": "0"}, "INVALID_REQUEST"),
        ({"taxFreeAmount": -1}, "BELOW_ZERO_AMOUNT"),
        ({"cardInstallmentPlan": 1}, "INVALID_CARD_INSTALLMENT_PLAN"),
        ({"cardInstallmentPlan": 3}, "NOT_ALLOWED_INSTALLMENT_BELOW_AMOUNT"),
    ],
)
def test_a_wrong_charge_is_refused_and_leaves_no_payment(shop, changes, code):
    answer = shop.charge(shop.billing_key(), **changes)

    assert code_of(answer) == (400, code)
    assert code_of(shop.order()) == (404, "NOT_FOUND_PAYMENT")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", '{"amount": "원"'.encode("cp949")])
def test_a_body_that_is_no_json_object_is_refused(shop, body):
    answer = shop.client.post(
        f"/v1/billing/{shop.billing_key()}",
        data=body,
        content_type="application/json",
        headers={"Authorization": authorization(shop.pair.secret_key)},
    )

    assert code_of(answer) == (400, "INVALID_REQUEST")


def test_a_form_is_not_json(shop):
    answer = shop.client.post(
        f"/v1/billing/{shop.billing_key()}",
        data={"amount": 9900},
        headers={"Authorization": authorization(shop.pair.secret_key)},
    )

    assert code_of(answer) == (400, "INVALID_REQUEST")


def test_a_billing_key_may_be_percent_encoded(shop):
    assert shop.charge(quote(shop.billing_key(), safe="")).status_code == 200


def test_an_unknown_billing_key_is_refused(shop):
    assert code_of(shop.charge("unknown")) == (400, "INVALID_BILL_KEY_REQUEST")


def test_an_order_id_is_used_up_by_an_approval(shop):
    billing_key = shop.billing_key()
    payment = shop.charge(billing_key).json
    assert code_of(shop.charge(billing_key)) == (400, "DUPLICATED_ORDER_ID")

    shop.cancel(payment["paymentKey"])

    assert code_of(shop.charge(billing_key)) == (400, "DUPLICATED_ORDER_ID")


def test_of_many_charges_at_once_with_one_order_id_one_is_made(app, shop):
    billing_key = shop.billing_key("slow")

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: Shop(app.test_client()).charge(billing_key).status_code, range(8))
        )

    assert sorted(answers) == [200] + [400] * 7


@pytest.mark.parametrize(
    ("card", "status", "code"),
    [
        ("no-funds", 403, "REJECT_CARD_PAYMENT"),
        ("limit", 400, "EXCEED_MAX_AMOUNT"),
        ("expired", 400, "INVALID_CARD_EXPIRATION"),
        ("lost-card", 400, "INVALID_CARD_LOST_OR_STOLEN"),
        ("never", 400, "INVALID_STOPPED_CARD"),
        ("unsupported", 400, "NOT_SUPPORTED_CARD_TYPE"),
        ("server-error", 500, "FAILED_INTERNAL_SYSTEM_PROCESSING"),
    ],
)
def test_a_declined_charge_leaves_no_payment_and_its_order_id_free(shop, card, status, code):
    assert code_of(shop.charge(shop.billing_key(card))) == (status, code)
    assert code_of(shop.order()) == (404, "NOT_FOUND_PAYMENT")
    assert shop.charge(shop.billing_key()).status_code == 200


def test_a_slow_card_is_charged_in_the_end(shop):
    assert shop.charge(shop.billing_key("slow")).json["status"] == "DONE"


def test_a_card_whose_answer_is_lost_is_charged_all_the_same(shop):
    billing_key = shop.billing_key("charge-lost")

    with pytest.raises(ConnectionAbortedError):
        shop.charge(billing_key, {"Idempotency-Key": "k1"})

    assert shop.order().json["status"] == "DONE"
    again = shop.charge(billing_key, {"Idempotency-Key": "k1"})
    assert again.json == shop.order().json


def test_a_deleted_billing_key_is_not_charged(shop):
    billing_key = shop.billing_key()

    deletion = shop.ask("DELETE", f"/v1/billing/{billing_key}")

    assert (deletion.status_code, deletion.get_data()) == (200, b"")
    assert code_of(shop.charge(billing_key)) == (400, "ALREADY_REMOVED_BILLING_KEY")
    again = shop.ask("DELETE", f"/v1/billing/{billing_key}")
    assert code_of(again) == (400, "ALREADY_REMOVED_BILLING_KEY")


def test_deleting_an_unknown_billing_key_is_refused(shop):
    assert code_of(shop.ask("DELETE", "/v1/billing/unknown")) == (404, "NOT_FOUND_BILLING")


def test_the_old_generation_names_the_card_company():
    app = create_app(api_version="2022-06-08")
    shop = Shop(app.test_client())

    billing = shop.issue(shop.auth_key()).json
    payment = shop.charge(billing["billingKey"]).json

    assert (billing["cardCompany"], billing["cardNumber"]) == ("하나", "94100012****789*")
    assert billing["card"]["company"] == "하나"
    assert payment["version"] == "2022-06-08"
    assert payment["card"]["company"] == "하나"
    assert "issuerCode" not in payment["card"]
    assert payment["card"]["receiptUrl"]
    app.extensions["sandbox"].ledger.close()


def test_an_unknown_api_version_is_refused():
    with pytest.raises(ValueError, match="2022-11-16"):
        create_app(api_version="1.4")


def test_a_path_or_method_that_toss_does_not_have_is_refused(shop):
    assert code_of(shop.ask("GET", "/v1/nothing")) == (404, "NOT_FOUND_HTTP_METHOD")
    assert code_of(shop.ask("GET", "/v1/billing/key")) == (404, "NOT_FOUND_HTTP_METHOD")
