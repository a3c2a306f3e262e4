"""The 결제경로 file, read back: its order, its facts, and what every capture carries."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image
from pptx import Presentation
from pptx.util import Inches

import config
from review.captures import SIGNED_IN, Account, Capture, SoldPlan, Step, Walked
from review.deck import write_deck
from review.merchant import Merchant
from review.slides import DRAFT

URL = "https://shop.example.kr"
MADE_AT = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
ACCOUNT = Account("reviewer@example.kr", "moonlight-review-1")
MERCHANT = Merchant.of(config.DEFAULTS)
PARTS = {Step.REFUND_POLICY: 3, Step.ORDER: 2}
TITLES = [
    "① 가맹점 정보",
    "② 하단 정보",
    "③ 환불 규정 (1/3)",
    "③ 환불 규정 (2/3)",
    "③ 환불 규정 (3/3)",
    "④ 로그인",
    "④ 회원가입",
    "⑤ 상품 목록",
    "⑤ 상품 상세",
    "⑤ 주문 확인 (1/2)",
    "⑤ 주문 확인 (2/2)",
    "⑥ 카드 등록창",
    "⑥ 결제 내역",
    "⑥ 내 구독",
    "제출하기 전에 할 일",
]


def png(width: int = 1280, height: int = 800) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "#fdfcf8").save(file, "PNG")
    return file.getvalue()


def captures(steps: Any = Step) -> tuple[Capture, ...]:
    """Return a capture of each step, a second apart, in another order than the file's."""
    taken = [
        Capture(step, f"{URL}/{step}", MADE_AT, png(), ("제목",), part, PARTS.get(step, 1))
        for step in reversed(steps)
        for part in range(1, PARTS.get(step, 1) + 1)
    ]
    return tuple(
        replace(each, taken_at=MADE_AT + timedelta(seconds=second))
        for second, each in enumerate(taken)
    )


WALKED = Walked(
    captures=captures(list(Step)),
    plan=SoldPlan("프리미엄 월간", "월 9,900원 부가세 포함", "결제일로부터 1개월"),
    footer="",
    is_sandbox=False,
    has_paid=True,
)


def read_back(**changes: Any) -> Any:
    """Write a deck with these changes and return the presentation."""
    given: dict[str, Any] = {
        "url": URL,
        "merchant": MERCHANT,
        "account": ACCOUNT,
        "mid": "bill_shop1",
        "walked": WALKED,
        "made_at": MADE_AT,
    }
    file = io.BytesIO()
    write_deck(file, **{**given, **changes})
    return Presentation(io.BytesIO(file.getvalue()))


@pytest.fixture(scope="module")
def presentation() -> Any:
    """Return the deck of a shop with everything in order."""
    return read_back()


@pytest.fixture(scope="module")
def slides(presentation: Any) -> list[Any]:
    """Return its slides."""
    return list(presentation.slides)


def titles(slides: list[Any]) -> list[str]:
    return [slide.shapes.title.text_frame.text for slide in slides]


def facts(slide: Any) -> dict[str, str]:
    table = next(shape.table for shape in slide.shapes if shape.has_table)
    return {row.cells[0].text: row.cells[1].text for row in table.rows}


def pictures(slide: Any) -> list[Any]:
    return [shape for shape in slide.shapes if hasattr(shape, "image")]


def shown(slide: Any) -> list[Any]:
    return [slide for slide in slide if pictures(slide)]


def words(slide: Any) -> str:
    """Return every word on a slide, of its groups too."""
    texts = []
    shapes = list(slide.shapes)
    for shape in shapes:
        shapes += list(getattr(shape, "shapes", []))
        if shape.has_text_frame:
            texts.append(shape.text_frame.text)
    return "\n".join(texts)


def test_the_slides_stand_in_the_order_of_the_guide(slides):
    assert titles(slides) == TITLES


def test_the_first_slide_holds_the_facts_and_the_account_as_given(slides):
    found = facts(slides[0])

    assert list(found)[:7] == [
        "상호명",
        "대표자명",
        "사업자등록번호",
        "서비스 이름",
        "URL",
        "Test ID",
        "Test PW",
    ]
    assert found["상호명"] == config.DEFAULTS["BIZ_COMPANY"]
    assert found["대표자명"] == config.DEFAULTS["BIZ_REP"]
    assert found["사업자등록번호"] == "999-99-00005"
    assert (found["URL"], found["MID"]) == (URL, "bill_shop1")
    assert (found["Test ID"], found["Test PW"]) == (ACCOUNT.email, ACCOUNT.password)
    assert "9,900원" in found["캡처한 상품"] and "결제일로부터 1개월" in found["캡처한 상품"]
    assert found["만든 때"] == "2026-11-21 19:30:00 (KST)"


def test_without_a_mid_there_is_no_row_for_it():
    assert "MID" not in facts(read_back(mid=None).slides[0])


def test_the_slide_of_the_footer_writes_out_all_six_facts(slides):
    told = words(slides[1])

    for name in ("BIZ_COMPANY", "BIZ_REP", "BIZ_NO", "BIZ_MAILORDER_NO", "BIZ_ADDR", "BIZ_TEL"):
        assert config.DEFAULTS[name] in told


def test_each_capture_says_where_and_when_it_was_taken_and_that_it_is_a_draft(slides):
    expected = {capture.step: capture for capture in WALKED.captures if capture.part == 1}
    firsts = [slide for slide in shown(slides) if "(2/" not in words(slide)]
    firsts = [slide for slide in firsts if "(3/" not in words(slide)]

    assert len(firsts) == len(Step)
    for slide, step in zip(firsts, Step, strict=True):
        moment = expected[step].taken_at + timedelta(hours=9)
        told = words(slide)
        assert f"{URL}/{step}" in told
        assert f"{moment:%Y-%m-%d %H:%M:%S} (KST)" in told
        assert DRAFT in told
        assert "보이는 것" in told and "심사 기준" in told
        (picture,) = pictures(slide)
        description = picture._element.nvPicPr.cNvPr.get("descr")
        assert f"{URL}/{step}" in description and f"{moment:%H:%M:%S}" in description


