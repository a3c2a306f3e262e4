"""Names of the Korean card companies behind Toss's issuer codes (Toss contract, section 8.1)."""

from rules.wording import N_

UNKNOWN = N_("카드")
"""What a page says of a card whose company is not in the table."""

NAMES = {
    "11": "국민",
    "15": "카카오뱅크",
    "21": "하나",
    "24": "토스뱅크",
    "30": "산업",
    "31": "BC카드",
    "33": "우리",
    "34": "수협",
    "35": "전북",
    "36": "씨티",
    "37": "우체국",
    "38": "새마을",
    "39": "저축",
    "3A": "케이뱅크",
    "3C": "유니온페이",
    "3K": "기업비씨",
    "41": "신한",
    "42": "제주",
    "46": "광주",
    "4J": "JCB",
    "4M": "마스터",
    "4V": "비자",
    "51": "삼성",
    "61": "현대",
    "62": "신협",
    "6D": "다이너스",
    "6I": "디스커버",
    "71": "롯데",
    "7A": "아멕스",
    "91": "농협",
    "KBS": "KB증권",
    "PCP": "페이코",
    "W1": "우리",
}


def name_of(issuer_code: str | None, company: str | None = None) -> str:
    """Return the name that a page shows: by code, else as an old answer spells it, else `카드`."""
    return NAMES.get(issuer_code or "") or company or UNKNOWN


LATIN = {
    "국민": "KB Kookmin",
    "카카오뱅크": "KakaoBank",
    "하나": "Hana",
    "토스뱅크": "Toss Bank",
    "산업": "KDB",
    "BC카드": "BC Card",
    "우리": "Woori",
    "수협": "Suhyup",
    "전북": "Jeonbuk",
    "씨티": "Citi",
    "우체국": "Korea Post",
    "새마을": "MG Saemaul",
    "저축": "Savings Bank",
    "케이뱅크": "K bank",
    "유니온페이": "UnionPay",
    "기업비씨": "IBK BC",
    "신한": "Shinhan",
    "제주": "Jeju",
    "광주": "Kwangju",
    "마스터": "Mastercard",
    "비자": "Visa",
    "삼성": "Samsung",
    "현대": "Hyundai",
    "신협": "Shinhyup",
    "다이너스": "Diners Club",
    "디스커버": "Discover",
    "롯데": "Lotte",
    "아멕스": "American Express",
    "농협": "NongHyup",
    "KB증권": "KB Securities",
    "페이코": "PAYCO",
    "경남": "Kyongnam",
    "단위농협": "Local NongHyup",
    "지역농축협": "Local NongHyup",
    "부산": "Busan",
    "새마을금고": "MG Saemaul",
    "산림조합": "Forestry Cooperative",
    "IBK기업": "IBK",
    "기업": "IBK",
    "KB국민": "KB Kookmin",
    "iM뱅크": "iM Bank",
    "대구": "iM Bank",
    "KDB산업": "KDB",
    "NH농협": "NH NongHyup",
    "SC제일": "SC First",
    "Sh수협": "Sh Suhyup",
    "토스페이": "Toss Pay",
    "네이버페이": "Naver Pay",
    "카카오페이": "Kakao Pay",
    "삼성페이": "Samsung Pay",
}
"""How card companies, banks and wallets write their names where nobody reads Korean."""

_BANK, _CARD, _ACCOUNT = "은행", "카드", " 계좌"


def account_at(bank: str | None) -> str:
    """Return the name that a page shows of an account: `토스뱅크 계좌`."""
    return f"{bank or _BANK}{_ACCOUNT}"


def bank_of(name: str) -> str | None:
    """Return the bank of an account, if `name` is that of one."""
    return name.removesuffix(_ACCOUNT) if name.endswith(_ACCOUNT) else None


def latin_name_of(name: str) -> str:
    """Return how a company, bank or wallet writes its name in Latin letters, if that is known."""
    if name in LATIN:
        return LATIN[name]
    for suffix, meaning in ((_BANK, "Bank"), (_CARD, "Card")):
        if name.endswith(suffix):
            return f"{latin_name_of(name.removesuffix(suffix))} {meaning}".strip()
    return name
