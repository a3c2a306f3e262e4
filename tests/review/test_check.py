"""The whole check against a real server: what it says, what it does, and where it gives up."""

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from gateways.payment import OutcomeUnknown
from models import Checkout, Subscription, WebhookEvent, db
from models.webhook_event import WebhookStatus
from review import State
from tests.review.conftest import Answer, of_state

pytestmark = pytest.mark.slow


def findings(report, key):
    """Return what was found about one requirement, as (place, what)."""
    found = next(one for one in report.results if one.requirement.key == key)
    return [(finding.place, finding.what) for finding in found.findings]


def test_a_complete_shop_meets_all_that_a_program_can_check(shop):
    report = shop.check()

    assert of_state(report, State.UNMET) == set()
    assert of_state(report, State.UNCHECKED) == set()
    assert of_state(report, State.WARNING) == set()
    assert len(of_state(report, State.MET)) > 55
    assert {"certificate", "captures", "phone-answered", "credit", "billing-contract"} <= of_state(
        report, State.ONLY_YOU
    )
    assert report.is_met


def test_a_complete_live_shop_meets_what_counts_in_live_too(live):
    report = live.check(url=live.origin)

    assert of_state(report, State.UNMET) == set()
    assert of_state(report, State.UNCHECKED) == set()
    assert of_state(report, State.WARNING) == set()
    assert of_state(report, State.ONLY_IN_LIVE) == set()
    assert {"own-facts", "live-keys", "https", "hsts", "hostname"} <= of_state(report, State.MET)


def test_nothing_is_posted_but_the_log_in_one_order_and_the_log_out(shop):
    with shop.app.app_context():
        before = db.session.scalar(select(func.count()).select_from(Subscription))
    shop.edge.asked.clear()

    shop.check()

    posts = [path for method, path in shop.edge.asked if method not in ("GET", "HEAD")]
    assert posts == ["/login", "/checkout/basic-monthly", "/logout"]
    with shop.app.app_context():
        newest = db.session.scalars(select(Checkout).order_by(Checkout.created_at.desc())).first()
        assert newest.is_open and newest.user.email == "review@example.com"
        assert db.session.scalar(select(func.count()).select_from(Subscription)) == before


def test_every_page_is_asked_for_once_by_each_visitor(shop):
    shop.edge.asked.clear()

    shop.check()

    often = {one for one in shop.edge.asked if shop.edge.asked.count(one) > 2}
    assert not {one for one in often if one[1] not in ("/login", "/signup", "/fail")}


def test_without_a_reviewer_the_rest_is_checked_and_the_order_is_not(shop):
    report = shop.check(None)

    assert of_state(report, State.UNMET) == set()
    assert {"log-in", "order", "consents", "customer-key", "history"} <= of_state(
        report, State.UNCHECKED
    )
    assert not report.is_met


def test_a_shop_that_is_not_there_is_said_once(shop):
    report = shop.check(url="http://127.0.0.1:1")

    assert of_state(report, State.UNMET) == {"reachable"}
    assert findings(report, "reachable") == [
        ("http://127.0.0.1:1/", "연결되지 않았거나 답이 중간에 끊겼어요")
    ]
    assert {"footer", "links", "order"} <= of_state(report, State.UNCHECKED)
    assert "business-number" in of_state(report, State.MET)


@pytest.fixture
def patience() -> Iterator[threading.Event]:
    """Return what a slow answer waits for; it is set when the test is over."""
    over = threading.Event()
    yield over
    over.set()


def slowly(shop, over):
    """Return what keeps an answer back until the test is over."""

    def change(answer: Answer) -> bool:
        shop.edge.hits += 1
        return over.wait(10)

    return change


def test_a_shop_that_does_not_answer_is_given_up_at_once(shop, patience):
    shop.change("/", slowly(shop, patience))
    shop.edge.replays = False
    started = time.monotonic()

    report = shop.check(seconds_each=0.5)

    assert time.monotonic() - started < 5
    assert of_state(report, State.UNMET) == {"reachable"}
    remedy = next(one for one in report.results if one.requirement.key == "reachable")
    assert "WEB_THREADS=1" in remedy.requirement.remedy
    assert "제때 답하지 않았어요" in findings(report, "reachable")[0][1]


def test_one_slow_page_is_a_broken_link_and_no_more(shop, patience):
    shop.change("/contact", slowly(shop, patience))
    shop.edge.replays = False

    report = shop.check(seconds_each=2)

    assert of_state(report, State.UNMET) == {"links"}
    assert findings(report, "links")[0] == ("/contact", "제때 답하지 않았어요 (/terms 화면의 링크)")