def test_only_the_first_slide_shows_the_password(slides):
    assert [ACCOUNT.password in words(slide) for slide in slides[1:]] == [False] * 14


@pytest.mark.parametrize("size", [(1280, 800), (2560, 1600), (1920, 1080), (600, 1400)])
def test_a_capture_is_whole_in_its_own_proportions_and_inside_its_room(size):
    walked = replace(WALKED, captures=(replace(WALKED.captures[0], png=png(*size)),))

    (slide,) = shown(read_back(walked=walked).slides)

    (picture,) = pictures(slide)
    assert picture.width / picture.height == pytest.approx(size[0] / size[1], rel=0.001)
    crops = (picture.crop_left, picture.crop_right, picture.crop_top, picture.crop_bottom)
    assert crops == (0, 0, 0, 0)
    assert picture.left >= Inches(0.4) and picture.left + picture.width <= Inches(9.4)
    assert picture.top >= Inches(1.3) and picture.top + picture.height <= Inches(7)


def test_a_capture_stands_in_a_placeholder_that_another_fits_into(slides):
    for slide in shown(slides):
        (picture,) = pictures(slide)
        assert picture.is_placeholder
        assert picture.placeholder_format.idx == 1
        assert [shape.placeholder_format.idx for shape in slide.placeholders] == [0, 1, 2]


def test_nothing_stands_outside_a_slide_and_no_letter_is_tiny(presentation):
    assert presentation.slide_width / presentation.slide_height == pytest.approx(16 / 9, rel=0.001)
    for slide in presentation.slides:
        for shape in slide.shapes:
            assert shape.left >= 0 and shape.left + shape.width <= presentation.slide_width
            assert shape.top >= 0 and shape.top + shape.height <= presentation.slide_height
            for paragraph in shape.text_frame.paragraphs if shape.has_text_frame else ():
                sizes = [run.font.size.pt for run in paragraph.runs if run.font.size]
                assert all(size >= 10 for size in sizes)


def test_a_page_in_parts_says_what_each_part_shows(slides):
    first, second, last = slides[2:5]

    assert "다음 장" in words(first) and "제목" in words(first)
    assert "앞 장에서 이어지는" in words(second) and "다음 장" in words(second)
    assert "이 아래에는 ②의 하단 정보만" in words(last) and "다음 장" not in words(last)


def test_a_long_address_keeps_its_domain():
    captured = replace(WALKED.captures[0], address=f"{URL}/plans/{'a' * 200}")

    (slide,) = shown(read_back(walked=replace(WALKED, captures=(captured,))).slides)

    assert f"{URL}/plans/aaa" in words(slide) and "aaa…" in words(slide)


def test_an_account_that_never_paid_is_said_to_have_no_history(slides):
    empty = list(read_back(walked=replace(WALKED, has_paid=False)).slides)

    assert ["비어 있어요" in words(slide) for slide in empty[-3:]] == [True, True, True]
    assert not any("비어 있어요" in words(slide) for slide in slides[-3:])


def test_without_an_account_its_screens_stay_empty_with_room_for_captures():
    public = tuple(one for one in WALKED.captures if one.step not in SIGNED_IN)

    walked = replace(WALKED, captures=public, has_paid=False)
    slides = list(read_back(account=None, walked=walked).slides)

    assert titles(slides)[-5:-1] == ["⑤ 주문 확인", "⑥ 카드 등록창", "⑥ 결제 내역", "⑥ 내 구독"]
    for slide in slides[-5:-1]:
        assert pictures(slide) == []
        assert DRAFT in words(slide) and "캡처를 여기에" in words(slide)
        assert "(KST)" not in words(slide)
    assert facts(slides[0])["Test PW"] == "적어 주세요"
    assert "⑤ 주문 확인, ⑥ 카드 등록창" in words(slides[-1])


def test_the_last_slide_lists_what_is_left_to_do_by_hand(slides):
    told = words(slides[-1])

    for needed in ("즐겨찾기", "시계", "초안 표시", "BC카드", "사업자등록증", "PDF가 아니라 PPT"):
        assert needed in told
    assert "모의 결제" not in told and "이 컴퓨터에서만" not in told and "KB국민카드" not in told


def test_what_would_be_sent_back_is_told_on_the_last_slide():
    exempt = replace(MERCHANT, mail_order="간이과세자로 신고 면제")
    walked = replace(WALKED, is_sandbox=True)

    local = read_back(url="http://127.0.0.1:8000", merchant=exempt, walked=walked)
    slides = list(local.slides)

    told = words(slides[-1])
    assert "모의 결제" in told and "이 컴퓨터에서만" in told and "KB국민카드" in told
    assert "모의 결제창" in words(slides[-4])


def test_the_font_is_one_that_merchants_have(presentation):
    theme = presentation.slide_master.part.part_related_by(
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/theme"
    )
    assert theme.blob.decode().count('<a:latin typeface="맑은 고딕"') == 2
    assert theme.blob.decode().count('<a:ea typeface="맑은 고딕"') == 2
    assert "Calibri" not in theme.blob.decode()
    about = presentation.core_properties
    assert (about.author, about.title) == (
        "주식회사 달빛서재",
        "달빛서재 결제경로 파일 (토스페이먼츠 자동결제)",
    )
