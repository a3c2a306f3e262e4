"""A simulated year of crashes and broken answers: `make chaos`, about a quarter of an hour."""

import json
import os
import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bin import postgres
from chaos.storm import Storm

DAYS, KILLS, CUSTOMERS, SECONDS_A_DAY = 365, 220, 300, 1.5


def main() -> int:
    """Rage, print what came of it as one JSON object, and fail where a promise was broken."""
    seed = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed} (CHAOS_SEED={seed} repeats the draws)", file=sys.stderr, flush=True)
    with (
        postgres.ensure(),
        tempfile.TemporaryDirectory(prefix="chaos-") as folder,
        Storm(Path(folder), customers=CUSTOMERS, seed=seed) as storm,
    ):
        outcome = storm.rage(days=DAYS, kills=KILLS, seconds_a_day=SECONDS_A_DAY)
    print(json.dumps({"seed": seed, **asdict(outcome)}, ensure_ascii=False, indent=2))
    return 1 if outcome.broken or outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main())
