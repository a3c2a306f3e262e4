"""What is sold: plans, their prices and their terms, from the list to the order page."""

import re
from collections.abc import Iterator

from bs4 import Tag

from review.books import Offer
from review.page import Page, amounts, words
from review.requirement import Finding, Need, Theme
from review.visit import POLICIES, Visit, order_form

theme = Theme("상품과 가격")

LIST = "/plans"
LARGE_WON = 10_000_000
LEAST_DESCRIPTION = 20

_PLACEHOLDER = re.compile(
    r"품절|준비\s?중|문의\s?후\s?결정|(?:가격|별도)\s?문의|coming soon|sold out|lorem ipsum"
    r"|(?<![\d,.])0\s?원",
    re.IGNORECASE,
)
_UNREAL_NAME = re.compile(r"테스트|샘플|\b(?:test|sample|dummy)", re.IGNORECASE)
_TAXED, _TAX_FREE = r"(?:부가세|부가가치세|VAT) ?포함", "면세"
_BESIDE_TAX_NOTE = re.compile(rf"(?<![\d,])([\d,]{{1,20}})\s?원\W{{0,4}}(?:{_TAXED}|{_TAX_FREE})")
_MONTHS = re.compile(r"결제일로부터 ?(\d{1,4}) ?개월")
_NEXT_CHARGE = re.compile(r"다음 ?결제일\D{0,30}?(\d{4}년 \d{1,2}월 \d{1,2}일)")
_RECURRING = re.compile(r"정기 ?결제|자동 ?결제")


def _detail_pages(seen: Visit) -> Iterator[tuple[Offer, Page]]:
    for offer in seen.books.offers:
        page = seen.page(offer.path)
        if page is not None:
            yield offer, page


def _order_pages(seen: Visit) -> Iterator[tuple[Offer, Page]]:
    offers = {offer.order_path: offer for offer in seen.books.offers}
    for page in seen.ordering.shown:
        yield offers[page.asked], page


def _selling_pages(seen: Visit) -> Iterator[tuple[Offer, Page]]:
    """Return each plan's own page and its order page."""
    yield from _detail_pages(seen)
    yield from _order_pages(seen)


def _cards(seen: Visit) -> Iterator[tuple[Offer, Tag]]:
    """Return the part of the list that speaks of one plan and of no other."""
    page = seen.page(LIST)
    paths = {offer.path for offer in seen.books.offers}
    for offer in seen.books.offers:
        own = [link for link in page.main_links if link.path == offer.path] if page else []
        if page is None or not own:
            continue
        card = own[0].tag
        for parent in own[0].tag.parents:
            others = {link.path for link in page.links_in(parent)} & paths - {offer.path}
            if others or parent is page.main:
                break
            card = parent
        yield offer, card


def _priced_places(seen: Visit) -> Iterator[tuple[Offer, str, str]]:
    """Return each place that must show a plan's price: whose, where, in what words."""
    for offer, card in _cards(seen):
        yield offer, LIST, words(card)
    for offer, page in _selling_pages(seen):
        yield offer, page.path, page.text


def _button(page: Page, offer: Offer) -> Tag | None:
    """Return what a customer presses to go on: to the order page, or to the card window."""
    form = order_form(page)
    if page.path == offer.order_path:
        return form.button if form else None
    links = page.main_links
    return next((link.tag for link in links if link.path == offer.order_path), None)


def _before_buttons(seen: Visit) -> Iterator[tuple[Page, Tag, str]]:
    """Return each selling page with its button and the words before it."""
    for offer, page in _selling_pages(seen):
        button = _button(page, offer)
        if button is not None:
            yield page, button, page.before(button)


@theme.wants(
    "goods",
    "살 수 있는 상품이 하나 이상 있고, 목록에서 상품 화면으로 이어져야 해요.",
    source="토스페이먼츠 계약심사: 실제로 파는 상품이 하나도 없으면 심사하지 않아요.",
    remedy="flask catalog load로 상품과 플랜을 올리고 목록 화면의 링크를 확인해 주세요.",
)
def goods(seen: Visit) -> Iterator[Finding]:
    if not seen.books.offers:
        yield Finding(LIST, "파는 플랜이 없어요")
    page = seen.page(LIST)
    linked = {link.path for link in page.links} if page else set()
    for offer in seen.books.offers:
        if page is not None and offer.path not in linked:
            yield Finding(LIST, f"상품 화면으로 가는 링크가 없어요: {offer.name}")


