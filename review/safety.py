"""What a browser is told for the customer's safety, and what only counts with live keys."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from review.requirement import Finding, Need, Theme, Unseen
from review.visit import FAIL_WITH_SCRIPT, INJECTED, Visit

theme = Theme("안전과 설정")

_HEADERS = {
    "Content-Security-Policy": r"(?:default|script)-src",
    "X-Content-Type-Options": r"nosniff",
    "Referrer-Policy": r"no-referrer|same-origin|strict-origin",
}
_TEST_HOST = re.compile(
    r"(?:^|[.-])(?:test|dev|devel|develop|stage|staging|stg|demo|beta|local|localhost|qa|sandbox)\d*"
    r"(?:[.-]|$)"
)
_KOREAN = re.compile(r"ko\b")
_TEST_ENDINGS = (".example", ".invalid", ".local", ".localhost", ".test", ".internal")


@theme.wants(
    "headers",
    "화면마다 브라우저를 지키는 헤더가 있어야 해요.",
    source="개인정보의 안전성 확보조치 기준, 토스페이먼츠 보안 안내",
    remedy="views/security.py와 앞단의 프록시를 확인해 주세요. 프록시가 헤더를 지울 수 있어요.",
)
def headers(seen: Visit) -> Iterator[Finding]:
    for page in seen.everything:
        policy = page.headers.get("Content-Security-Policy", "")
        for name, wanted in _HEADERS.items():
            if not re.search(wanted, page.headers.get(name, "")):
                yield Finding(page.path, f"헤더가 없거나 약해요: {name}")
        if "frame-ancestors" not in policy and "X-Frame-Options" not in page.headers:
            yield Finding(page.path, "다른 사이트가 이 화면을 틀 안에 넣을 수 있어요")
        if re.search(r"script-src[^;]*'unsafe-(?:inline|eval)'", policy):
            yield Finding(page.path, "Content-Security-Policy가 끼워 넣은 스크립트를 허락해요")


@theme.wants(
    "cookies",
    "로그인 쿠키를 스크립트와 다른 사이트가 쓸 수 없어야 해요.",
    source="개인정보의 안전성 확보조치 기준",
    remedy="SESSION_COOKIE_ 설정과 앞단의 프록시를 확인해 주세요.",
)
def cookies(seen: Visit) -> Iterator[Finding]:
    is_https = urlsplit(seen.settings["PUBLIC_URL"]).scheme == "https"
    for cookie in seen.set_cookies:
        name, rules = cookie.partition("=")[0], cookie.lower()
        for wanted in ("httponly", "samesite=", *(("secure",) if is_https else ())):
            if wanted not in rules:
                yield Finding(name, f"이 규칙이 없어요: {wanted.rstrip('=')}")


@theme.wants(
    "escaping",
    "주소에 섞어 넣은 스크립트가 화면에서 실행되지 않아야 해요.",
    source="개인정보의 안전성 확보조치 기준; 실패 화면의 message는 누구나 지어낼 수 있어요.",
    remedy="그 화면의 템플릿에서 |safe를 지워 주세요.",
)
def escaping(seen: Visit) -> Iterator[Finding]:
    if INJECTED in seen.pages[FAIL_WITH_SCRIPT].html:
        yield Finding("/fail", "code나 message로 넣은 태그가 그대로 나와요")


@theme.wants(
    "language",
    "화면의 언어가 한국어라고 적혀 있어야 해요.",
    source="한국형 웹 콘텐츠 접근성 지침 2.2",
    remedy='base.html의 <html lang="ko">와 <title>을 확인해 주세요.',
)
def language(seen: Visit) -> Iterator[Finding]:
    for page in seen.everything:
        if not page.all("html", lang=_KOREAN):
            yield Finding(page.path, 'lang="ko"가 없어요')


@theme.wants(
    "secret-key",
    "시크릿 키로 토스페이먼츠에 물을 수 있어야 해요.",
    source="토스페이먼츠 연동 키 안내: 없는 주문을 물어 NOT_FOUND로 답하면 좋은 키예요.",
    remedy="개발자센터 > API 키에서 자동결제로 계약한 MID의 API 개별 연동 키를 다시 옮겨 주세요.",
    needs=Need.NOTHING,
)
def secret_key(seen: Visit) -> Iterator[Finding]:
    answer = seen.key_answer
    if answer.is_good is None:
        raise Unseen(f"토스페이먼츠가 답하지 않았어요 ({answer.code}). 잠시 후 다시 점검해 주세요.")
    if not answer.is_good:
        yield Finding("TOSS_SECRET_KEY", f"토스페이먼츠가 거절했어요: {answer.code}")


@theme.wants(
    "live-keys",
    "심사가 끝나면 라이브 키를 넣어요.",
    source="토스페이먼츠 계약심사: 결제경로와 심사는 테스트 키로도 충분해요.",
    remedy="계약이 끝나면 TOSS_CLIENT_KEY와 TOSS_SECRET_KEY를 live_ 키로 바꿔 주세요.",
    needs=Need.NOTHING,
    only_in_live=True,
)
def live_keys(seen: Visit) -> Iterator[Finding]:
    if not seen.is_live:
        kind = "내장 샌드박스" if seen.settings["USES_SANDBOX"] else "테스트"
        yield Finding("TOSS_SECRET_KEY", f"{kind} 키로 운영하고 있어요")


@theme.wants(
    "https",
    "손님이 여는 주소가 https여야 해요.",
    source="정보통신망법 제28조, 토스페이먼츠 연동 환경 안내",
    remedy="인증서를 설치하고 PUBLIC_URL을 https://로 시작하게 하세요.",
    needs=Need.NOTHING,
    only_in_live=True,
)
def https(seen: Visit) -> Iterator[Finding]:
    if urlsplit(seen.settings["PUBLIC_URL"]).scheme != "https":
        yield Finding("PUBLIC_URL", seen.settings["PUBLIC_URL"])


@theme.wants(
    "hsts",
    "브라우저가 늘 https로 열게 해야 해요.",
    source="개인정보의 안전성 확보조치 기준(전송 구간 암호화)",
    remedy="PUBLIC_URL을 https로 바꾸고 프록시가 Strict-Transport-Security를 지우지 않게 하세요.",
    only_in_live=True,
)
def hsts(seen: Visit) -> Iterator[Finding]:
    if "Strict-Transport-Security" not in seen.pages["/"].headers:
        yield Finding("/", "Strict-Transport-Security 헤더가 없어요")


@theme.wants(
    "hostname",
    "주소에 test, dev, staging, demo, localhost 같은 말이 없어야 해요.",
    source="PortOne 도움말(하나카드): 테스트 주소로 보이면 거절할 수 있어요.",
    remedy="심사받을 실제 도메인을 PUBLIC_URL에 적어 주세요.",
    needs=Need.NOTHING,
    only_in_live=True,
)
def hostname(seen: Visit) -> Iterator[Finding]:
    host = urlsplit(seen.settings["PUBLIC_URL"]).hostname or ""
    if is_of_trial(host):
        yield Finding("PUBLIC_URL", f"시험용 주소로 보여요: {host}")


@theme.wants(
    "mails-leave",
    "계약 내용을 적은 메일이 실제로 나가야 해요.",
    source="전자상거래법 제13조 제2항(계약내용에 관한 서면)",
    remedy="MAIL_URL에 smtp:// 주소를 적어 주세요.",
    needs=Need.NOTHING,
    only_in_live=True,
)
def mails_leave(seen: Visit) -> Iterator[Finding]:
    if seen.settings["MAIL_URL"].startswith("console"):
        yield Finding("MAIL_URL", "메일이 화면에만 찍혀요")


@theme.wants(
    "webhook-secret",
    "웹훅을 받을 비밀 주소가 정해져 있어야 해요.",
    source="토스페이먼츠 웹훅 안내: 결제 취소와 카드 삭제를 알려 줘요.",
    remedy="TOSS_WEBHOOK_SECRET을 만들고 아래 주소를 개발자센터 > 웹훅에 등록해 주세요.",
    needs=Need.NOTHING,
    only_in_live=True,
)
def webhook_secret(seen: Visit) -> Iterator[Finding]:
    if not seen.settings["TOSS_WEBHOOK_SECRET"]:
        yield Finding("TOSS_WEBHOOK_SECRET", "비어 있어요")


def is_of_trial(host: str) -> bool:
    """Test whether a host name, or an address in its place, does not look like a shop's own."""
    try:
        ip_address(host)
    except ValueError:
        return bool(_TEST_HOST.search(host)) or host.endswith(_TEST_ENDINGS)
    return True
