"""What the reviewer finds after an order: a history of their own, a way to leave, nobody else's."""

import re
from collections.abc import Iterator

from review.page import text_of
from review.requirement import Finding, Need, OnlyYou, Theme
from review.visit import HISTORY, Visit, addresses_in

theme = Theme("내역과 해지")

CANCELLATION = "/subscription/cancellation"

_LATER = re.compile(r"다음 결제일에 해지|기간이 끝나면 해지|일반 ?해지")
_NOW = re.compile(r"지금 해지|바로 해지|중도 ?해지")


@theme.wants(
    "history",
    "심사 계정이 결제 내역과 내 구독을 볼 수 있어야 해요.",
    source="자동결제 결제경로 예시(마지막 장이 구매 내역), 전자상거래법 제8조 제3항",
    remedy="메뉴에서 내 구독과 결제 내역으로 이어지게 하고, 두 화면이 열리는지 확인해 주세요.",
    needs=Need.REVIEWER,
)
def history(seen: Visit) -> Iterator[Finding]:
    linked = {
        link.path
        for page in seen.own_pages.values()
        for link in page.links
        if link.path != page.path
    }
    for path in HISTORY:
        page = seen.own_pages[path]
        if page.is_shown and page.path != path:
            yield Finding(path, f"다른 화면으로 보내요: {page.path}")
    if HISTORY[1] not in linked:
        yield Finding(HISTORY[1], "어느 화면에서도 이어지지 않아요")


@theme.wants(
    "leaving-page",
    "내 구독에서 바로 해지할 수 있고, 일반해지와 중도해지가 나란히 있어야 해요.",
    source=(
        "전자상거래법 제21조의2 제1항(취소·탈퇴 방해), 공정거래위원회 2024-01-21·2025-10-15 의결"
        "(멜론, 웨이브, 벅스: 중도해지를 알리지 않음)"
    ),
    remedy="내 구독의 구독 해지 링크와 해지 화면의 두 선택을 확인해 주세요.",
    needs=Need.REVIEWER,
)
def leaving_page(seen: Visit) -> Iterator[Finding]:
    mine = seen.own_pages[HISTORY[1]]
    if not seen.ordering.is_subscribed:
        raise OnlyYou("심사 계정이 구독하지 않아 해지 화면이 없어요. 구독한 계정으로 눌러 보세요.")
    if not any(link.path == CANCELLATION for link in mine.main_links):
        if "해지 예약" not in mine.text:
            yield Finding(mine.path, "구독 해지로 가는 링크가 없어요")
        return
    page = seen.own_pages.get(CANCELLATION)
    if page is None or not page.is_shown:
        return
    if "해지 예약" not in mine.text and not _LATER.search(page.text):
        yield Finding(page.path, "일반해지(기간이 끝나면 해지)가 없어요")
    if not _NOW.search(page.text):
        yield Finding(page.path, "중도해지(지금 해지하고 환불)가 없어요")


@theme.wants(
    "others",
    "심사 계정에 다른 손님의 것이 보이지 않아야 해요.",
    source="개인정보 보호법 제29조",
    remedy="그 화면이 current_user의 것만 찾는지 확인해 주세요.",
    needs=Need.REVIEWER,
)
def others(seen: Visit) -> Iterator[Finding]:
    for path in seen.books.others_paths:
        page = seen.own_pages.get(path)
        if page is not None and 200 <= page.status < 300:
            yield Finding(path, "다른 손님의 것이 열려요")
    for page in seen.own_pages.values():
        for address in sorted(seen.others_addresses & addresses_in(page.html)):
            yield Finding(page.path, f"다른 손님의 이메일이 보여요 ({address[:2]}…)")


@theme.wants(
    "labels",
    "입력 칸마다 이름표가 있어야 해요.",
    source="한국형 웹 콘텐츠 접근성 지침 2.2, 장애인차별금지법 제21조",
    remedy="그 칸에 <label for>나 aria-label을 달아 주세요.",
)
def labels(seen: Visit) -> Iterator[Finding]:
    for page in seen.everything:
        for box in page.document.fields:
            if text_of(box, "type") in ("hidden", "submit", "button", "image", "reset"):
                continue
            if text_of(box, "id") not in page.document.labels and not (
                box.get("aria-label") or box.get("aria-labelledby") or box.find_parent("label")
            ):
                yield Finding(page.path, f"이름표가 없는 칸이 있어요: {text_of(box, 'name')}")