@theme.wants(
    "no-empty-shelf",
    "빈 카테고리가 없어야 해요.",
    source="토스페이먼츠 계약심사: 빈 카테고리와 준비 중인 화면은 지워야 해요.",
    remedy="상품이 없는 묶음을 목록 화면에서 지우거나 상품을 올려 주세요.",
)
def no_empty_shelf(seen: Visit) -> Iterator[Finding]:
    page = seen.page(LIST)
    paths = {offer.path for offer in seen.books.offers}
    if page is None or not paths:
        return
    for section in page.main.find_all("section"):
        heading = section.find(["h2", "h3"])
        if heading and not paths & {link.path for link in page.links_in(section)}:
            yield Finding(LIST, f"상품이 없는 묶음이 있어요: {words(heading)}")


@theme.wants(
    "real-names",
    "상품 이름에 테스트, 샘플 같은 말이 없어야 해요.",
    source="토스페이먼츠 계약심사 FAQ: 테스트 상품은 심사할 수 없어요.",
    remedy="상품 파일(TOML)의 이름을 실제로 팔 이름으로 바꾸고 flask catalog load로 올려 주세요.",
)
def real_names(seen: Visit) -> Iterator[Finding]:
    for offer in seen.books.offers:
        for name in (offer.product, offer.name):
            if _UNREAL_NAME.search(name):
                yield Finding(offer.path, f"상품 이름: {name}")


@theme.wants(
    "sellable",
    "상품 화면에 품절, 0원, 준비 중, ‘문의 후 결정’이 없어야 해요.",
    source="토스페이먼츠 계약심사 FAQ: 품절·0원 상품과 가격 없는 상품은 심사할 수 없어요.",
    remedy="팔지 않는 상품은 목록에서 내리고, 가격을 숫자로 적어 주세요.",
)
def sellable(seen: Visit) -> Iterator[Finding]:
    pages = [seen.page("/"), seen.page(LIST), *(page for _, page in _detail_pages(seen))]
    for page in filter(None, pages):
        for found in _PLACEHOLDER.findall(page.text):
            yield Finding(page.path, f"이런 말이 있어요: {found}")


@theme.wants(
    "pictures",
    "상품마다 그림이 있어야 해요.",
    source="토스페이먼츠 블로그(2024-01): 상품에는 이미지와 설명이 있어야 해요.",
    remedy="static/pictures에 플랜의 그림을 넣고 목록과 상품 화면에 보여 주세요.",
)
def pictures(seen: Visit) -> Iterator[Finding]:
    for offer, card in _cards(seen):
        if not card.find("img", src=True):
            yield Finding(LIST, f"그림이 없어요: {offer.name}")
    for offer, page in _detail_pages(seen):
        if not page.main.find("img", src=True):
            yield Finding(page.path, f"그림이 없어요: {offer.name}")


@theme.wants(
    "description",
    "상품 화면에 무엇을 주는지 설명이 있어야 해요.",
    source="토스페이먼츠 계약심사: 상품 상세 설명, 전자상거래법 제13조 제2항",
    remedy="플랜의 description을 두세 문장으로 적어 주세요.",
)
def description(seen: Visit) -> Iterator[Finding]:
    for offer, page in _detail_pages(seen):
        button = _button(page, offer)
        if button is None:
            continue
        before = {id(tag) for tag in button.find_all_previous("p")}
        texts = [words(tag) for tag in page.main.find_all("p") if id(tag) in before]
        if max(map(len, texts), default=0) < LEAST_DESCRIPTION:
            yield Finding(page.path, f"{LEAST_DESCRIPTION}자가 넘는 설명이 버튼 앞에 없어요")


@theme.wants(
    "price-for-strangers",
    "로그인하지 않아도 가격이 보여야 해요.",
    source="토스페이먼츠 계약심사 FAQ: 로그인해야 가격이 보이면 심사할 수 없어요.",
    remedy="목록과 상품 화면에 플랜의 금액을 적어 주세요.",
)
def price_for_strangers(seen: Visit) -> Iterator[Finding]:
    places = [(offer, LIST, words(card)) for offer, card in _cards(seen)]
    places += [(offer, page.path, page.text) for offer, page in _detail_pages(seen)]
    for offer, place, text in places:
        if not amounts(text):
            yield Finding(place, f"금액이 없어요: {offer.name}")


