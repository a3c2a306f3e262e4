"""The reviewer walks the whole path, sees what is theirs, and nothing else."""

import pytest

from models import Subscription, db
from models.user import Role
from review import State
from tests.conftest import _kept, _person
from tests.review.conftest import REVIEWER, of_state

pytestmark = pytest.mark.slow

CANCELLATION = "/subscription/cancellation"


@pytest.fixture
def reviewer(app, now):
    return _kept(app, _person(REVIEWER.email, "심사 담당자", Role.REVIEWER, now))


def test_a_reviewer_walks_the_path_and_sees_their_history(
    client, page, log_in, reviewer, plan, come_back
):
    log_in(reviewer)
    assert "주문 확인" in page(f"/checkout/{plan.slug}").text

    answer = client.get(come_back())

    assert "구독을 시작했어요" in page(answer.location).text
    history = page("/payments")
    payment = next(link for link in history.links if link.startswith("/payments/"))
    assert "9,900원" in history.text and "9,900원" in page(payment).text
    assert "이용 중" in page("/subscription").text
    assert CANCELLATION in page("/subscription").links


def test_a_reviewer_sees_no_other_customer_and_no_back_office(
    app, client, page, log_in, subscribed, reviewer, come_back
):
    theirs = [link for link in page("/payments").links if link.startswith("/payments/")]
    theirs += page("/account/consents").links
    client.post("/logout")
    log_in(reviewer)

    for path in theirs:
        if path.rpartition("/")[2].isdigit():
            assert client.get(path).status_code == 404, path
    for path in ("/admin", "/admin/review", "/admin/log", "/components"):
        assert client.get(path).status_code == 404, path
    for path in ("/payments", "/subscription", "/account", "/account/consents"):
        assert subscribed.email not in page(path).text
    assert "결제한 내역이 없어요" in page("/payments").text


@pytest.fixture
def subscribed_shop(shop):
    """Return the shop after the reviewer subscribed."""
    shop.subscribe(REVIEWER.email)
    return shop


def test_a_reviewer_who_subscribed_already_is_sent_on_and_that_is_met(subscribed_shop):
    report = subscribed_shop.check()

    assert of_state(report, State.UNMET) == of_state(report, State.UNCHECKED) == set()
    assert {"order", "history", "leaving-page", "others"} <= of_state(report, State.MET)
    assert {"consents", "sdk", "customer-key"} <= of_state(report, State.ONLY_YOU)
    assert report.is_met
    posts = [path for method, path in subscribed_shop.edge.asked if method == "POST"]
    assert "/checkout/basic-monthly" not in posts


def test_a_reviewer_who_is_leaving_meets_it_too(subscribed_shop):
    with subscribed_shop.app.app_context():
        subscription = db.session.get(Subscription, 2)
        subscription.schedule_cancellation(now=subscribed_shop.now)
        db.session.commit()

    report = subscribed_shop.check()

    assert of_state(report, State.UNMET) == set()
    assert "leaving-page" in of_state(report, State.MET)


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/subscription", f'href="{CANCELLATION}"'),
        (CANCELLATION, "<strong>지금 해지.*?</strong>"),
        (CANCELLATION, "<strong>다음 결제일에 해지</strong>"),
    ],
)
def test_a_way_out_that_is_hidden_is_reported(subscribed_shop, path, pattern):
    subscribed_shop.replace(path, pattern, "")
    subscribed_shop.edge.replays = False

    assert of_state(subscribed_shop.check(), State.UNMET) == {"leaving-page"}
