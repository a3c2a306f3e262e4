"""Pages of a customer: signed in, with what the fake gateway and the room do in plain sight."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateways.fake import FakeGateway
from models import Plan, User

JSON = {"Accept": "application/json"}


@pytest.fixture
def order(client: FlaskClient, plan: Plan, page: Callable) -> Callable[..., dict[str, str]]:
    """Post the order page of a signed-in customer; return what the card window needs."""

    def post(slug: str = plan.slug) -> dict[str, str]:
        shown = page(f"/checkout/{slug}")
        answer = client.post(
            f"/checkout/{slug}",
            data={"quote": shown.value("quote"), "purchase": "y", "recurring": "y"},
            headers=JSON,
        )
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return answer.get_json()

    return post


@pytest.fixture
def come_back(
    client: FlaskClient, gateway: FakeGateway, order: Callable[..., dict[str, str]]
) -> Callable[[], str]:
    """Order, register a card, and return the address that Toss sends the customer to."""

    def register() -> str:
        window = order()
        auth_key = gateway.register(window["customerKey"])
        return f"{window['successUrl']}&customerKey={window['customerKey']}&authKey={auth_key}"

    return register


@pytest.fixture
def subscribed(
    app: Flask, client: FlaskClient, log_in: Callable, user: User, come_back: Callable[[], str]
) -> User:
    """Return a signed-in customer with a paid subscription."""
    log_in(user)
    assert client.get(come_back()).status_code == 303
    return user
