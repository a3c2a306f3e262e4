"""The back office's words for states, kinds and causes."""

from models.checkout import CheckoutKind, CheckoutStatus
from models.invoice import InvoiceStatus
from models.notice import NoticeKind, NoticeStatus
from models.pass_order import PassFailure, PassStatus
from models.payment_attempt import AttemptStatus
from models.refund import RefundStatus
from models.subscription import EndReason, SubscriptionGroup
from models.webhook_event import WebhookStatus

GROUPS = {
    SubscriptionGroup.ALL: "전체",
    SubscriptionGroup.ACTIVE: "이용 중",
    SubscriptionGroup.PAST_DUE: "결제 실패",
    SubscriptionGroup.LEAVING: "해지 예약",
    SubscriptionGroup.INCOMPLETE: "결제 대기",
    SubscriptionGroup.ENDED: "이용 종료",
}
INVOICES = {
    InvoiceStatus.OPEN: "받을 돈",
    InvoiceStatus.PAID: "결제됨",
    InvoiceStatus.VOID: "받지 않음",
    InvoiceStatus.SET_ASIDE: "판매자 확인 필요",
    InvoiceStatus.SKIPPED: "건너뜀",
}
ATTEMPTS = {
    AttemptStatus.PENDING: ("결과 확인 중", "warn"),
    AttemptStatus.SUCCEEDED: ("승인", "good"),
    AttemptStatus.FAILED: ("실패", "bad"),
    AttemptStatus.SET_ASIDE: ("판매자 확인 필요", "bad"),
}
REFUNDS = {
    RefundStatus.PENDING: ("환불하는 중", "warn"),
    RefundStatus.SUCCEEDED: ("환불함", "good"),
    RefundStatus.BY_HAND: ("직접 돌려드려야 함", "bad"),
    RefundStatus.PAID_BY_HAND: ("직접 돌려드림", "good"),
    RefundStatus.VOID: ("돌려드릴 금액 없음", ""),
}
NOTICES = {
    NoticeStatus.PENDING: ("보내는 중", "warn"),
    NoticeStatus.SENT: ("보냄", ""),
    NoticeStatus.DEAD: ("보내지 못함", "bad"),
    NoticeStatus.DROPPED: ("보내지 않기로 함", ""),
}
WEBHOOKS = {
    WebhookStatus.PENDING: ("확인하는 중", "warn"),
    WebhookStatus.DONE: ("처리함", ""),
    WebhookStatus.IGNORED: ("처리할 것 없음", ""),
    WebhookStatus.DEAD: ("확인하지 못함", "bad"),
}
CHECKOUTS = {
    CheckoutKind.SUBSCRIPTION: "구독 신청",
    CheckoutKind.CARD_CHANGE: "카드 변경",
    CheckoutKind.PLAN_CHANGE: "플랜 변경",
}
CHECKOUT_STATES = {
    CheckoutStatus.OPEN: ("결제창을 여는 중", ""),
    CheckoutStatus.AUTHORIZED: ("카드를 확인하는 중", "warn"),
    CheckoutStatus.CHARGING: ("결제하는 중", "warn"),
    CheckoutStatus.COMPLETED: ("끝남", "good"),
    CheckoutStatus.FAILED: ("마치지 못함", "bad"),
}
END_REASONS = {
    EndReason.CANCELED: "고객이 기간 끝에 해지",
    EndReason.MERCHANT_ERROR: "가게의 결제 설정 오류",
    EndReason.UNPAID: "결제되지 않음",
    EndReason.ABANDONED: "첫 결제를 마치지 않음",
    EndReason.WITHDRAWN: "청약철회",
    EndReason.TERMINATED: "중도해지",
    EndReason.REFUNDED: "토스페이먼츠에서 전액 취소됨",
    EndReason.BY_MERCHANT: "판매자가 끝냄",
}
MAILS = {
    NoticeKind.PASSWORD_RESET: "비밀번호 재설정",
    NoticeKind.CONTRACT: "계약 내용",
    NoticeKind.RENEWAL_COMING: "결제 예정",
    NoticeKind.RENEWAL_PAID: "결제 완료",
    NoticeKind.RENEWAL_FAILED: "결제 실패",
    NoticeKind.CARD_CHANGED: "카드 변경",
    NoticeKind.ENDED_UNPAID: "미결제로 종료",
    NoticeKind.TERM_RESTARTED: "이용 재개",
    NoticeKind.END_SCHEDULED: "해지 예약",
    NoticeKind.ENDED: "해지 완료",
    NoticeKind.REFUNDED: "환불 완료",
    NoticeKind.EXTENDED: "이용 기간 연장",
    NoticeKind.PLAN_CHANGED: "플랜 변경",
    NoticeKind.PLAN_CHANGE_SET: "플랜 변경 예약",
    NoticeKind.CARD_SUSPECT: "카드 다시 등록 요청",
    NoticeKind.EMAIL_CHANGE: "이메일 변경 확인",
    NoticeKind.EMAIL_CHANGED: "이메일 변경 완료",
    NoticeKind.ACCOUNT_CLOSED: "탈퇴 완료",
    NoticeKind.INQUIRY: "문의 도착",
    NoticeKind.INQUIRY_ANSWERED: "문의 답변",
    NoticeKind.POLICY_CHANGED: "약관·방침 변경",
    NoticeKind.PRICE_ASKED: "가격 변경 동의 요청",
    NoticeKind.PRICE_AGREED: "가격 변경 동의",
    NoticeKind.PRICE_KEPT: "가격 변경 동의 철회",
    NoticeKind.PRICE_DROPPED: "가격 제안 철회",
    NoticeKind.PASS_PAID: "이용권 계약 내용",
    NoticeKind.PASS_ENDING: "이용권 종료 예정",
    NoticeKind.PASS_ENDED: "이용권 환불",
    NoticeKind.MERCHANT_ALERT: "판매자 알림",
}
PASSES = {
    PassStatus.OPEN: ("결제창을 여는 중", ""),
    PassStatus.CONFIRMING: ("결과 확인 중", "warn"),
    PassStatus.PAID: ("결제됨", "good"),
    PassStatus.FAILED: ("결제되지 않음", "bad"),
    PassStatus.EXPIRED: ("시간이 지나 닫음", ""),
    PassStatus.SET_ASIDE: ("판매자 확인 필요", "bad"),
}
PASS_FAILURES = {
    PassFailure.CARD: "카드사 거절",
    PassFailure.MERCHANT: "결제 설정이나 결제 정보 오류",
    PassFailure.OVERLAP: "그사이 다른 이용권이나 구독을 시작함",
    PassFailure.TOO_LATE: "10분 안에 승인하지 못함",
    PassFailure.ABANDONED: "결제창에서 돌아오지 않음",
    PassFailure.RESOLVED: "판매자가 결제되지 않음을 확인",
}
ACTS = {
    "pass.withdrawn": "이용권 청약철회",
    "pass.terminated": "이용권 중도 환불",
    "pass.by_merchant": "판매자가 이용권을 끝냄",
    "pass.resolved": "확인한 뒤 닫음",
    "subscription.canceled": "해지 예약",
    "subscription.resumed": "해지 예약 취소",
    "subscription.withdrawn": "청약철회",
    "subscription.terminated": "중도해지",
    "subscription.by_merchant": "판매자가 끝냄",
    "subscription.ended": "이용 종료",
    "subscription.lapsed": "미결제로 종료",
    "subscription.abandoned": "첫 결제를 마치지 않아 닫음",
    "subscription.retried": "다시 결제 지시",
    "subscription.extended": "이용 기간 연장",
    "refund.begun_by_merchant": "판매자 환불",
    "refund.paid_by_hand": "직접 돌려드림",
    "refund.asked_again": "환불을 다시 요청",
    "refund.found": "토스페이먼츠에서 취소한 것을 발견",
    "notice.sent_again": "메일 다시 보내기",
    "order.charge-again": "확인한 뒤 다시 결제",
    "order.waive": "확인한 뒤 받지 않음",
    "billing_key.suspected": "카드 삭제 알림",
    "plan.change_begun": "플랜 변경 신청",
    "plan.change_undone": "플랜 변경 취소",
    "card.changed": "카드 변경",
    "price.asked": "가격 변경 동의를 요청",
    "price.agreed": "가격 변경에 동의",
    "price.refused": "지금 가격을 선택",
    "price.withdrawn": "가격 변경 동의를 철회",
    "price.consent_forgotten": "가격 변경 동의가 없어짐",
    "price.day_moved": "결제일이 바뀌어 동의를 다시 요청",
    "price.applied": "바뀐 가격 적용",
    "price.lapsed": "답 없이 지나 지금 가격 유지",
    "price.dropped": "가격 변경이 해당하지 않게 됨",
    "price.taken_back": "결제되지 않아 지난 가격으로 되돌림",
}
