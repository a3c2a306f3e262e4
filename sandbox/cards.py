"""What the windows offer to pay with, one for each way that things can go."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A card, account or wallet, and what happens to whoever uses it.

    `way` is how the SDK is asked for it: CARD, TRANSFER, TOSSPAY or NAVERPAY to register it,
    FOREIGN or DOMESTIC to pay once, NONE for nothing chosen yet. `country` is where it was issued.
    """

    value: str
    label: str
    outcome: str
    issuer_code: str
    company: str
    number: str
    card_type: str = "신용"
    owner_type: str = "개인"
    acquirer_code: str = ""
    refused_at_issue: str | None = None
    refused_at_charge: str | None = None
    fail_code: str | None = None
    is_foreign: bool = False
    is_slow: bool = False
    loses_issue_answer: bool = False
    loses_charge_answer: bool = False
    way: str = "CARD"
    pays_by_wallet: bool = False
    country: str = "KR"

    @property
    def is_wallet(self) -> bool:
        """Test whether this is an easy-pay wallet."""
        return self.way in ("TOSSPAY", "NAVERPAY") or self.pays_by_wallet

    @property
    def is_card(self) -> bool:
        """Test whether this is a card, in whatever window it is used."""
        return self.way not in ("TRANSFER", "NONE") and not self.is_wallet

    @property
    def acquirer(self) -> str:
        """Return the code of the company that settles what was paid with this card."""
        return self.acquirer_code or self.issuer_code


def _foreign(
    value: str,
    label: str,
    issuer_code: str,
    company: str,
    outcome: str,
    *,
    country: str = "US",
    at_confirm: str | None = None,
    in_window: str | None = None,
    is_slow: bool = False,
    loses_answer: bool = False,
) -> Card:
    return Card(
        value,
        label,
        outcome,
        issuer_code,
        company,
        f"{4000 + sum(value.encode())}0012****{len(value):02}1*",
        card_type="미확인",
        owner_type="미확인",
        refused_at_charge=at_confirm,
        fail_code=in_window,
        is_slow=is_slow,
        loses_charge_answer=loses_answer,
        way="FOREIGN",
        country=country,
    )


