"""The policies: whole, dated, with every earlier version, and true to what is worked out."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from bs4 import Tag

from review.page import Page, amounts, words
from review.requirement import Finding, Theme
from review.visit import POLICIES, Visit
from rules.periods import Period
from rules.refunds import RefundTerms, refund

theme = Theme("약관과 규정")

_TERMS = (
    "목적", "정의", "개정", "중단", "회원가입", "탈퇴", "통지", "구매신청", "계약의 성립",
    "지급방법", "정기결제", "변경·취소", "이용의 개시", "해지", "청약철회", "환급", "개인정보",
    "회사의 의무", "회원의 의무", "저작권", "책임", "분쟁", "재판권",
)  # fmt: skip
_PRIVACY = (
    "목적", "보유", "파기", "제3자", "위탁", "국외", "권리", "14세", "안전성", "쿠키",
    "보호책임자", "구제", "변경",
)  # fmt: skip
_REFUND = (
    "적용 범위", "제공기간", "청약철회", "제한", "일반해지", "중도해지", "연간", "위약금",
    "회사의 잘못", "환불 방법", "잘못된 결제", "미성년자", "문의",
)  # fmt: skip
_VOID = (
    "환불 불가", "환불이 불가", "환불되지 않습니다", "본사 소재지", "책임지지 않",
    "책임을 지지 않", "동의한 것으로 봅니다", "동의한 것으로 간주",
)  # fmt: skip
_DAY = re.compile(r"(20\d{2})\. ?(\d{1,2})\. ?(\d{1,2})\.")
_EFFECTIVE = re.compile(r"시행일 ?\d{4}년 \d{1,2}월 \d{1,2}일")
_VERSION = re.compile(r"버전 ?\d{4}-\d{2}-\d{2}")


def _policies(seen: Visit) -> list[Page]:
    return [page for path in POLICIES.values() if (page := seen.page(path)) is not None]


def _missing_headings(page: Page | None, wanted: tuple[str, ...]) -> Iterator[Finding]:
    if page is None:
        return
    headings = [words(tag) for tag in page.main.find_all(["h2", "h3"])]
    for each in wanted:
        if not any(each in heading for heading in headings):
            yield Finding(page.path, f"이 제목이 없어요: {each}")


@theme.wants(
    "terms",
    "이용약관에 표준약관의 항목이 모두 있어야 해요.",
    source="공정거래위원회 전자상거래 표준약관 제10023호, 전자상거래법 제13조",
    remedy="빠진 조항을 새 버전의 파일(templates/policies/terms)에 써 주세요.",
)
def terms(seen: Visit) -> Iterator[Finding]:
    yield from _missing_headings(seen.page(POLICIES["terms"]), _TERMS)


@theme.wants(
    "privacy",
    "개인정보 처리방침에 법이 정한 항목이 모두 있어야 해요.",
    source="개인정보 보호법 제30조, 시행령 제31조",
    remedy="빠진 항목을 새 버전의 파일(templates/policies/privacy)에 써 주세요.",
)
def privacy(seen: Visit) -> Iterator[Finding]:
    yield from _missing_headings(seen.page(POLICIES["privacy"]), _PRIVACY)


@theme.wants(
    "refund",
    "환불 규정에 청약철회, 일반해지, 중도해지와 돌려주는 방법이 모두 있어야 해요.",
    source="토스페이먼츠 결제경로 가이드 ③(무형 상품의 환불 규정), 전자상거래법 제17·18조",
    remedy="빠진 항목을 새 버전의 파일(templates/policies/refund)에 써 주세요.",
)
def refund_policy(seen: Visit) -> Iterator[Finding]:
    yield from _missing_headings(seen.page(POLICIES["refund"]), _REFUND)


@theme.wants(
    "refund-numbers",
    "환불 규정의 기간과 위약금이 설정과 같아야 해요.",
    source="전자상거래법 제17·18조(7일, 3영업일), 콘텐츠이용자 보호지침(위약금 10% 이하)",
    remedy="환불 규정의 숫자를 설정(REFUND_)에서 가져오게 하세요.",
)
def refund_numbers(seen: Visit) -> Iterator[Finding]:
    page = seen.page(POLICIES["refund"])
    if page is None:
        return
    settings = seen.settings
    percent = settings["REFUND_PENALTY_PCT"]
    wanted = {
        f"{settings['REFUND_WITHDRAW_DAYS']}일 ?안에 청약": "청약철회 기간",
        f"{settings['REFUND_PAY_BDAYS']}영업일": "환불하는 기간",
        rf"{percent}%" if percent else "위약금이 없|위약금 없": "위약금",
    }
    for pattern, what in wanted.items():
        if not re.search(rf"(?<!\d)(?:{pattern})", page.text):
            yield Finding(page.path, f"설정과 다르거나 없어요: {what}")


@theme.wants(
    "refund-examples",
    "환불 규정의 계산 예가 실제로 돌려줄 금액과 같아야 해요.",
    source="토스페이먼츠 결제경로 가이드 ③(일할 계산의 예)",
    remedy="예를 손으로 적지 말고 views/policies.py의 examples에서 가져오게 하세요.",
)
def refund_examples(seen: Visit) -> Iterator[Finding]:
    page = seen.page(POLICIES["refund"])
    if page is None:
        return
    rows = [example for row in page.main.find_all("tr") if (example := _example(row))]
    if not rows:
        yield Finding(page.path, "계산한 예가 없어요")
    settings = seen.settings
    worked_out_by = RefundTerms(settings["REFUND_WITHDRAW_DAYS"], settings["REFUND_PENALTY_PCT"])
    for paid, period, requested_on, was_used, shown in rows:
        right = refund(
            amount_won=paid,
            period=period,
            requested_on=requested_on,
            was_used=was_used,
            terms=worked_out_by,
        )
        if right.won != shown:
            what = f"{paid:,}원, {requested_on} 신청: {shown:,}원이 아니라 {right.won:,}원이에요"
            yield Finding(page.path, what)


@theme.wants(
    "versions",
    "규정마다 버전과 시행일이 있고, 지난 버전을 볼 수 있어야 해요.",
    source="개인정보 보호법 시행령 제31조, 전자상거래 표준약관 제3조",
    remedy="policies/show.html의 버전 목록과 시행일을 확인해 주세요.",
)
def versions(seen: Visit) -> Iterator[Finding]:
    for page in _policies(seen):
        if not _EFFECTIVE.search(page.text):
            yield Finding(page.path, "시행일이 없어요")
        if not _VERSION.search(page.text):
            yield Finding(page.path, "버전이 없어요")
        pattern = rf"{page.path}/\d{{4}}-\d{{2}}-\d{{2}}"
        if not any(re.fullmatch(pattern, link.path or "") for link in page.main_links):
            yield Finding(page.path, "버전마다의 링크가 없어요")


@theme.wants(
    "void-clauses",
    "약관에 무효가 될 말이 없어야 해요.",
    source="전자상거래법 제35·36조, 약관의 규제에 관한 법률 제6조~제14조",
    remedy="그 문장을 새 버전의 파일에서 지우거나 고쳐 주세요.",
)
def void_clauses(seen: Visit) -> Iterator[Finding]:
    for page in _policies(seen):
        for phrase in _VOID:
            if phrase in page.text:
                yield Finding(page.path, f"이런 말이 있어요: {phrase}")


def _example(row: Tag) -> tuple[int, Period, date, bool, int] | None:
    """Return a worked example of the refund table: paid, period, day of request, used, refund."""
    cells = [words(cell) for cell in row.find_all("td")]
    if len(cells) < 4:
        return None
    won = [number for cell in cells for number in amounts(cell)]
    try:
        days = [date(*map(int, found)) for cell in cells for found in _DAY.findall(cell)]
    except ValueError:
        return None
    if len(days) != 3 or len(won) != 2 or days[1] < days[0]:
        return None
    period = Period(days[0], days[1] + timedelta(days=1))
    return won[0], period, days[2], "했음" in cells, won[1]
