"""The merchant's way from a new plan with a picture to a customer who sees it, and back."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from bin.shop import Shop
from tests.e2e.steps import enter_back_office, heading

pytestmark = pytest.mark.e2e

ALT = "밤하늘에 뜬 보름달"


def test_a_plan_with_a_picture_is_made_sold_and_retired(
    page: Page,
    new_page: Callable[..., Any],
    shop: Shop,
    screenshot: Callable[[str], Any],
    tmp_path: Path,
) -> None:
    slug, picture = f"moon-{secrets.token_hex(4)}", tmp_path / "moon.png"
    Image.radial_gradient("L").resize((1600, 1200)).save(picture)
    enter_back_office(page, shop)
    page.get_by_role("link", name="상품", exact=True).click()
    heading(page, "상품")
    page.get_by_role("link", name="플랜 더하기").first.click()
    page.get_by_label("이름", exact=True).fill("보름달 월간")
    page.get_by_label("한 줄 소개").fill("달이 찬 밤에 읽어요.")
    page.get_by_label("설명", exact=True).fill("한 달 동안 달빛 아래에서 읽어요.")
    page.get_by_label("담긴 것").fill("서재의 글 모두 읽기")
    page.get_by_label("금액(원)", exact=True).fill("7,900")
    page.get_by_label("영문 이름").fill(slug)
    page.get_by_role("button", name="플랜 만들기").click()

    heading(page, "보름달 월간")
    page.get_by_label("그림 파일").set_input_files(picture)
    page.get_by_label("그림 설명").fill(ALT)
    page.get_by_role("button", name="그림 저장하기").click()
    expect(page.get_by_role("status")).to_have_text("그림을 바꾸었어요.")
    screenshot("plan in the back office")
    page.get_by_role("button", name="판매 시작하기").click()
    expect(page.get_by_role("status")).to_have_text("보름달 월간 판매를 시작했어요.")

    screen = str(page.viewport_size["width"]) if page.viewport_size else "1280"
    stranger = new_page(screen)
    stranger.goto("/plans")
    shown = stranger.get_by_role("img", name=ALT).last
    shown.scroll_into_view_if_needed()
    expect(shown).to_have_js_property("naturalWidth", 1280)
    assert stranger.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    stranger.get_by_role("link", name="보름달 월간 자세히 보기").last.click()
    heading(stranger, "보름달 월간")
    expect(stranger.get_by_text("월 7,900원").first).to_be_visible()

    page.get_by_role("link", name="판매 끝내기").click()
    heading(page, "판매 끝내기")
    page.get_by_role("button", name="판매 끝내기").click()
    heading(page, "보름달 월간")
    after = new_page(screen)
    after.goto("/plans")
    expect(after.get_by_role("img", name=ALT)).to_have_count(0)


def test_a_file_that_is_too_large_is_told_before_it_is_sent(
    page: Page, shop: Shop, complaints: Any, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(b"\x89PNG" + bytes(20_000_000))
    enter_back_office(page, shop)
    page.goto("/admin/plans/1")
    page.get_by_label("그림 파일").set_input_files(large)
    told = page.get_by_label("그림 파일").evaluate("input => input.validationMessage")
    assert "5MB가 넘는 파일" in told

    complaints.allow("status of 413")
    page.locator("form[enctype]").evaluate("form => { form.noValidate = true; form.submit(); }")

    heading(page, "보내신 내용이 너무 커요")
    expect(page.locator("main")).to_contain_text("그림은 5MB까지 올릴 수 있어요")