ALL = (
    Card("works", "하나카드 신용", "잘 되는 카드", "21", "하나", "94100012****789*"),
    Card(
        "works-check",
        "카카오뱅크 체크",
        "잘 되는 체크카드",
        "15",
        "카카오뱅크",
        "53651015****136*",
        card_type="체크",
        acquirer_code="11",
    ),
    Card(
        "issue-refused",
        "신한카드",
        "등록이 거절돼요",
        "41",
        "신한",
        "45184212****330*",
        refused_at_issue="INVALID_REJECT_CARD",
    ),
    Card(
        "no-funds",
        "국민카드 체크",
        "잔액이 부족해요",
        "11",
        "국민",
        "55704210****871*",
        card_type="체크",
        refused_at_charge="REJECT_CARD_PAYMENT",
    ),
    Card(
        "limit",
        "삼성카드",
        "한도를 넘어요",
        "51",
        "삼성",
        "53664811****204*",
        refused_at_charge="EXCEED_MAX_AMOUNT",
    ),
    Card(
        "expired",
        "현대카드",
        "유효기간이 지났어요",
        "61",
        "현대",
        "43301234****951*",
        refused_at_charge="INVALID_CARD_EXPIRATION",
    ),
    Card(
        "lost-card",
        "롯데카드",
        "분실 신고된 카드예요",
        "71",
        "롯데",
        "51376120****118*",
        refused_at_charge="INVALID_CARD_LOST_OR_STOLEN",
    ),
    Card(
        "never",
        "농협카드",
        "정지되어 결제할 수 없어요",
        "91",
        "농협",
        "54611120****611*",
        refused_at_charge="INVALID_STOPPED_CARD",
    ),
    Card(
        "slow",
        "우리카드",
        "결제가 8초쯤 걸려요",
        "W1",
        "우리",
        "53176460****129*",
        is_slow=True,
    ),
    Card(
        "charge-lost",
        "BC카드",
        "결제는 되지만 응답이 끊겨요",
        "31",
        "BC",
        "49062512****345*",
        loses_charge_answer=True,
    ),
    Card(
        "issue-lost",
        "토스뱅크 체크",
        "등록은 되지만 응답이 끊겨요",
        "24",
        "토스뱅크",
        "53989520****402*",
        card_type="체크",
        loses_issue_answer=True,
    ),
    Card(
        "server-error",
        "씨티카드",
        "결제할 때 서버 오류가 나요",
        "36",
        "씨티",
        "42094700****553*",
        refused_at_charge="FAILED_INTERNAL_SYSTEM_PROCESSING",
    ),
    Card(
        "unsupported",
        "종류를 알 수 없는 카드",
        "결제를 지원하지 않는 종류예요",
        "31",
        "BC",
        "43301212****789*",
        card_type="미확인",
        owner_type="미확인",
        refused_at_charge="NOT_SUPPORTED_CARD_TYPE",
    ),
    Card(
        "foreign",
        "해외 발급 카드",
        "이 창에서 등록할 수 없어요",
        "4V",
        "비자",
        "40000035****004*",
        is_foreign=True,
    ),
    Card(
        "abort",
        "새마을금고",
        "등록이 중단되고 가게로 돌아가요",
        "38",
        "새마을",
        "53530100****266*",
        fail_code="PAY_PROCESS_ABORTED",
    ),
    Card(
        "reject",
        "우체국",
        "카드사가 거절하고 가게로 돌아가요",
        "37",
        "우체국",
        "53535200****710*",
        fail_code="REJECT_CARD_COMPANY",
    ),
    Card(
        "account", "토스뱅크 계좌", "잘 되는 계좌", "92", "토스뱅크", "1000********", way="TRANSFER"
    ),
    Card(
        "account-empty",
        "국민은행 계좌",
        "잔액이 부족해요",
        "06",
        "KB국민",
        "2040********",
        way="TRANSFER",
        refused_at_charge="REJECT_ACCOUNT_PAYMENT",
    ),
    Card("tosspay", "토스페이", "잘 되는 토스페이", "", "토스페이", "", way="TOSSPAY"),
    Card("naverpay", "네이버페이", "잘 되는 네이버페이", "", "네이버페이", "", way="NAVERPAY"),
    _foreign("visa", "Visa", "4V", "비자", "works", country="US"),
    _foreign("mastercard", "Mastercard", "4M", "마스터", "works", country="SG"),
    _foreign("jcb", "JCB", "4J", "JCB", "works", country="JP"),
    _foreign(
        "foreign-no-funds", "Visa", "4V", "비자", "no_funds", at_confirm="REJECT_CARD_PAYMENT"
    ),
    _foreign("foreign-refused", "JCB", "4J", "JCB", "refused", at_confirm="REJECT_CARD_COMPANY"),
    _foreign(
        "foreign-reject", "Mastercard", "4M", "마스터", "rejected", in_window="REJECT_CARD_COMPANY"
    ),
    _foreign("foreign-abort", "Visa", "4V", "비자", "aborted", in_window="PAY_PROCESS_ABORTED"),
    _foreign("foreign-slow", "Mastercard", "4M", "마스터", "slow", is_slow=True),
    _foreign("foreign-lost", "Visa", "4V", "비자", "lost", loses_answer=True),
    _foreign(
        "foreign-error",
        "Mastercard",
        "4M",
        "마스터",
        "error",
        at_confirm="FAILED_INTERNAL_SYSTEM_PROCESSING",
    ),
    Card("domestic", "하나카드", "works", "21", "하나", "94100012****789*", way="DOMESTIC"),
    Card(
        "domestic-wallet",
        "토스페이",
        "works",
        "",
        "토스페이",
        "",
        way="DOMESTIC",
        pays_by_wallet=True,
    ),
)

BY_VALUE = {card.value: card for card in ALL}
