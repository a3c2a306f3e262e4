"""How pages are measured: the slowest in a hundred visits, and how many a second."""

import http.client
import re
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

VISITORS = 12
CONNECTIONS = 4


def visit(
    origin: str, pages: Mapping[str, str], *, cookie: str, seconds: float, per_second: float
) -> dict[str, list[float]]:
    """Visit each page (name → path) at an even pace; return the seconds that each visit took.

    A visit counts from the moment it was due, so a page that keeps its visitors waiting cannot
    hide it by being visited less often.

    :raises RuntimeError: a page did not answer 200.
    """
    taken: dict[str, list[float]] = {name: [] for name in pages}
    paths = list(pages.items())
    started = time.monotonic()
    visits = [
        (name, path, started + (number + index / len(paths)) / per_second)
        for number in range(int(seconds * per_second))
        for index, (name, path) in enumerate(paths)
    ]
    with ThreadPoolExecutor(VISITORS) as visitors:
        jobs = [
            (name, visitors.submit(_visit, origin, path, cookie, due)) for name, path, due in visits
        ]
        for name, job in jobs:
            taken[name].append(job.result())
    return taken


def requests_per_second(address: str, headers: Mapping[str, str], seconds: float) -> float:
    """Ask for one page over and over on a few kept connections; return how often a second.

    :raises RuntimeError: the page did not answer 200, or 304 to who has it already.
    """
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(CONNECTIONS) as connections:
        jobs = [
            connections.submit(_ask_until, end, address, dict(headers)) for _ in range(CONNECTIONS)
        ]
        return sum(job.result() for job in jobs) / seconds


def p99(seconds: list[float]) -> float:
    """Return the time that 99 of 100 visits stay within."""
    return sorted(seconds)[max(0, -(-len(seconds) * 99 // 100) - 1)]


def _visit(origin: str, path: str, cookie: str, due: float) -> float:
    time.sleep(max(0.0, due - time.monotonic()))
    connection = http.client.HTTPConnection(urlsplit(origin).netloc, timeout=90)
    try:
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return time.monotonic() - due


def _ask_until(end: float, address: str, headers: dict[str, str]) -> int:
    """Ask on one bare socket: `http.client` would take longer than the server."""
    parts = urlsplit(address)
    lines = [f"GET {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    question = ("\r\n".join(lines) + "\r\n\r\n").encode()
    expected = b"HTTP/1.1 304" if "If-None-Match" in headers else b"HTTP/1.1 200"
    asked = 0
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as server:
        while time.monotonic() < end:
            server.sendall(question)
            if not _read_answer(server).startswith(expected):
                raise RuntimeError(f"{address} did not answer {expected.decode()}")
            asked += 1
    return asked


def _read_answer(server: socket.socket) -> bytes:
    """Read one answer to its last byte, and return its head."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += server.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0:
        missing -= len(server.recv(65536))
    return head
