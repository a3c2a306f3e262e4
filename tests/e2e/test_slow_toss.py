"""Toss slow or silent, customers many, processes killed: one key and one charge each."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import pytest

from bin.customer import Customer
from bin.shop import Shop
from tests.e2e.steps import wait_until

pytestmark = pytest.mark.e2e


def charges(shop: Shop, customer: Customer) -> list[Any]:
    return [p for p in shop.control.ledger()["payments"] if p["customer_email"] == customer.email]


def keys(shop: Shop, customer: Customer) -> list[Any]:
    ledger = shop.control.ledger()
    return [key for key in ledger["billing_keys"] if key["customer_email"] == customer.email]


def test_coming_back_five_times_at_once_and_after_a_restart(shop: Shop) -> None:
    customer = Customer(shop)
    customer.sign_up()
    address = customer.return_address()

    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: customer.get(address), range(5)))
    shop.restart_web(crash=True)
    answers.append(customer.get(address))

    assert {answer.status_code for answer in answers} == {303}
    location = answers[0].headers["Location"]
    assert {answer.headers["Location"] for answer in answers} == {location}
    wait_until(lambda: "구독을 시작했어요" in customer.get(location).text)
    assert len(keys(shop, customer)) == len(charges(shop, customer)) == 1


def test_a_hanging_toss_holds_nobody_up_and_a_crash_loses_nothing(
    new_shop: Callable[..., Shop],
) -> None:
    shop = new_shop(TOSS_TIMEOUT="3", TOSS_WEB_ROOM="6", TOSS_WEB_WAIT="2")
    customers = [Customer(shop) for _ in range(8)]
    for customer in customers:
        customer.sign_up()
    addresses = [customer.return_address() for customer in customers]
    shop.control.plant([{"operation": "any", "kind": "hang", "seconds": 60, "times": None}])

    begun = monotonic()
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda each: each[0].get(each[1]), zip(customers, addresses, strict=True))
        )
    assert monotonic() - begun < 6
    assert {answer.status_code for answer in answers} == {303}
    locations = [answer.headers["Location"] for answer in answers]
    for customer, location in zip(customers, locations, strict=True):
        assert "확인 중이에요" in customer.get(location).text
        assert customer.get("/").status_code == 200

    shop.restart_web(crash=True)
    shop.control.plant([])

    for customer, location in zip(customers, locations, strict=True):
        wait_until(lambda c=customer, at=location: "구독을 시작했어요" in c.get(at).text)  # type: ignore[misc]
        assert len(keys(shop, customer)) == len(charges(shop, customer)) == 1
