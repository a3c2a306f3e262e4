"""The merchant's facts, and whether a footer shows them."""

import config
from review.merchant import Merchant

MERCHANT = Merchant.of(config.DEFAULTS)
FOOTER = """상호 주식회사 달빛서재 대표자 문서연
사업자등록번호 999-99-00005 사업자정보확인
통신판매업신고 제2026-서울마포-00000호
주소 서울특별시 마포구 달빛로 12, 3층 301호
전화 02-000-0000 (평일 10:00~18:00)"""


def test_a_footer_with_every_fact_lacks_none():
    assert MERCHANT.missing_from(FOOTER) == []


def test_a_footer_that_differs_in_one_letter_is_told():
    found = MERCHANT.missing_from(FOOTER.replace("301호", "302호").replace("문서연", "문서현"))

    assert found == ["대표자명 문서연", "사업장 주소 서울특별시 마포구 달빛로 12, 3층 301호"]


def test_without_a_number_of_mail_order_the_reason_stands_in_its_place():
    exempt = {"BIZ_MAILORDER_NO": "", "BIZ_MAILORDER_EXEMPT": "간이과세자로 신고 면제"}

    merchant = Merchant.of({**config.DEFAULTS, **exempt})

    assert merchant.mail_order == "간이과세자로 신고 면제"
