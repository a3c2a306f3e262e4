"""The report of one check: every result, and what goes with an application to Toss."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from review.requirement import Result, State
from review.visit import Visit
from rules import won

FAILING = (State.UNMET, State.UNCHECKED)

LABELS = {
    State.UNMET: "고쳐야 해요",
    State.UNCHECKED: "확인하지 못했어요",
    State.WARNING: "살펴보세요",
    State.ONLY_IN_LIVE: "라이브 키를 쓸 때 필요해요",
    State.ONLY_YOU: "직접 확인하세요",
    State.MET: "충족했어요",
}
"""What each state is called, the most urgent first."""


@dataclass(frozen=True)
class Webhook:
    """Where Toss is to post, for which MID, and when it last did."""

    address: str = field(repr=False)
    masked_address: str
    m_id: str | None
    came_at: datetime | None


@dataclass(frozen=True)
class Report:
    """What one check found; `application` is what Toss's form asks for."""

    url: str
    mode: str
    checked_at: datetime
    results: tuple[Result, ...]
    application: dict[str, str]
    webhook: Webhook

    @property
    def is_met(self) -> bool:
        """Test whether everything that a program can check is met."""
        return not any(result.state in FAILING for result in self.results)

    def of_state(self, state: State) -> list[Result]:
        """Return the results of one state, in order."""
        return [result for result in self.results if result.state is state]

    @property
    def groups(self) -> list[tuple[State, str, list[Result]]]:
        """Return the results by state, the most urgent first, without empty groups."""
        found = [(state, label, self.of_state(state)) for state, label in LABELS.items()]
        return [group for group in found if group[2]]

    def as_json(self) -> dict[str, Any]:
        """Return the report as values for JSON; no secret is in it."""
        return {
            "url": self.url,
            "mode": self.mode,
            "checked_at": self.checked_at.isoformat(),
            "ok": self.is_met,
            "counts": {str(state): len(self.of_state(state)) for state in State},
            "requirements": [_result_as_json(result) for result in self.results],
            "application": self.application,
            "webhook": {
                "address": self.webhook.masked_address,
                "mid": self.webhook.m_id,
                "last_came_at": self.webhook.came_at and self.webhook.came_at.isoformat(),
            },
        }


def report_on(
    seen: Visit, results: Sequence[Result], *, reviewer_email: str, now: datetime
) -> Report:
    """Return the report of a visit."""
    return Report(
        url=seen.origin,
        mode=_mode(seen),
        checked_at=now,
        results=tuple(results),
        application=_application(seen, reviewer_email),
        webhook=_webhook(seen),
    )


def _mode(seen: Visit) -> str:
    if seen.is_live:
        return "live"
    return "sandbox" if seen.settings["USES_SANDBOX"] else "test"


def _application(seen: Visit, reviewer_email: str) -> dict[str, str]:
    origin, offers = seen.settings["PUBLIC_URL"], seen.books.offers
    return {
        "상품 주소": f"{origin}/plans",
        "환불 규정 주소": f"{origin}/refund-policy",
        "최대 단가": won.formatted(max((offer.price_won for offer in offers), default=0)),
        "최대 서비스 제공기간": f"결제일로부터 {max((o.months for o in offers), default=0)}개월",
        "심사 계정": reviewer_email or "아직 없음",
        "연동 방식": "직접 구축 (SDK v2 자동결제)",
    }


def _webhook(seen: Visit) -> Webhook:
    start = f"{seen.settings['PUBLIC_URL']}/webhooks/toss/"
    secret = seen.settings["TOSS_WEBHOOK_SECRET"]
    return Webhook(
        address=start + secret if secret else "",
        masked_address=f"{start}{secret[:2]}…" if secret else "",
        m_id=seen.books.m_id,
        came_at=seen.books.webhook_came_at,
    )


def _result_as_json(result: Result) -> dict[str, Any]:
    requirement = result.requirement
    return {
        "key": requirement.key,
        "theme": requirement.theme,
        "title": requirement.title,
        "state": str(result.state),
        "findings": [{"place": each.place, "what": each.what} for each in result.findings],
        "note": result.note,
        "remedy": requirement.remedy,
        "source": requirement.source,
    }
