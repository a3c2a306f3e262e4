"""Who sells: the facts that stand at the foot of every page."""

import re
from collections.abc import Iterator

import config
from review.page import Page
from review.requirement import Finding, Need, Theme
from review.visit import POLICIES, Visit
from rules import business_number

theme = Theme("사업자 정보")

_CORE = {
    "BIZ_COMPANY": ("상호", r"상호명?"),
    "BIZ_REP": ("대표자", r"대표자?명?"),
    "BIZ_NO": ("사업자등록번호", r"사업자 ?등록 ?번호"),
    "BIZ_ADDR": ("주소", r"주소|소재지"),
    "BIZ_TEL": ("전화", r"전화(?:번호)?|연락처|고객센터"),
}
_CONTACTS = {
    "BIZ_EMAIL": ("이메일", r"이메일|전자우편|[Ee]-?[Mm]ail"),
    "BIZ_HOSTING": ("호스팅서비스 제공자", r"호스팅(?: ?서비스)?(?: ?제공자)?"),
    "CPO_NAME": ("개인정보 보호책임자", r"개인정보 ?(?:보호|관리) ?책임자"),
    "CPO_CONTACT": ("개인정보 보호책임자 연락처", r"책임자.{0,60}"),
}
"""What each fact is called here, and how its label may read at the foot of a page."""

_POLICIES = (
    ("이용약관", POLICIES["terms"]),
    ("개인정보", POLICIES["privacy"]),
    ("환불", POLICIES["refund"]),
)

_MAIL_ORDER_NUMBER = re.compile(r"제?\s?\d{4}-[가-힣]{2,10}-\d{4,5}호?")
_FTC = re.compile(r"https?://www\.ftc\.go\.kr/bizCommPop\.do\?wrkr_no=(.*)")
_MOBILE = re.compile(r"01[016789]")


def _with_footer(seen: Visit) -> list[Page]:
    return [page for page in seen.everything if page.footer_text]


@theme.wants(
    "footer",
    "사업자 정보가 모든 화면 아래에, 스크립트 없이 보여야 해요.",
    source="토스페이먼츠 결제경로 가이드 ②, 전자상거래법 제10조 (주문·결제·오류 화면도)",
    remedy="그 화면의 템플릿이 base.html을 쓰는지, _footer.html이 들어 있는지 확인해 주세요.",
)
def footer(seen: Visit) -> Iterator[Finding]:
    for page in seen.everything:
        if not page.footer_text:
            yield Finding(page.path, "<footer>가 없거나 비어 있어요")


@theme.wants(
    "core-facts",
    "상호, 대표자, 사업자등록번호, 주소, 전화가 아래쪽에 있어야 해요.",
    source="토스페이먼츠 결제경로 가이드 ②, 전자상거래법 제10조",
    remedy="사업자등록증과 글자 하나까지 같게 BIZ_ 설정을 고치고 _footer.html이 보여 주게 하세요.",
)
def core_facts(seen: Visit) -> Iterator[Finding]:
    yield from _missing(seen, _CORE)


@theme.wants(
    "contact-facts",
    "이메일, 호스팅서비스 제공자, 개인정보 보호책임자가 아래쪽에 있어야 해요.",
    source="전자상거래법 제10조, 개인정보 보호법 제30조",
    remedy="BIZ_EMAIL, BIZ_HOSTING, CPO_ 설정과 _footer.html을 확인해 주세요.",
)
def contact_facts(seen: Visit) -> Iterator[Finding]:
    yield from _missing(seen, _CONTACTS)


@theme.wants(
    "mail-order",
    "통신판매업신고번호나 신고하지 않는 까닭이 아래쪽에 있어야 해요.",
    source="전자상거래법 제12·13조; 없으면 KB국민카드가 빠져요.",
    remedy="BIZ_MAILORDER_NO나 BIZ_MAILORDER_EXEMPT를 정하고 _footer.html을 확인해 주세요.",
)
def mail_order(seen: Visit) -> Iterator[Finding]:
    settings = seen.settings
    wanted = " ".join((settings["BIZ_MAILORDER_NO"] or settings["BIZ_MAILORDER_EXEMPT"]).split())
    for page in _with_footer(seen):
        if not re.search(rf"통신판매.{{0,20}}{re.escape(wanted)}", page.footer_text):
            yield Finding(page.path, f"없어요: ‘{wanted}’")


@theme.wants(
    "mail-order-form",
    "통신판매업신고번호는 보통 제2026-서울마포-01234호처럼 적어요.",
    source="토스페이먼츠 계약심사(카드사 심사); 정해진 문법은 없어 살펴볼 것으로만 알려요.",
    remedy="신고증의 번호와 같은지 확인해 주세요. 면제라면 KB국민카드를 쓸 수 없는지 물어보세요.",
    needs=Need.NOTHING,
    soft=True,
)
def mail_order_form(seen: Visit) -> Iterator[Finding]:
    number = seen.settings["BIZ_MAILORDER_NO"]
    if not number:
        yield Finding("BIZ_MAILORDER_EXEMPT", "신고번호가 없어 KB국민카드가 빠질 수 있어요")
    elif not _MAIL_ORDER_NUMBER.fullmatch(number):
        yield Finding("BIZ_MAILORDER_NO", f"흔히 쓰는 모양이 아니에요: {number}")


