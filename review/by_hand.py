"""What no program can check: the merchant looks, and knows."""

from collections.abc import Iterable

from review.requirement import Finding, Need, OnlyYou, Theme
from review.visit import Visit

theme = Theme("직접 확인할 것")


@theme.wants(
    "webhook-registered",
    "웹훅 주소를 개발자센터에 MID마다 한 번씩 등록해야 해요.",
    source="토스페이먼츠 웹훅 안내: 주소는 개발자센터 > 웹훅에서 손으로만 등록해요.",
    remedy=(
        "이 보고서의 웹훅 주소를 등록하고 PAYMENT_STATUS_CHANGED, CANCEL_STATUS_CHANGED, "
        "BILLING_DELETED를 골라 주세요. 한 번이라도 오면 프로그램이 확인해요."
    ),
    needs=Need.NOTHING,
)
def webhook_registered(seen: Visit) -> Iterable[Finding]:
    if seen.books.webhook_came_at is None:
        raise OnlyYou("아직 웹훅이 한 번도 오지 않았어요.")
    return ()


theme.leaves_to_you(
    "certificate",
    "사업자 정보가 사업자등록증과 글자 하나까지 같아요.",
    source="토스페이먼츠 계약심사, 결제경로 가이드 ②",
    remedy="상호, 대표자, 번호, 주소(층·호), 전화를 등록증과 나란히 놓고 읽어 주세요.",
)
theme.leaves_to_you(
    "captures",
    "결제경로 PPT에 도메인과 컴퓨터의 시계가 보이는 캡처를 넣었어요.",
    source="토스페이먼츠 결제경로 가이드: PPT만 받고, PDF와 시계 없는 캡처는 돌려보내요.",
    remedy="가맹점 정보, 하단 정보, 환불 규정, 로그인, 상품 선택, 카드 등록창의 차례로 담으세요.",
)
theme.leaves_to_you(
    "window-opens",
    "PC와 휴대전화의 브라우저에서 카드 등록창이 실제로 열려요.",
    source="토스페이먼츠 계약심사: 결제창이 열려야 해요. 테스트 키의 창이면 충분해요.",
    remedy="심사 계정으로 주문 화면의 버튼을 직접 눌러 카드 등록창까지 가 보세요.",
)
theme.leaves_to_you(
    "phone-answered",
    "고객센터 전화를 받고, 문의 메일에 답해요.",
    source="전자상거래법 제10조; 심사 중에 전화가 올 수 있어요.",
    remedy="적어 둔 번호로 전화해 보고, 적어 둔 주소로 메일을 보내 보세요.",
)
theme.leaves_to_you(
    "reviewer-told",
    "신청서에 심사 계정의 이메일과 비밀번호를 적었어요.",
    source="토스페이먼츠 계약심사 안내 메일: 로그인이 필요하면 테스트 계정이 필수예요.",
    remedy="심사가 끝날 때까지 비밀번호를 바꾸지 말고 계정을 닫지 마세요.",
)
theme.leaves_to_you(
    "billing-contract",
    "자동결제 추가 계약을 하고 자동결제용 MID의 키를 받았어요.",
    source="토스페이먼츠 자동결제 안내: 추가 리스크 검토와 계약 뒤에 쓸 수 있어요 (1544-7772).",
    remedy="보통 bill_로 시작하는 MID를 따로 받아요. 카드사마다 다시 심사해요.",
)
theme.leaves_to_you(
    "papers",
    "계약 서류를 냈어요.",
    source="토스페이먼츠 계약심사 FAQ: 법인 서류는 3개월 안에 발급한 것이어야 해요.",
    remedy="사업자등록증, 법인이면 등기부등본·주주명부·인감증명서, 필요하면 이행보증보험.",
)
theme.leaves_to_you(
    "settlement-account",
    "정산받을 계좌의 예금주가 상호나 대표자와 같아요.",
    source="토스페이먼츠 계약심사: 다르면 반려돼요.",
    remedy="통장 사본과 사업자등록증을 나란히 확인해 주세요.",
)
theme.leaves_to_you(
    "credit",
    "사업자와 대표자에게 연체나 미납이 없어요.",
    source="토스페이먼츠 계약심사(리스크 검토)",
    remedy="연체가 있으면 정리한 뒤 신청해 주세요.",
)
theme.leaves_to_you(
    "mail-order-filed",
    "통신판매업 신고가 수리되었고, 신고증의 번호를 적었어요.",
    source="전자상거래법 제12조, KB국민카드 심사",
    remedy="정부24에서 신고하고, 번호가 나오면 BIZ_MAILORDER_NO를 바꿔 주세요.",
)
theme.leaves_to_you(
    "goods-allowed",
    "팔지 못하는 업종이 아니고, 정기결제에 어울리는 상품이에요.",
    source="토스페이먼츠·카드사 심사: 이용권 선결제, 포인트 충전, 상담, 계정 공유 등은 거절해요.",
    remedy="상품이 때마다 새로 제공되는 것인지 설명에 드러나게 적어 주세요.",
)
theme.leaves_to_you(
    "application",
    "신청서의 최대 단가와 제공기간, 주소가 이 보고서의 값과 같아요.",
    source="토스페이먼츠 계약심사 안내 메일",
    remedy="이 보고서의 ‘신청서에 적을 값’을 그대로 옮겨 주세요.",
)
