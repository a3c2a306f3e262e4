"""Whether the shop can be reached at all, and every address that a link names."""

from collections.abc import Iterator

from gateways.visitor import Fetched, Problem
from review.page import Page
from review.requirement import Finding, Need, Theme, Unseen
from review.visit import BACK_OFFICE, FAIL, NOT_THERE, SENTENCES, SUCCESS, Visit

theme = Theme("가게 열기")

_BOUNDS = (Problem.OUT_OF_TIME, Problem.OUT_OF_REQUESTS)


@theme.wants(
    "reachable",
    "가게의 첫 화면이 열려야 해요.",
    source="토스페이먼츠 계약심사: 홈페이지가 열리고 결제 흐름이 작동해야 심사해요.",
    remedy=(
        "PUBLIC_URL이 맞는지, 웹 서버가 떠 있는지, 인증서가 유효한지, MAINTENANCE가 비어 있는지 "
        "확인해 주세요. 서버 안에서 바깥 주소로 나갈 수 없으면 --url http://127.0.0.1:8000처럼 "
        "안쪽 주소로 점검하세요. 웹 서버가 한 번에 한 요청만 받으면(WEB_THREADS=1) 관리자 "
        "화면에서는 점검할 수 없으니 서버에서 flask review check를 실행해 주세요."
    ),
    needs=Need.NOTHING,
)
def reachable(seen: Visit) -> Iterator[Finding]:
    if seen.why_unreachable:
        yield Finding(f"{seen.origin}/", seen.why_unreachable)


@theme.wants(
    "links",
    "모든 링크와 그림이 열려야 해요.",
    source="토스페이먼츠 계약심사: 깨진 링크와 빈 카테고리는 반려 사유예요.",
    remedy="그 주소를 여는 화면을 고치거나 링크를 지워 주세요.",
)
def links(seen: Visit) -> list[Finding]:
    found = [
        Finding(page.asked, what + (f" ({page.found_on} 화면의 링크)" if page.found_on else ""))
        for page in seen.linked
        if (what := _broken(page))
    ]
    found += [
        Finding(path, what) for path, fetched in seen.files.items() if (what := _broken(fetched))
    ]
    answers: list[Page | Fetched] = [*seen.linked, *seen.files.values()]
    unseen = [answer for answer in answers if answer.problem in _BOUNDS]
    if unseen and not found:
        raise Unseen(
            f"점검의 한도에 닿아 {len(unseen)}곳을 보지 못했어요. flask review check의 --seconds와 "
            "--pages를 늘려 다시 점검해 주세요."
        )
    return found


@theme.wants(
    "error-pages",
    "없는 주소는 404, 잘못 돌아온 결제는 안내 화면으로 답해야 해요.",
    source="토스페이먼츠 계약심사: 성공·실패 화면까지 이어져야 해요.",
    remedy="views/errors.py와 views/checkout.py의 오류 화면을 확인해 주세요.",
)
def error_pages(seen: Visit) -> Iterator[Finding]:
    for path, wanted in ((NOT_THERE, 404), (SUCCESS, 400), (FAIL, 200)):
        page = seen.pages[path]
        if page.status != wanted or not page.is_page:
            yield Finding(path, f"HTTP {page.status}로 답했어요 (바른 답: {wanted})")


@theme.wants(
    "back-office-closed",
    "관리자 화면은 손님과 심사자에게 없는 것처럼 보여야 해요.",
    source="개인정보의 안전성 확보조치 기준: 접근 권한을 꼭 필요한 사람에게만 줘요.",
    remedy="views/access.py의 @merchant_only가 관리자 화면마다 있는지 확인해 주세요.",
)
def back_office_closed(seen: Visit) -> Iterator[Finding]:
    for pages, who, allowed in ((seen.pages, "손님", "/login"), (seen.own_pages, "심사자", "")):
        page = pages.get(BACK_OFFICE)
        if page is None or page.status >= 400 or (allowed and page.path.startswith(allowed)):
            continue
        yield Finding(BACK_OFFICE, f"{who}에게 열려요: {page.path}")


def _broken(answer: Page | Fetched) -> str:
    """Return what is wrong with an answer; what a bound kept us from seeing is not broken."""
    if answer.problem in (*_BOUNDS, Problem.ELSEWHERE):
        return ""
    if answer.problem:
        return SENTENCES[answer.problem]
    return f"HTTP {answer.status}" if answer.status >= 400 else ""
