"""Disturb what passes over the wire, as a test asks."""

import json
import secrets
import threading
from dataclasses import asdict, dataclass

from flask import Response

from sandbox.errors import CODES, TossError

OPERATIONS = (
    "issue",
    "charge",
    "lookup",
    "cancel",
    "delete",
    "confirm",
    "transactions",
    "settlements",
    "receipt",
    "any",
)
KINDS = ("hang", "lost", "lost_before", "status", "code", "mismatch", "garbage")


@dataclass
class Fault:
    """One kind of trouble; `times` is how often it still strikes, None for always.

    `chance` is how likely it strikes a call, from 0 to 1.
    """

    operation: str
    kind: str
    seconds: float = 0
    status: int = 503
    code: str = ""
    times: int | None = None
    chance: float = 1.0

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS or self.kind not in KINDS:
            raise ValueError("operation or kind is unknown")
        if not 0 < self.chance <= 1:
            raise ValueError("chance is from 0 to 1")
        if self.kind == "code" and self.code not in CODES:
            raise ValueError("code is unknown")

    def strikes(self) -> bool:
        """Throw the dice."""
        return self.chance == 1 or secrets.SystemRandom().random() < self.chance


class Faults:
    """The list of faults in force."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._generation = 0
        self._faults: list[Fault] = []

    def replace(self, faults: list[Fault]) -> None:
        """Put new faults in place of the old ones and let all that hangs go on."""
        with self._changed:
            self._faults = faults
            self._generation += 1
            self._changed.notify_all()

    def listed(self) -> list[dict[str, object]]:
        """Return the faults that can still strike."""
        with self._changed:
            return [asdict(fault) for fault in self._faults if fault.times != 0]

    def take(self, operation: str) -> Fault | None:
        """Return the fault that strikes this call, and count it."""
        with self._changed:
            for fault in self._faults:
                if fault.operation in (operation, "any") and fault.times != 0 and fault.strikes():
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def hang(self, seconds: float) -> None:
        """Wait that long, or until the faults are replaced."""
        with self._changed:
            generation = self._generation
            self._changed.wait_for(lambda: self._generation != generation, timeout=seconds)


def gateway_page(status: int) -> Response:
    """Return what a proxy in front of Toss answers: HTML, not JSON."""
    body = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
    return Response(body, status=status, mimetype="text/html")


def strike_before(fault: Fault, faults: Faults) -> None:
    """Do what a fault does before a call is executed.

    :raises TossError: when the fault is one of Toss's codes
    """
    if fault.kind == "hang":
        faults.hang(fault.seconds)
    if fault.kind == "code":
        raise TossError(fault.code)


def strike_after(fault: Fault, answer: Response) -> Response:
    """Return an answer as the fault lets it through."""
    if fault.kind == "garbage":
        answer.set_data(answer.get_data()[:-20] or b"{")
    if fault.kind == "mismatch" and answer.status_code == 200:
        return _with_other_amount(answer)
    return answer


def _with_other_amount(answer: Response) -> Response:
    fields = json.loads(answer.get_data() or b"null")
    if isinstance(fields, dict) and "totalAmount" in fields:
        fields["totalAmount"] += 1000
        answer.set_data(json.dumps(fields, ensure_ascii=False))
    return answer