@theme.wants(
    "same-price",
    "목록, 상품, 주문 화면의 금액이 실제로 결제할 금액과 같아야 해요.",
    source="토스페이먼츠 계약심사 FAQ, 전자상거래법 제21조의2 제1항(순차공개 가격책정)",
    remedy="화면의 금액을 plan.price_won으로 쓰고, 따로 적은 금액은 지워 주세요.",
)
def same_price(seen: Visit) -> Iterator[Finding]:
    for offer, place, text in _priced_places(seen):
        named = amounts(text)
        beside = [amounts(f"{number}원") for number in _BESIDE_TAX_NOTE.findall(text)]
        wrong = {number for each in beside for number in each if number != offer.price_won}
        if named and offer.price_won not in named:
            wrong |= set(named[:1])
        for number in sorted(wrong):
            yield Finding(place, f"{offer.name}: {number:,}원. {offer.price_won:,}원이어야 해요")
    for offer, page in _order_pages(seen):
        quote = seen.ordering.quotes.get(page.asked)
        if quote is None:
            yield Finding(page.path, "결제할 금액의 견적이 없어요")
        elif (quote.slug, quote.amount_won) != (offer.slug, offer.price_won):
            yield Finding(page.path, f"결제할 견적: {quote.slug}, {quote.amount_won:,}원")


@theme.wants(
    "tax",
    "금액 옆에 부가세 포함(또는 면세)이라고 적어야 해요.",
    source="전자상거래법 제21조의2 제1항; 방송통신위원회 2020-01-22 의결(유튜브 프리미엄)",
    remedy="금액을 보여 주는 곳마다 {{ plan|tax_note }}를 함께 적어 주세요.",
)
def tax(seen: Visit) -> Iterator[Finding]:
    for offer, place, text in _priced_places(seen):
        if not re.search(_TAX_FREE if offer.tax_note == "면세" else _TAXED, text):
            yield Finding(place, f"금액 옆에 세금 표시({offer.tax_note})가 없어요: {offer.name}")


@theme.wants(
    "service-period",
    "서비스 제공기간을 적어야 하고, 한 번의 결제로 12개월을 넘을 수 없어요.",
    source="토스페이먼츠 계약심사: 12개월을 넘는 상품은 받지 않아요. 전자상거래법 제8조 제2항",
    remedy="‘결제일로부터 1개월’처럼 적고, 12개월보다 긴 플랜은 나눠 주세요.",
)
def service_period(seen: Visit) -> Iterator[Finding]:
    for offer, page in _selling_pages(seen):
        months = {int(number) for number in _MONTHS.findall(page.text)}
        if not months:
            yield Finding(page.path, f"제공기간(결제일로부터 {offer.months}개월)이 없어요")
        for number in sorted(months - {offer.months}):
            yield Finding(page.path, f"결제일로부터 {number}개월이라고 적혀 있어요")


@theme.wants(
    "cycle",
    "결제 주기를 적어야 해요.",
    source="전자상거래법 제13조 제2항; 카드사 자동결제 심사",
    remedy="‘매월 20일’처럼 언제마다 결제되는지 상품과 주문 화면에 적어 주세요.",
)
def cycle(seen: Visit) -> Iterator[Finding]:
    for offer, page in _selling_pages(seen):
        every = {1: "매월|매달", 12: "매년|12개월마다"}
        if not re.search(every.get(offer.months, f"{offer.months}개월마다"), page.text):
            yield Finding(page.path, f"결제 주기({offer.months}개월)가 없어요")


