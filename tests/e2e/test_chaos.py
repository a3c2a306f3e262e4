"""Workers killed and Toss misbehaving for some weeks; `make chaos` does this for a year."""

from pathlib import Path

import pytest

from chaos.storm import Storm

pytestmark = pytest.mark.e2e


def test_no_promise_breaks_in_a_storm(tmp_path: Path) -> None:
    with Storm(tmp_path, customers=40, seed=20261121) as storm:
        outcome = storm.rage(days=45, kills=16, seconds_a_day=0.4)

    assert outcome.broken == []
    assert outcome.failed == {}
    assert outcome.kills >= 16
    assert outcome.charges > 40
    assert {"active", "ended"} <= outcome.subscriptions.keys()
