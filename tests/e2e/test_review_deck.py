"""`flask review deck`: a browser walks through the running shop, and the file shows what it saw."""

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import create_engine, text

from bin.customer import Customer
from bin.shop import Shop
from tests.e2e.review_file import PASSWORD, new_reviewer, run, signing_in, slides_of, words

pytestmark = pytest.mark.e2e

ADDRESS = re.compile(r"^https?://\S+$", re.M)
TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(KST\)$", re.M)


@pytest.fixture
def reviewer(shop: Shop) -> str:
    """Return the address of a reviewer's account that never paid."""
    return new_reviewer(shop)


def kinds(slides: list[Any]) -> list[str]:
    """Return the slides' titles without their parts, each once."""
    titles = [slide.shapes.title.text_frame.text.partition(" (")[0] for slide in slides]
    return list(dict.fromkeys(titles))


def open_sign_ins(shop: Shop, email: str) -> int:
    engine = create_engine(shop.database_url)
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT count(*) FROM sign_in JOIN user_account ON user_account.id = user_id"
                " WHERE email = :email AND ended_at IS NULL"
            ),
            {"email": email},
        ).scalar_one()
    engine.dispose()
    return int(found)


def paid_and_left(shop: Shop) -> Customer:
    """Return a customer who paid once, left at once and got the money back."""
    customer = Customer(shop)
    customer.subscribe()
    page = customer.get("/subscription/cancellation").text
    quote = re.search(r'name="quote"[^>]*value="(\d+)"', page)
    assert quote
    customer.post("/subscription/cancellation", kind="now", quote=quote[1])
    return customer


def test_the_file_shows_the_whole_path_and_nothing_was_bought(
    shop: Shop, reviewer: str, tmp_path: Path
) -> None:
    file, before = tmp_path / "deck.pptx", shop.control.ledger()

    ran = run(shop, file, *signing_in(reviewer), "--plan", "premium-monthly", "--mid", "bill_shop1")

    assert ran.returncode == 0, ran.stdout
    slides = slides_of(file)
    assert kinds(slides) == [
        "① 가맹점 정보",
        "② 하단 정보",
        "③ 환불 규정",
        "④ 로그인",
        "④ 회원가입",
        "⑤ 상품 목록",
        "⑤ 상품 상세",
        "⑤ 주문 확인",
        "⑥ 카드 등록창",
        "⑥ 결제 내역",
        "⑥ 내 구독",
        "제출하기 전에 할 일",
    ]
    for fact in ("주식회사 달빛서재", "999-99-00005", shop.url, reviewer, PASSWORD, "bill_shop1"):
        assert fact in words(slides[0])
    assert "프리미엄 월간 · 월 9,900원 부가세 포함" in words(slides[0])
    for slide in slides[1:-1]:
        told = words(slide)
        (address,) = ADDRESS.findall(told)
        assert address.startswith(shop.url) and len(TIME.findall(told)) == 1
        assert "초안: PC 시계와 주소창이 보이는" in told
        (picture,) = [shape for shape in slide.shapes if hasattr(shape, "image")]
        with Image.open(BytesIO(picture.image.blob)) as image:
            assert image.size == (2560, 1600)
        assert picture.width / picture.height == pytest.approx(1.6, rel=0.001)
    assert "모의 결제창" in words(slides[-4])
    assert "내역이 비어 있어요" in words(slides[-1])

    assert PASSWORD not in ran.stdout + shop.logs()
    after = shop.control.ledger()
    assert [after[each] for each in ("payments", "billing_keys")] == [
        before[each] for each in ("payments", "billing_keys")
    ]
    assert open_sign_ins(shop, reviewer) == 0
    assert list(tmp_path.iterdir()) == [file]


def test_an_account_that_paid_and_left_shows_its_history(shop: Shop, tmp_path: Path) -> None:
    customer, file = paid_and_left(shop), tmp_path / "deck.pptx"

    ran = run(shop, file, *signing_in(customer.email, "moonlight-reader-1120"))

    assert ran.returncode == 0, ran.stdout
    assert "never paid" not in ran.stdout
    assert not any("내역이 비어 있어요" in words(slide) for slide in slides_of(file))


def test_without_an_account_only_what_strangers_see_is_captured(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "deck.pptx"

    ran = run(shop, file)

    assert ran.returncode == 0, ran.stdout
    slides = slides_of(file)
    captured = [slide for slide in slides if any(hasattr(one, "image") for one in slide.shapes)]
    assert kinds(captured)[-1] == "⑤ 상품 상세"
    assert kinds(slides)[-5:-1] == ["⑤ 주문 확인", "⑥ 카드 등록창", "⑥ 결제 내역", "⑥ 내 구독"]


def test_a_running_subscription_is_told_to_end_first(shop: Shop, tmp_path: Path) -> None:
    customer, file = Customer(shop), tmp_path / "deck.pptx"
    customer.subscribe()

    refused = run(shop, file, *signing_in(customer.email, "moonlight-reader-1120"))

    assert (refused.returncode, refused.stdout.count("\n")) == (1, 1)
    assert "has a subscription" in refused.stdout
    assert open_sign_ins(shop, customer.email) == 1, "only the customer's own"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "settings", "sentence"),
    [
        (["--plan", "no-such-plan"], {}, "the plan no-such-plan is not on sale; basic-monthly"),
        (["--url", "http://127.0.0.1:2"], {}, "does not answer"),
        ([], {"BIZ_REP": "김다른"}, "does not show what the settings here say: 대표자명 김다른"),
        ([], {"BROWSER_PATH": "/no/browser"}, "the browser /no/browser does not start"),
        (
            [],
            {"BROWSER_PATH": "", "PATH": "", "PLAYWRIGHT_BROWSERS_PATH": "/no"},
            "no browser was found: install Chromium",
        ),
        (
            ["--reviewer-email", "nobody@example.com", "--reviewer-password", "wrong-password-1"],
            {},
            "did not let nobody@example.com in: 이메일이나 비밀번호가 맞지 않아요",
        ),
    ],
)
def test_what_stops_the_walk_is_a_sentence_and_leaves_no_file(
    shop: Shop,
    tmp_path: Path,
    options: list[str],
    settings: dict[str, str],
    sentence: str,
) -> None:
    refused = run(shop, tmp_path / "deck.pptx", *options, settings=settings)

    assert (refused.returncode, refused.stdout.count("\n")) == (1, 1), refused.stdout
    assert sentence in refused.stdout
    assert "wrong-password-1" not in refused.stdout + shop.logs()
    assert list(tmp_path.iterdir()) == []


def test_a_card_window_that_does_not_open_is_told_in_the_shops_words(
    shop: Shop, reviewer: str, tmp_path: Path
) -> None:
    shop.sandbox.stop()

    refused = run(shop, tmp_path / "deck.pptx", *signing_in(reviewer))

    shop.ensure_up()
    assert (refused.returncode, refused.stdout.count("\n")) == (1, 1), refused.stdout
    assert "the card window did not open: 결제창을 불러오지 못했어요" in refused.stdout
    assert open_sign_ins(shop, reviewer) == 0
    assert list(tmp_path.iterdir()) == []
