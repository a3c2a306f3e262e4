"""Names of the Korean card companies behind Toss's issuer codes (Toss contract, section 8.1)."""

UNKNOWN = "카드"
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
