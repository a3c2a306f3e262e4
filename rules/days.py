"""Days as people type them."""

import re
from datetime import date


def written_day(text: str) -> date | None:
    """Return the day that `text` writes as 2026-11-20, from 2000 to 2099; None for all else."""
    if not re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