@theme.wants(
    "next-charge",
    "다음 결제일을 날짜로 적어야 해요.",
    source="전자상거래법 제8조 제2항; 카드사 자동결제 심사",
    remedy="상품과 주문 화면에 ‘다음 결제일 2026년 12월 20일’처럼 적어 주세요.",
)
def next_charge(seen: Visit) -> Iterator[Finding]:
    for _, page in _selling_pages(seen):
        days = set(_NEXT_CHARGE.findall(page.text))
        quote = seen.ordering.quotes.get(page.asked)
        if not days:
            yield Finding(page.path, "다음 결제일의 날짜가 없어요")
        elif quote is not None:
            day = quote.next_charge_on
            wanted = f"{day.year}년 {day.month}월 {day.day}일"
            for wrong in sorted(days - {wanted}):
                yield Finding(page.path, f"다음 결제일: {wrong}. {wanted}이어야 해요")


@theme.wants(
    "recurring",
    "정기결제라는 것을 버튼보다 먼저 알려야 해요.",
    source="토스페이먼츠 자동결제 심사, 전자상거래법 제13조 제2항",
    remedy="상품과 주문 화면의 버튼 앞에 ‘자동 결제’나 ‘정기결제’를 적어 주세요.",
)
def recurring(seen: Visit) -> Iterator[Finding]:
    for page, _, text in _before_buttons(seen):
        if not _RECURRING.search(text):
            yield Finding(page.path, "버튼 앞에 정기결제라는 말이 없어요")


@theme.wants(
    "leaving",
    "해지하는 방법을 버튼보다 먼저 알려야 해요.",
    source="토스페이먼츠 자동결제 심사, 여신전문금융업감독규정, 전자상거래법 제13조 제2항",
    remedy="상품과 주문 화면의 버튼 앞에 어디서 어떻게 해지하는지 적어 주세요.",
)
def leaving(seen: Visit) -> Iterator[Finding]:
    for page, button, text in _before_buttons(seen):
        for link in page.links_before(button):
            text = text.replace(link.label, " ") if link.label else text
        if "해지" not in text:
            yield Finding(page.path, "버튼 앞에 해지하는 방법이 없어요")


@theme.wants(
    "refund-rule",
    "환불 규정을 버튼보다 먼저 알리고, 규정으로 이어져야 해요.",
    source="토스페이먼츠 계약심사(환불 규정은 심사 대상), 전자상거래법 제13조 제2항",
    remedy="상품과 주문 화면의 버튼 앞에 환불 규정의 요약과 링크를 넣어 주세요.",
)
def refund_rule(seen: Visit) -> Iterator[Finding]:
    for page, button, _ in _before_buttons(seen):
        if not any(link.path == POLICIES["refund"] for link in page.links_before(button)):
            yield Finding(page.path, "버튼 앞에 환불 규정의 링크가 없어요")


@theme.wants(
    "delivery",
    "언제부터 어떻게 이용하는지(배송이 없는지) 적어야 해요.",
    source="토스페이먼츠 블로그(2024-01), 전자상거래법 제13조 제2항(공급 시기와 방법)",
    remedy="상품과 주문 화면에 ‘결제 후 바로 이용 (배송 없음)’처럼 적어 주세요.",
)
def delivery(seen: Visit) -> Iterator[Finding]:
    for _, page in _selling_pages(seen):
        if "배송" not in page.text:
            yield Finding(page.path, "배송이나 이용 시작에 대한 말이 없어요")


@theme.wants(
    "order-button",
    "상품 화면의 버튼이 주문 화면으로, 주문 화면의 버튼이 결제창으로 이어져야 해요.",
    source="토스페이먼츠 결제경로 가이드 ⑤: 상품에서 결제까지 이어져야 해요.",
    remedy="plans/show.html과 checkout/new.html의 버튼을 확인해 주세요.",
)
def order_button(seen: Visit) -> Iterator[Finding]:
    for offer, page in _selling_pages(seen):
        if _button(page, offer) is None:
            yield Finding(page.path, "다음으로 가는 버튼이 없어요")


@theme.wants(
    "large-price",
    "한 번에 1천만 원이 넘는 상품은 따로 물어봐요.",
    source="토스페이먼츠 계약심사 안내 메일: 최대 단가를 적어야 해요.",
    remedy="신청서의 최대 단가를 확인하고 증빙을 준비해 주세요.",
    needs=Need.NOTHING,
    soft=True,
)
def large_price(seen: Visit) -> Iterator[Finding]:
    for offer in seen.books.offers:
        if offer.price_won > LARGE_WON:
            yield Finding(offer.path, f"{offer.name}: {offer.price_won:,}원")
