"""What Toss answers for accounts and wallets, read into the contract's answers."""

import pytest

from gateways.toss_answers import issued_billing_key

BILLING = {
    "mId": "tvivarepublica",
    "customerKey": "8a1f4c9e-6d0b-4a57-9f0e-2b1d3c4e5f60",
    "authenticatedAt": "2026-01-05T10:00:00+09:00",
    "billingKey": "key=",
    "card": None,
    "transfers": None,
    "easyPay": None,
}


def test_an_account_is_named_by_its_bank():
    transfers = [{"bankName": "토스뱅크", "bankAccountNumber": "1000********"}]
    issued = issued_billing_key({**BILLING, "method": "계좌이체", "transfers": transfers}, None)

    assert issued.card is not None
    assert (issued.card.issuer_name, issued.card.number) == ("토스뱅크 계좌", "1000********")
    assert not issued.is_wallet


@pytest.mark.parametrize("easy_pay", ["토스페이", {"provider": "토스페이", "amount": 0}])
def test_a_wallet_is_named_whatever_its_shape(easy_pay):
    issued = issued_billing_key({**BILLING, "method": "간편결제", "easyPay": easy_pay}, None)

    assert issued.card is not None
    assert (issued.card.issuer_name, issued.card.number) == ("토스페이", "")
    assert issued.is_wallet


def test_a_wallet_that_shows_its_card_is_named_by_the_card_and_is_a_wallet():
    card = {"issuerCode": "21", "number": "94100012****789*", "cardType": "신용"}
    answer = {**BILLING, "method": "카드", "card": card, "easyPay": {"provider": "네이버페이"}}
    issued = issued_billing_key(answer, None)

    assert issued.card is not None and issued.card.number == "94100012****789*"
    assert issued.is_wallet


@pytest.mark.parametrize("transfers", [[], [None], "x", {}])
def test_odd_transfers_name_nothing(transfers):
    issued = issued_billing_key({**BILLING, "method": "계좌이체", "transfers": transfers}, None)

    assert issued.card is None
