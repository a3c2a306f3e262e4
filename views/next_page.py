"""Where to go on after a log-in: a path of this shop, and nothing else."""

import re

_LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def local_path(wanted: str | None, otherwise: str) -> str:
    """Return `wanted` if it is a path of this shop, else `otherwise`: no open redirect."""
    return wanted if wanted and _LOCAL_PATH.fullmatch(wanted) else otherwise
