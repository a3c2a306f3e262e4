"""Files for a spreadsheet: their columns, and what stands in them, in the merchant's words."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from billing.export import ExportKind
from billing.match_settlements import Match, MatchedLine
from gateways.payment import Settlement
from models.export import Rows
from models.refund import REASONS, RefundStatus
from rules.csv_text import BOM, Cell, lines

PAYMENT_COLUMNS = (
    "주문번호", "결제 키", "승인 시각", "고객 이메일", "고객 이름", "상품", "플랜",
    "이용 시작일", "이용 마지막 날", "결제 금액", "공급가액", "부가세", "면세 금액",
    "환불한 금액", "결제 수단", "카드사", "카드 번호", "승인 번호", "구독 번호", "키 쌍",
    "상점 ID",
)  # fmt: skip
REFUND_COLUMNS = (
    "주문번호", "결제 키", "환불 번호", "사유", "환불 금액", "면세 금액", "요청 시각",
    "처리 시각", "상태", "거래 키",
)  # fmt: skip
SETTLEMENT_COLUMNS = (
    "주문번호", "결제 키", "거래 키", "구분", "금액", "수수료(부가세 포함)", "수수료 부가세",
    "지급액", "매출일", "지급일", "대조", "우리 장부 금액", "상점 ID",
)  # fmt: skip
MATCHES = {
    Match.SAME: "맞음",
    Match.DIFFERENT: "금액이 다름",
    Match.UNKNOWN: "우리 장부에 없음",
    Match.REPEATED: "토스 목록에 두 번 있음",
    Match.UNSETTLED: "아직 정산되지 않음",
}
_REFUND_STATES = {
    RefundStatus.PENDING: "확인 중",
    RefundStatus.SUCCEEDED: "환불함",
    RefundStatus.BY_HAND: "직접 돌려줘야 함",
    RefundStatus.PAID_BY_HAND: "직접 돌려줌",
    RefundStatus.VOID: "돌려줄 금액 없음",
}
_A_DAY = timedelta(days=1)


def name(kind: ExportKind, start_on: object, end_on: object) -> str:
    """Return what a file of these days is called."""
    return f"{kind}-{start_on}-{end_on}.csv"


def payments(batches: Iterable[Rows]) -> Iterator[str]:
    """Yield the text of a file, a piece for each batch."""
    yield _head(PAYMENT_COLUMNS)
    for batch in batches:
        yield lines(map(_payment, batch))


def refunds(batches: Iterable[Rows]) -> Iterator[str]:
    """Yield the text of a file, a piece for each batch."""
    yield _head(REFUND_COLUMNS)
    for batch in batches:
        yield lines(map(_refund, batch))


def settlements(pages: Iterable[list[MatchedLine]]) -> Iterator[str]:
    """Yield the text of a file, a piece for each page of Toss's and of what it has not settled."""
    yield _head(SETTLEMENT_COLUMNS)
    for page in pages:
        yield lines(map(_settlement, page))


def _head(columns: tuple[str, ...]) -> str:
    return BOM + lines([columns])


def _payment(row: Any) -> tuple[Cell, ...]:
    return (
        row.order_id,
        row.payment_key,
        row.at,
        row.email,
        row.name,
        row.product,
        row.plan,
        row.period_start_on,
        row.period_end_on - _A_DAY,
        row.amount_won,
        row.supplied_won,
        row.vat_won,
        row.tax_free_won,
        row.refunded_won,
        row.method,
        row.card_issuer,
        row.card_number,
        row.approve_no,
        row.subscription_id,
        row.key_pair,
        row.m_id,
    )


def _refund(row: Any) -> tuple[Cell, ...]:
    return (
        row.order_id,
        row.payment_key,
        row.id,
        REASONS[row.cause],
        row.amount_won,
        row.tax_free_won,
        row.at,
        row.settled_at,
        _REFUND_STATES[row.status],
        row.transaction_key,
    )


def _settlement(line: MatchedLine) -> tuple[Cell, ...]:
    return (
        line.order_id,
        line.payment_key,
        line.transaction_key,
        "환불" if line.is_cancel else "결제",
        *_as_toss_says(line.toss),
        MATCHES[line.match],
        line.our_won,
        line.m_id,
    )


def _as_toss_says(toss: Settlement | None) -> tuple[Cell, ...]:
    if toss is None:
        return (None,) * 6
    return (
        toss.amount_won,
        toss.fee_won,
        toss.fee_vat_won,
        toss.pay_out_won,
        toss.sold_on,
        toss.paid_out_on,
    )
