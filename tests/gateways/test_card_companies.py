"""Names of card companies, banks and wallets, for who reads Korean and for who does not."""

import re

import pytest

from gateways.card_companies import NAMES, account_at, bank_of, latin_name_of


@pytest.mark.parametrize("name", sorted(set(NAMES.values())))
def test_every_card_company_has_a_name_without_korean_letters(name):
    assert not re.search("[가-힣]", latin_name_of(name))


@pytest.mark.parametrize("bank", ["토스뱅크", "신한", "새마을금고"])
def test_an_account_tells_its_bank(bank):
    assert bank_of(account_at(bank)) == bank


def test_an_account_of_an_unnamed_bank_is_an_account():
    assert account_at(None) == "은행 계좌"


def test_a_card_is_no_account():
    assert bank_of("하나") is None
