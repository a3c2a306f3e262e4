"""The processes and the browser that the other browser tests stand on."""

import pytest
from playwright.sync_api import Error

from tests.e2e.conftest import Complaints

pytestmark = pytest.mark.e2e


def test_the_home_page_opens_at_both_widths(page, screenshot):
    page.goto("/")

    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert screenshot("home").stat().st_size > 0


def test_a_request_to_another_host_and_an_error_are_complained_about(new_page, complaints):
    page = new_page()

    with page.expect_console_message():
        page.evaluate("console.error('planted')")
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("https://example.com/")

    found = "\n".join(complaints.unexpected())
    assert "console: planted" in found
    assert "request to another host: https://example.com/" in found
    complaints.allow("planted|example.com|NOT_RESOLVED")


def test_complaints_that_are_expected_are_not_held_against_the_test():
    complaints = Complaints()
    complaints.add("console: status of 409")
    complaints.add("console: status of 500")

    complaints.allow("status of 409")

    assert complaints.unexpected() == ["console: status of 500"]


def test_web_comes_back_after_a_crash(shop):
    before = shop.web.pid

    shop.restart_web(crash=True)

    assert shop.web.pid != before
    assert shop.web.is_alive()
    assert "Listening at" in shop.logs()