@theme.wants(
    "business-number",
    "사업자등록번호의 검증 숫자가 맞아야 해요.",
    source="국세청 사업자등록번호의 구성; 토스페이먼츠 계약심사",
    remedy="BIZ_NO를 사업자등록증에서 다시 옮겨 적어 주세요.",
    needs=Need.NOTHING,
)
def valid_business_number(seen: Visit) -> Iterator[Finding]:
    if not business_number.is_valid(seen.settings["BIZ_NO"]):
        yield Finding("BIZ_NO", f"있을 수 없는 번호예요: {seen.settings['BIZ_NO']}")


@theme.wants(
    "own-facts",
    "예시 가게의 값이 아닌 내 가게의 값이어야 해요.",
    source="토스페이먼츠 계약심사: 사업자등록증과 같아야 해요.",
    remedy="SHOP_NAME과 BIZ_, CPO_ 설정을 사업자등록증과 신고증의 값으로 바꿔 주세요.",
    needs=Need.NOTHING,
    only_in_live=True,
)
def own_facts(seen: Visit) -> Iterator[Finding]:
    for name in config.FACTS:
        if seen.settings[name] and str(seen.settings[name]) == config.DEFAULTS[name]:
            yield Finding(name, f"예시 가게의 값이에요: {seen.settings[name]}")


@theme.wants(
    "phone",
    "고객센터 전화는 유선번호(지역번호, 070, 15xx)가 안전해요.",
    source="토스페이먼츠 결제경로 가이드 ②(유선전화번호); 휴대전화는 심사하는 곳마다 달라요.",
    remedy="BIZ_TEL에 유선번호나 대표번호를 적어 주세요.",
    needs=Need.NOTHING,
    soft=True,
)
def phone(seen: Visit) -> Iterator[Finding]:
    if _MOBILE.match(re.sub(r"\D", "", seen.settings["BIZ_TEL"])):
        yield Finding("BIZ_TEL", f"휴대전화 번호예요: {seen.settings['BIZ_TEL']}")


@theme.wants(
    "address",
    "주소는 층과 호까지 적어야 해요.",
    source="토스페이먼츠 계약심사: 사업자등록증의 주소와 같아야 해요.",
    remedy="사업자등록증에 층이나 호가 있으면 BIZ_ADDR에도 적어 주세요.",
    needs=Need.NOTHING,
    soft=True,
)
def address(seen: Visit) -> Iterator[Finding]:
    if not re.search(r"\d\s?(층|호)", seen.settings["BIZ_ADDR"]):
        yield Finding("BIZ_ADDR", f"층이나 호가 없어요: {seen.settings['BIZ_ADDR']}")


@theme.wants(
    "ftc-link",
    "공정거래위원회의 사업자정보 링크가 내 번호로 이어져야 해요.",
    source="전자상거래법 시행규칙 제7조 제2항",
    remedy="_footer.html의 ‘사업자정보확인’ 링크가 BIZ_NO의 숫자 열 자리로 끝나게 하세요.",
)
def ftc_link(seen: Visit) -> Iterator[Finding]:
    digits = re.sub(r"\D", "", seen.settings["BIZ_NO"])
    for page in _with_footer(seen):
        numbers = [
            found[1] for link in page.footer_links if (found := _FTC.fullmatch(link.address))
        ]
        if numbers != [digits]:
            yield Finding(page.path, f"사업자정보 링크: {', '.join(numbers) or '없어요'}")


@theme.wants(
    "policy-links",
    "이용약관, 개인정보 처리방침, 환불 규정이 아래쪽에서 이어져야 해요.",
    source="토스페이먼츠 계약심사, 전자상거래법 제10조, 개인정보 보호법 제30조",
    remedy="_footer.html의 링크와 templates/policies의 글을 확인해 주세요.",
)
def policy_links(seen: Visit) -> Iterator[Finding]:
    for page in _with_footer(seen):
        for label, path in _POLICIES:
            if not any(label in link.label and link.path == path for link in page.footer_links):
                yield Finding(page.path, f"링크가 없어요: {label} ({path})")


def _missing(seen: Visit, facts: dict[str, tuple[str, str]]) -> Iterator[Finding]:
    """Say which facts do not stand behind their labels: two of them may have the same value."""
    for page in _with_footer(seen):
        for name, (called, label) in facts.items():
            value = seen.settings[name]
            shown = (
                business_number.formatted(value) if name == "BIZ_NO" else " ".join(value.split())
            )
            if not re.search(rf"(?:{label})\W{{0,6}}{re.escape(shown)}", page.footer_text):
                yield Finding(page.path, f"없어요: {called} ‘{shown}’ ({name})")
