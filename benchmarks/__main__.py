"""`make bench`: every figure that the documents quote, one JSON object a line.

Names of benchmarks may follow, as in `python -m benchmarks slow_toss`. Each figure is a ratio to a
floor of the same run; the exit status is 1 when one misses its goal.
"""

import json
import sys

from benchmarks import back_office, exports, pages, renewals, slow_toss, webhooks
from bin import postgres

BENCHMARKS = {
    "pages": pages.run,
    "webhooks": webhooks.run,
    "slow_toss": slow_toss.run,
    "renewals": renewals.run,
    "exports": exports.run,
    "back_office": back_office.run,
}
"""What looks at milliseconds comes before what fills the database with millions of rows."""


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all, and print each result as soon as it is there."""
    all_ok = True
    with postgres.ensure():
        for name in names or BENCHMARKS:
            for result in BENCHMARKS[name]():
                print(json.dumps(result, ensure_ascii=False), flush=True)
                all_ok = all_ok and result["ok"]
    return 0 if all_ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
