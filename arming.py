"""Whether this host may move money: a copy of the database must not act (the clone guard)."""

import hashlib
import socket
import threading
import time
from pathlib import Path

from flask import Flask

from models import ArmedHost, db

BELIEVE_FOR = 5.0
"""Seconds for which an answer of the database is believed: disarming takes this long."""


class Arming:
    """The right of this host to send anything but GETs to Toss, and mail; asked for live keys only.

    A host is its machine id and its name. The key is known by its keyed fingerprint.
    """

    def __init__(self, app: Flask) -> None:
        self.is_needed = bool(app.config["IS_LIVE"])
        self.host_id = _host_id()
        self.key_hmac = app.extensions["vault"].fingerprint(app.config["TOSS_SECRET_KEY"])
        with app.app_context():
            self._engine = db.engine
        self._is_armed = False
        self._good_until = 0.0
        self._lock = threading.Lock()

    def may_act(self) -> bool:
        """Test whether this host may act now. Holds no database connection afterwards."""
        if not self.is_needed:
            return True
        with self._lock:
            if time.monotonic() >= self._good_until:
                self._is_armed = ArmedHost.is_armed(self._engine, self.host_id, self.key_hmac)
                self._good_until = time.monotonic() + BELIEVE_FOR
            return self._is_armed


def _host_id() -> str:
    machine = Path("/etc/machine-id")
    text = machine.read_text() if machine.is_file() else ""
    return hashlib.sha256(f"{text.strip()}|{socket.gethostname()}".encode()).hexdigest()[:32]
