"""A requirement: what somebody else will refuse the shop for, and how this shop stands to it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from review.visit import Visit

_SHOWN_PLACES = 5


class State(StrEnum):
    """How the shop stands to a requirement.

    `warning`: it may do, somebody should look. `only_in_live`: not met, and need not be before the
    live keys. `unchecked`: a program could tell, but not in this run. `only_you`: no program can.
    """

    MET = "met"
    WARNING = "warning"
    UNMET = "unmet"
    ONLY_IN_LIVE = "only_in_live"
    UNCHECKED = "unchecked"
    ONLY_YOU = "only_you"


class Need(StrEnum):
    """What must have been seen before a requirement can be judged."""

    NOTHING = "nothing"
    SHOP = "shop"
    REVIEWER = "reviewer"
    ORDER_PAGE = "order_page"


class Unseen(Exception):
    """The visit did not see what this requirement is about; the text says why."""


class OnlyYou(Exception):
    """Here no program can tell; the text says what to look at."""


@dataclass(frozen=True)
class Finding:
    """Where a requirement is not met (a page's address or a setting's name), and what is there."""

    place: str
    what: str


Look = Callable[[Visit], Iterable[Finding]]


@dataclass(frozen=True)
class Requirement:
    """One thing that is asked of the shop: by whom (`source`), and what to change (`remedy`)."""

    key: str
    theme: str
    title: str
    source: str
    remedy: str
    look: Look
    needs: Need = Need.SHOP
    is_only_in_live: bool = False
    is_soft: bool = False


@dataclass(frozen=True)
class Result:
    """How the shop stands to one requirement, and where it does not."""

    requirement: Requirement
    state: State
    findings: tuple[Finding, ...] = ()
    note: str = ""

    @property
    def in_short(self) -> list[tuple[str, str]]:
        """Return (places, what) with what is the same in many places said once."""
        places: dict[str, list[str]] = {}
        for finding in self.findings:
            places.setdefault(finding.what, []).append(finding.place)
        return [(_some_of(found), what) for what, found in places.items()]


class Theme:
    """A chapter of requirements, in the order in which they are written down."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.requirements: list[Requirement] = []

    def wants(
        self,
        key: str,
        title: str,
        *,
        source: str,
        remedy: str,
        needs: Need = Need.SHOP,
        only_in_live: bool = False,
        soft: bool = False,
    ) -> Callable[[Look], Look]:
        """Add a requirement; the function below says where the shop does not meet it."""

        def add(look: Look) -> Look:
            self.requirements.append(
                Requirement(key, self.title, title, source, remedy, look, needs, only_in_live, soft)
            )
            return look

        return add

    def leaves_to_you(self, key: str, title: str, *, source: str, remedy: str) -> None:
        """Add a requirement that no program can check."""

        def look(seen: Visit) -> Iterable[Finding]:
            raise OnlyYou("")

        self.requirements.append(
            Requirement(key, self.title, title, source, remedy, look, Need.NOTHING)
        )


def judge(requirement: Requirement, seen: Visit) -> Result:
    """Return how the shop stands to a requirement after a visit."""
    try:
        _must_have_seen(requirement.needs, seen)
        findings = tuple(dict.fromkeys(requirement.look(seen)))
    except Unseen as reason:
        return Result(requirement, State.UNCHECKED, note=str(reason))
    except OnlyYou as reason:
        return Result(requirement, State.ONLY_YOU, note=str(reason))
    if not findings:
        return Result(requirement, State.MET)
    if requirement.is_only_in_live and not seen.is_live:
        return Result(requirement, State.ONLY_IN_LIVE, findings)
    return Result(requirement, State.WARNING if requirement.is_soft else State.UNMET, findings)


def _some_of(places: list[str]) -> str:
    more = len(places) - _SHOWN_PLACES
    shown = ", ".join(places[:_SHOWN_PLACES])
    return f"{shown} 외 {more}곳" if more > 0 else shown


def _must_have_seen(need: Need, seen: Visit) -> None:
    if need is Need.NOTHING:
        return
    if seen.why_unreachable:
        raise Unseen("가게에 닿지 않아 보지 못했어요.")
    if need in (Need.REVIEWER, Need.ORDER_PAGE) and not seen.ordering.is_in:
        raise Unseen(f"심사 계정으로 들어가지 못해 보지 못했어요. {seen.ordering.why_not_in}")
    if need is Need.ORDER_PAGE and seen.ordering.is_subscribed:
        raise OnlyYou(
            "심사 계정이 이미 구독하고 있어 주문 화면 대신 내 구독으로 보내요. "
            "구독하지 않은 심사 계정으로 다시 점검하면 프로그램이 확인해요."
        )
    if need is Need.ORDER_PAGE and not seen.ordering.shown:
        raise Unseen("심사 계정으로 주문 화면을 열지 못했어요.")
