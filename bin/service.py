"""One process of the shop: started in a group of its own, waited for, read and stopped."""

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class ServiceFailed(Exception):
    """A service ended, or did not answer in time; the text tells which, with its last lines."""


class Service:
    """A long-running command whose output is kept, and given to `relay` line by line.

    It is ready once `ready` has happened: an address that answers 200, or some words in a line.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        ready: str,
        environ: Mapping[str, str],
        folder: Path = ROOT,
        relay: Callable[[str], object] = lambda line: None,
    ) -> None:
        self.name = name
        self.lines: deque[str] = deque(maxlen=5000)
        self._command = list(command)
        self._ready = ready
        self._environ = dict(environ)
        self._folder = folder
        self._relay = relay
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the process; it may not be ready yet."""
        self.lines.clear()
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Return once the service answers.

        :raises ServiceFailed: it ended, or `seconds` have passed.
        """
        deadline = time.monotonic() + seconds
        while not self._answers():
            if not self.is_alive():
                raise ServiceFailed(self.last_words("ended before it was ready"))
            if time.monotonic() > deadline:
                raise ServiceFailed(self.last_words(f"did not answer within {seconds:g} seconds"))
            time.sleep(0.1)

    @property
    def pid(self) -> int | None:
        """The id of the process, once it was started."""
        return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        """Test whether the process still runs."""
        return self._process is not None and self._process.poll() is None

    def last_words(self, what_happened: str) -> str:
        """Return what happened to the service, with the last lines that it wrote."""
        if not self.is_alive():
            self._reader.join(timeout=2)
        tail = "\n".join(f"  {line}" for line in list(self.lines)[-15:])
        return f"{self.name} {what_happened}. Its last lines:\n{tail or '  (none)'}"

    def kill(self) -> None:
        """End the whole group at once, as a crash would."""
        self._signal(signal.SIGKILL)
        self._forget()

    def stop(self, seconds: float = 10) -> None:
        """Ask the service to end; after `seconds` make it end, with all that it started."""
        self._signal(signal.SIGTERM)
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def _answers(self) -> bool:
        if self._ready.startswith("http"):
            return answers(self._ready) and self.is_alive()
        return any(self._ready in line for line in list(self.lines))

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))
                self._relay(line.rstrip("\n"))

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _forget(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._reader.join(timeout=2)
            self._process = None


def answers(url: str) -> bool:
    """Test whether the address answers 200 within two seconds."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def is_free(port: int) -> bool:
    """Test whether a server could listen on the port of this machine."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port that nobody listens on right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
