"""The 결제경로 file: what card companies' reviewers are shown, in the order of Toss's guide."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO
from urllib.parse import urlsplit

from review.captions import BELOW, CAPTIONS, CONTINUED, MORE, NO_ACCOUNT, NO_PAYMENT, SANDBOX_WINDOW
from review.captures import SIGNED_IN, Account, Capture, Step, Walked
from review.merchant import Merchant
from review.slides import Column, Slides, told

TITLE = "결제경로 파일 (토스페이먼츠 자동결제)"
FACTS, TO_DO = "① 가맹점 정보", "제출하기 전에 할 일"
SEEN, ITEMS, SELLER, RULES = "보이는 것", "이 장의 항목", "사업자 정보", "심사 기준"

_MOST_ITEMS = 6
_LOCAL = ("127.0.0.1", "localhost", "::1")


def write_deck(
    file: IO[bytes],
    *,
    url: str,
    merchant: Merchant,
    account: Account | None,
    mid: str | None,
    walked: Walked,
    made_at: datetime,
) -> None:
    """Write the presentation: the facts, each capture, and what is left for the merchant to do."""
    slides = Slides(title=f"{merchant.shop_name} {TITLE}", author=merchant.company, made_at=made_at)
    facts = _facts(url, merchant, account, mid, walked, made_at)
    slides.add_table(FACTS, facts, _note(account))
    for step in Step:
        captures = [capture for capture in walked.captures if capture.step == step]
        for capture in captures:
            slides.add_capture(_title(capture), capture, _column(capture, merchant, walked))
        if not captures:
            slides.add_gap(CAPTIONS[step].title, NO_ACCOUNT, _said(step))
    slides.add_words(TO_DO, _to_do(url, merchant, account, walked))
    slides.save(file)


def _facts(
    url: str,
    merchant: Merchant,
    account: Account | None,
    mid: str | None,
    walked: Walked,
    made_at: datetime,
) -> list[tuple[str, str]]:
    plan = walked.plan
    return [
        ("상호명", merchant.company),
        ("대표자명", merchant.representative),
        ("사업자등록번호", merchant.number),
        ("서비스 이름", merchant.shop_name),
        ("URL", url),
        ("Test ID", account.email if account else "적어 주세요"),
        ("Test PW", account.password if account else "적어 주세요"),
        *([("MID", mid)] if mid else []),
        ("결제 방식", "카드 정기결제 (자동결제, 토스페이먼츠 SDK v2 카드 등록창)"),
        ("캡처한 상품", f"{plan.name} · {plan.price} · 서비스 제공기간 {plan.service_period}"),
        ("만든 때", told(made_at)),
    ]


def _note(account: Account | None) -> str:
    if account is None:
        return "비회원 구매가 없어 심사용 계정이 필요해요. Test ID와 Test PW를 적어 주세요."
    return "비회원 구매가 없어 심사용 계정을 적어요. 이메일과 비밀번호로 바로 로그인할 수 있어요."


def _title(capture: Capture) -> str:
    title = CAPTIONS[capture.step].title
    return title if capture.parts == 1 else f"{title} ({capture.part}/{capture.parts})"


def _column(capture: Capture, merchant: Merchant, walked: Walked) -> Column:
    step = capture.step
    blocks: list[tuple[str, Sequence[str]]] = [(SEEN, list(_seen(capture, walked)))]
    if step is Step.FOOTER:
        facts = merchant.footer_facts.items()
        blocks.append((SELLER, [f"{name}: {fact}" for name, fact in facts]))
    if capture.parts > 1 and capture.items:
        blocks.append((ITEMS, _shortened(capture.items)))
    return [*blocks, (RULES, CAPTIONS[step].rules)]


def _seen(capture: Capture, walked: Walked) -> Iterator[str]:
    step = capture.step
    if capture.part == 1:
        yield from CAPTIONS[step].seen
    else:
        yield CONTINUED
    if step is Step.CARD_WINDOW and walked.is_sandbox:
        yield SANDBOX_WINDOW
    if step in (Step.PAYMENTS, Step.SUBSCRIPTION) and not walked.has_paid:
        yield NO_PAYMENT
    if capture.part < capture.parts:
        yield MORE
    elif step not in (Step.FOOTER, Step.ORDER, Step.CARD_WINDOW):
        yield BELOW


def _shortened(items: Sequence[str]) -> list[str]:
    if len(items) <= _MOST_ITEMS:
        return list(items)
    return [*items[: _MOST_ITEMS - 1], f"그 밖에 {len(items) - _MOST_ITEMS + 1}개"]


def _said(step: Step) -> Column:
    return [(SEEN, CAPTIONS[step].seen[:1]), (RULES, CAPTIONS[step].rules)]


def _to_do(url: str, merchant: Merchant, account: Account | None, walked: Walked) -> Column:
    return [
        (
            "캡처를 직접 찍은 것으로 바꿔 주세요",
            [
                "PC에서 전체 화면을 찍어 주세요. 주소창의 도메인과 작업 표시줄의 시계가 보이고, "
                "즐겨찾기 막대는 보이지 않아야 해요.",
                "그림을 눌러 지우고(Delete) 그 자리에 새 캡처를 넣어 주세요. "
                "그 장의 '초안 표시'와 '주소와 시각'은 지워 주세요.",
            ],
        ),
        ("빠진 화면을 채워 주세요", list(_missing(url, account, walked))),
        (
            "맞춰 보세요",
            [
                "상호, 대표자, 사업자등록번호, 주소(층·호), 전화가 사업자등록증과 글자까지 같은지",
                "심사용 계정으로 로그인해 카드 등록창까지 열리는지",
                *_without_number(merchant),
            ],
        ),
        (
            "PPT로 저장해 주세요",
            [
                "PDF가 아니라 PPT(.pptx)로 내요. 카드사마다 양식을 바꿔 쓰기 때문이에요.",
                *(
                    ["심사용 비밀번호가 들어 있어요. 심사 담당자에게만 보내 주세요."]
                    if account
                    else []
                ),
            ],
        ),
    ]


def _missing(url: str, account: Account | None, walked: Walked) -> Iterator[str]:
    yield "BC카드는 카드사 인증 화면까지 찍어 카드 등록창 뒤에 한 장 더해 주세요."
    if account is None:
        names = ", ".join(CAPTIONS[step].title for step in SIGNED_IN)
        yield f"로그인해야 보이는 화면을 찍어 넣어 주세요: {names}"
    elif not walked.has_paid:
        yield (
            "결제 내역이 비어 있어요. 심사용 계정으로 한 번 결제하고 바로 해지해 환불받으면 "
            "내역이 채워져요."
        )
    if walked.is_sandbox:
        yield "모의 결제로 만든 파일이에요. 토스 테스트 키를 넣고 다시 만들어 주세요."
    if urlsplit(url).hostname in _LOCAL:
        yield f"{url}은 이 컴퓨터에서만 열려요. 실제 도메인에서 다시 만들어 주세요."


def _without_number(merchant: Merchant) -> Iterator[str]:
    if not any(character.isdigit() for character in merchant.mail_order):
        yield "통신판매업신고번호가 없으면 KB국민카드는 심사에서 빠져요."