def test_a_huge_page_is_a_broken_link_and_no_more(shop):
    def swell(answer: Answer) -> bool:
        answer.body += b" " * 1_500_000
        return True

    shop.change("/contact", swell)
    shop.edge.replays = False

    report = shop.check()

    assert of_state(report, State.UNMET) == {"links"}
    assert findings(report, "links")[0][1].startswith("너무 크거나 읽을 수 없는")


def test_redirects_in_a_circle_are_a_broken_link_and_no_more(shop):
    shop.answer("/contact", "303 See Other", Location="/contact")

    report = shop.check()

    assert of_state(report, State.UNMET) == {"links"}
    assert findings(report, "links")[0][1].startswith("5번 넘게 다른 주소로 보내요")


@pytest.mark.parametrize("address", ["https://other.test/", "//other.test/x", "http://[", "tel:1"])
def test_links_to_other_sites_are_left_alone(shop, address):
    shop.replace("/", "</main>", f'<a href="{address}">밖</a></main>')

    report = shop.check()

    assert report.is_met


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe<![CDATA[<<<!--" + b"<div>" * 5000,
        b"/etc/passwd",
        b"http://other.test/",
        b'<?xml version="1.0"?><html><body>text</body></html>',
        b"<!DOCTYPE",
        b"<tr>" + b"<td>2026. 99. 99. 9,900\xec\x9b\x90</td>" * 5 + b"</tr>",
        b"<tr>" + b"<td>2026. 1. 1. 9,900\xec\x9b\x90</td>" * 5 + b"</tr>",
        b"<p>" + b"1,000," * 5000 + b"000\xec\x9b\x90</p>",
        b"",
    ],
)
def test_a_page_that_is_no_page_is_reported_and_breaks_nothing(shop, body):
    def garble(answer: Answer) -> bool:
        answer.body = body
        return True

    for path in ("/refund-policy", "/plans/basic-monthly", "/checkout/basic-monthly"):
        shop.change(path, garble)

    assert not shop.check().is_met


def test_an_example_in_an_impossible_period_is_no_example(shop):
    shop.replace("/refund-policy", r"2026\. 12\. 25\.", "2026. 11. 25.")

    assert "refund-examples" not in of_state(shop.check(), State.UNMET)


def test_a_bound_that_was_reached_is_said_and_is_no_fault_of_the_shop(shop):
    shop.edge.replays = True
    report = shop.check(pages_in_all=12)

    assert of_state(report, State.UNMET) == set()
    assert "links" in of_state(report, State.UNCHECKED)
    assert not report.is_met


def test_a_toss_that_does_not_answer_leaves_the_key_unchecked(shop):
    shop.edge.replays = True
    shop.gateway.fail_next("find_order", OutcomeUnknown("timeout"))

    report = shop.check()

    assert of_state(report, State.UNCHECKED) == {"secret-key"}
    assert not report.is_met


def test_a_webhook_that_came_proves_its_registration(shop):
    assert "webhook-registered" in of_state(shop.check(), State.ONLY_YOU)
    with shop.app.app_context():
        WebhookEvent.keep(
            b"{}",
            transmission_id="whtrans_1",
            event_type="PAYMENT_STATUS_CHANGED",
            is_of_use=False,
            vault=shop.app.extensions["vault"],
            now=shop.now,
        )
        db.session.commit()
        assert db.session.scalars(select(WebhookEvent.status)).one() is WebhookStatus.IGNORED
    shop.edge.replays = True

    report = shop.check()

    assert "webhook-registered" in of_state(report, State.MET)
    assert report.webhook.came_at == shop.now


def test_the_log_in_throttle_is_named(shop):
    shop.answer("/login", "429 Too Many Requests", method="POST")

    report = shop.check()

    assert "15분 뒤에" in findings(report, "log-in")[0][1]


def test_what_is_the_same_on_many_pages_is_said_once(shop):
    shop.replace(None, 'lang="ko"', 'lang="en"')

    report = shop.check()
    result = report.of_state(State.UNMET)[0]

    assert len(result.findings) > 20
    (places, what), *others = result.in_short
    assert not others and what == 'lang="ko"가 없어요'
    assert places.startswith("/, ") and "곳" in places and len(places) < 200


def test_what_the_application_form_asks_for_is_told(shop):
    application = shop.check().application

    assert application["최대 단가"] == "99,000원"
    assert application["최대 서비스 제공기간"] == "결제일로부터 12개월"
    assert application["환불 규정 주소"] == f"{shop.origin}/refund-policy"
    assert application["심사 계정"] == "review@example.com"
