"""The way from the order page to Toss's card window, as the reviewer walks it."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from bs4 import Tag

from review.page import Form, Page, text_of
from review.requirement import Finding, Need, Theme, Unseen
from review.visit import FAIL, POLICIES, SENTENCES, SUCCESS, Visit, is_uuid4, order_form

theme = Theme("주문과 결제창")

TOSS_SDK = "https://js.tosspayments.com/v2/"

_CLIENT_KEY = re.compile(r"(test|live)_ck_[A-Za-z0-9]+")
_ANY_KEY = re.compile(r"(?:test|live)_g?[cs]k_[A-Za-z0-9]+")
_FORMS_TO_AGREE = ("/signup", "/checkout", "/subscription", "/card")
_MINOR = re.compile(r"미성년자.{0,120}취소")


def _order_forms(seen: Visit) -> Iterator[tuple[Page, Form]]:
    for page in seen.ordering.shown:
        form = order_form(page)
        if form is not None:
            yield page, form


def _label(page: Page, box: Tag) -> str:
    return page.document.labels.get(text_of(box, "id"), "")


def _boxes(page: Page, *attributes: str) -> list[Tag]:
    """Return the check boxes with all of these attributes."""
    return [
        box
        for box in page.document.fields
        if text_of(box, "type") == "checkbox" and all(map(box.has_attr, attributes))
    ]


@theme.wants(
    "order-review",
    "주문 화면에서 상품을 확인하고 고칠 수 있어야 해요.",
    source="전자상거래법 제7조(조작 실수 방지)와 제8조 제2항, 결제경로 가이드 ⑤",
    remedy="주문 화면에 상품과 플랜의 이름, 다른 플랜을 고르는 링크를 넣어 주세요.",
    needs=Need.ORDER_PAGE,
)
def order_review(seen: Visit) -> Iterator[Finding]:
    offers = {offer.order_path: offer for offer in seen.books.offers}
    for page in seen.ordering.shown:
        offer = offers[page.asked]
        if offer.name not in page.text:
            yield Finding(page.path, f"플랜의 이름이 없어요: {offer.name}")
        if not any((link.path or "").startswith("/plans") for link in page.main_links):
            yield Finding(page.path, "다른 플랜을 고르는 링크가 없어요")


@theme.wants(
    "consents",
    "구매조건 확인과 정기결제 동의를 따로, 필수로 받아야 해요.",
    source="결제경로 가이드 ⑤(구매조건 확인 및 결제진행 동의), 전자상거래법 제8조 제2항·제14조",
    remedy="주문 화면에 required인 두 동의(구매·환불 조건, 자동 결제)를 두어 주세요.",
    needs=Need.ORDER_PAGE,
)
def consents(seen: Visit) -> Iterator[Finding]:
    for page, form in _order_forms(seen):
        labels = [_label(page, box) for box in form.boxes if box.has_attr("required")]
        if not any(re.search("자동 ?결제|정기 ?결제", label) for label in labels):
            yield Finding(page.path, "정기결제에 동의하는 필수 칸이 없어요")
        if not any(re.search("구매|환불", label) for label in labels):
            yield Finding(page.path, "구매조건을 확인하는 필수 칸이 없어요")


@theme.wants(
    "unticked",
    "동의와 선택은 미리 표시되어 있지 않아야 해요.",
    source="전자상거래법 제21조의2 제1항(특정옵션 사전선택)",
    remedy="그 칸의 checked를 지워 주세요.",
)
def unticked(seen: Visit) -> Iterator[Finding]:
    for page in seen.everything:
        if page.path.startswith(_FORMS_TO_AGREE):
            for box in page.all("input", type=["checkbox", "radio"], checked=True):
                yield Finding(page.path, f"미리 표시된 칸이 있어요: {text_of(box, 'name')}")


@theme.wants(
    "optional-news",
    "소식 받기는 선택이어야 해요.",
    source="개인정보 보호법 제22조, 정보통신망법 제50조",
    remedy="소식이나 혜택을 받는 칸의 required를 지워 주세요.",
)
def optional_news(seen: Visit) -> Iterator[Finding]:
    for page in seen.everything:
        for box in _boxes(page, "required"):
            label = _label(page, box)
            if re.search("소식|혜택|이벤트|광고|마케팅", label):
                yield Finding(page.path, f"필수로 되어 있어요: {label}")


@theme.wants(
    "minors",
    "미성년자의 계약은 취소할 수 있다고 알려야 해요.",
    source="전자상거래법 제13조 제3항",
    remedy="주문 화면과 이용약관에 ‘미성년자가 … 취소할 수 있어요’를 적어 주세요.",
)
def minors(seen: Visit) -> Iterator[Finding]:
    for page in (*seen.ordering.shown, seen.page(POLICIES["terms"])):
        if page is not None and not _MINOR.search(page.text):
            yield Finding(page.path, "미성년자의 계약 취소에 대한 말이 없어요")


@theme.wants(
    "age",
    "가입할 때 만 14세 이상인지 확인해야 해요.",
    source="개인정보 보호법 제22조의2",
    remedy="가입 화면에 required인 ‘만 14세 이상입니다’ 칸을 두어 주세요.",
)
def age(seen: Visit) -> Iterator[Finding]:
    page = seen.page("/signup")
    if page is None:
        return
    if not any("14세" in _label(page, box) for box in _boxes(page, "required")):
        yield Finding(page.path, "만 14세 이상인지 묻는 필수 칸이 없어요")


@theme.wants(
    "sdk",
    "주문 화면이 토스페이먼츠 SDK를 불러야 해요.",
    source="토스페이먼츠 자동결제 연동 가이드(SDK v2 requestBillingAuth)",
    remedy="checkout/new.html의 SDK 스크립트 주소가 TOSS_SDK_URL인지 확인해 주세요.",
    needs=Need.ORDER_PAGE,
)
def sdk(seen: Visit) -> Iterator[Finding]:
    for page in seen.ordering.shown:
        if seen.settings["TOSS_SDK_URL"] not in page.scripts:
            yield Finding(page.path, f"SDK 스크립트가 없어요: {seen.settings['TOSS_SDK_URL']}")
        own = [path for path in map(page.path_of, page.scripts) if path in seen.scripts]
        if any(seen.files[path or ""].problem for path in own):
            raise Unseen("주문 화면의 스크립트를 읽지 못했어요.")
        if not any("requestBillingAuth" in seen.scripts[path or ""] for path in own):
            yield Finding(page.path, "requestBillingAuth를 부르는 스크립트가 없어요")


@theme.wants(
    "sdk-of-toss",
    "SDK는 토스페이먼츠의 주소에서 불러야 해요.",
    source="토스페이먼츠 SDK v2 안내",
    remedy=f"TOSS_SDK_URL을 {TOSS_SDK}standard로 되돌려 주세요.",
    needs=Need.NOTHING,
    only_in_live=True,
)
def sdk_of_toss(seen: Visit) -> Iterator[Finding]:
    if not seen.settings["TOSS_SDK_URL"].startswith(TOSS_SDK):
        yield Finding("TOSS_SDK_URL", f"다른 곳에서 불러요: {seen.settings['TOSS_SDK_URL']}")


@theme.wants(
    "client-key",
    "주문 화면의 클라이언트 키가 설정과 같은 API 개별 연동 키여야 해요.",
    source="토스페이먼츠 연동 키 안내: 자동결제는 결제위젯 키(gck)로 열리지 않아요.",
    remedy="TOSS_CLIENT_KEY와 주문 화면의 data-client-key를 확인해 주세요.",
    needs=Need.ORDER_PAGE,
)
def client_key(seen: Visit) -> Iterator[Finding]:
    wanted = seen.settings["TOSS_CLIENT_KEY"]
    for page, form in _order_forms(seen):
        shown = text_of(form.tag, "data-client-key")
        if not _CLIENT_KEY.fullmatch(shown):
            yield Finding(page.path, "클라이언트 키(_ck_)가 없어요")
        elif shown != wanted:
            yield Finding(page.path, f"{shown[:12]}…로 시작하는 다른 키예요")


@theme.wants(
    "secrets",
    "시크릿 키와 비밀 값이 화면이나 스크립트에 없어야 해요.",
    source="토스페이먼츠 연동 키 안내: 시크릿 키는 서버에서만 써요.",
    remedy="그 화면에서 값을 지우고, 드러난 키는 개발자센터에서 바로 다시 발급받아 주세요.",
)
def secrets(seen: Visit) -> Iterator[Finding]:
    names = ("TOSS_SECRET_KEY", "TOSS_PASS_SECRET_KEY", "TOSS_WEBHOOK_SECRET", "SECRET_KEY")
    values = {name: seen.settings[name] for name in names if seen.settings[name]}
    texts = [(page.path, page.html) for page in seen.everything] + list(seen.scripts.items())
    for place, text in texts:
        shown = [name for name, value in values.items() if value in text]
        if shown:
            yield Finding(place, f"{', '.join(shown)} 값이 드러나 있어요")
        elif any("sk_" in key for key in _ANY_KEY.findall(text)):
            yield Finding(place, "시크릿 키처럼 보이는 값이 있어요")


@theme.wants(
    "window-allowed",
    "브라우저가 주문 화면에서 토스페이먼츠의 결제창을 막지 않아야 해요.",
    source="토스페이먼츠 연동 환경 안내; 결제창이 열리지 않으면 심사하지 않아요.",
    remedy="views/security.py의 let_card_window_in이 더하는 헤더를 확인해 주세요.",
    needs=Need.ORDER_PAGE,
)
def window_allowed(seen: Visit) -> Iterator[Finding]:
    for page in seen.ordering.shown:
        policy = _policy(page)
        for directive in ("script-src", "frame-src", "connect-src"):
            sources = policy.get(directive, policy.get("default-src"))
            if sources is not None and not _allows(sources, seen.settings["TOSS_SDK_URL"]):
                yield Finding(page.path, f"Content-Security-Policy의 {directive} 때문에 막혀요")
        if page.headers.get("Cross-Origin-Opener-Policy") == "same-origin":
            yield Finding(page.path, "Cross-Origin-Opener-Policy: same-origin이 팝업을 막아요")


@theme.wants(
    "log-in",
    "이메일과 비밀번호로 로그인할 수 있어야 해요.",
    source="토스페이먼츠 계약심사 안내 메일: 소셜 로그인만 있으면 심사할 수 없어요.",
    remedy="심사 계정을 flask users create --role reviewer로 만들고, 로그인 화면을 확인해 주세요.",
)
def log_in(seen: Visit) -> Iterator[Finding]:
    if seen.ordering.is_untried:
        raise Unseen("심사 계정의 이메일과 비밀번호를 알려 주면 확인해요.")
    if not seen.ordering.is_in:
        yield Finding("/login", seen.ordering.why_not_in)


@theme.wants(
    "order",
    "심사 계정으로 결제창이 열리는 데까지 갈 수 있어야 해요.",
    source="토스페이먼츠 결제경로 가이드 ⑥(카드 등록창까지), 계약심사: 결제창 확인",
    remedy=(
        "그 답의 까닭을 고쳐 주세요. 503이면 이 서버에서 flask billing arm을 실행하지 않은 거예요."
    ),
    needs=Need.REVIEWER,
)
def order(seen: Visit) -> Iterator[Finding]:
    ordering = seen.ordering
    if ordering.is_subscribed or not seen.books.offers:
        return
    for page in ordering.pages.values():
        if page.is_shown and page.path != page.asked:
            yield Finding(page.asked, f"주문 화면 대신 다른 화면으로 보내요: {page.path}")
    if not list(_order_forms(seen)):
        return
    answer = ordering.answer
    if answer is None or answer.problem:
        problem = SENTENCES[answer.problem] if answer and answer.problem else "보내지 못했어요"
        yield Finding(answer.path if answer else "/checkout", problem)
    elif not {"customerKey", "successUrl", "failUrl"} <= set(ordering.window):
        yield Finding(answer.path, f"HTTP {answer.status}로 답해 결제창을 열 수 없어요")


@theme.wants(
    "customer-key",
    "결제창에 넘기는 customerKey는 짐작할 수 없는 UUID여야 해요.",
    source="토스페이먼츠 SDK v2: customerKey로 이메일, 전화번호, 순번을 쓰지 마세요.",
    remedy="회원의 customer_key를 uuid4로 만들어 주세요.",
    needs=Need.ORDER_PAGE,
)
def customer_key(seen: Visit) -> Iterator[Finding]:
    key = _of_window(seen, "customerKey")
    if not is_uuid4(key):
        yield Finding("customerKey", "UUID가 아니에요")


@theme.wants(
    "return-addresses",
    "결제창에서 돌아올 주소(successUrl, failUrl)가 이 가게여야 해요.",
    source="토스페이먼츠 SDK v2: 오리진을 포함한 절대 주소여야 해요.",
    remedy="PUBLIC_URL을 손님이 여는 주소와 같게 해 주세요.",
    needs=Need.ORDER_PAGE,
)
def return_addresses(seen: Visit) -> Iterator[Finding]:
    origins = {_origin(seen.settings["PUBLIC_URL"]), _origin(seen.origin)}
    for name, path in (("successUrl", SUCCESS), ("failUrl", FAIL)):
        address = str(_of_window(seen, name))
        if _origin(address) not in origins or urlsplit(address).path != path:
            yield Finding(name, f"돌아올 주소: {address.partition('?')[0]}")


@theme.wants(
    "fail-page",
    "결제 실패 화면이 결제되지 않았음, 다시 하는 방법, 연락처를 알려야 해요.",
    source="토스페이먼츠 결제창 연동 가이드(failUrl), 전자상거래법 제14조",
    remedy="checkout/fail.html과 views/refusals.py를 확인해 주세요.",
)
def fail_page(seen: Visit) -> Iterator[Finding]:
    page = seen.page(FAIL)
    if page is None:
        return
    if not re.search(r"결제(된 금액은 없|되지 않)", page.text):
        yield Finding(FAIL, "결제된 금액이 없다는 말이 없어요")
    if not page.main_links:
        yield Finding(FAIL, "다시 시도하는 링크가 없어요")
    if seen.settings["BIZ_TEL"] not in page.text:
        yield Finding(FAIL, "고객센터 전화가 없어요")


def _of_window(seen: Visit, name: str) -> object:
    if name not in seen.ordering.window:
        raise Unseen("주문이 받아들여지지 않아 보지 못했어요.")
    return seen.ordering.window[name]


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc


def _policy(page: Page) -> dict[str, list[str]]:
    header = page.headers.get("Content-Security-Policy", "")
    found = [directive.split() for directive in header.split(";")]
    return {name: sources for name, *sources in filter(None, found)}


def _allows(sources: list[str], address: str) -> bool:
    """Test whether a source list of a policy lets this address in."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    for source in sources:
        if source in ("*", f"{parts.scheme}:", f"{parts.scheme}://{parts.netloc}"):
            return True
        if source.startswith(f"{parts.scheme}://*.") and host.endswith(source.partition("*")[2]):
            return True
    return False
