"""One request and one answer over a pooled connection, bounded in time and in size."""

import http.client
import io
import json
import logging
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

MAX_BODY_BYTES = 1_000_000

_ANY_FAILURE = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)


@dataclass(frozen=True)
class Answer:
    """What came back: not yet believed, not yet read."""

    http_status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """Nothing came back that could be read; `code` is `timeout`, `connection` or `broken_answer`.

    It carries neither the URL nor the error of the library below, whose texts show the URL and
    with it a billing key; for the same reason it is never raised inside an `except` block.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Connection:
    """Pooled connections to one server; safe to use from many threads.

    It tries each request once, follows no redirect, keeps no cookie, and ignores proxies, `.netrc`
    and certificate bundles named in the environment: the Authorization header is for this server
    alone, and a variable set for another program must not send it elsewhere.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        timeout_seconds: float,
        connect_seconds: float,
        pool_size: int,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the base URL must begin with http:// or https:// and name a host")
        self.base_url = base_url.rstrip("/")
        self._timeouts = (min(connect_seconds, timeout_seconds), timeout_seconds)
        self._headers = requests.utils.default_headers()
        self._headers.update(headers)
        self._adapter = _BoundedAdapter(pool_connections=1, pool_maxsize=pool_size)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return its answer, whatever its status.

        A mapping is sent as JSON, bytes as they are: `headers` then say what they are.

        :raises NoAnswer: when none came in time, or none that could be read.
        """
        started = time.monotonic()
        result = self._attempt(method, path, body, headers)
        if isinstance(result, Answer):
            return result
        if result == "connection" and time.monotonic() - started >= self._timeouts[1]:
            result = "timeout"
        raise NoAnswer(result, _SENTENCES[result])

    def close(self) -> None:
        """Close the connections that lie idle."""
        self._adapter.close()

    def _attempt(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None,
        headers: Mapping[str, str] | None,
    ) -> Answer | str:
        try:
            request = self._request(method, path, body, headers)
            with self._adapter.send(request, timeout=self._timeouts, stream=True) as response:
                content = _bounded_body(response)
        except requests.Timeout:
            return "timeout"
        except requests.exceptions.ContentDecodingError:
            return "broken_answer"
        except _ANY_FAILURE:
            return "connection"
        if content is None:
            return "broken_answer"
        return Answer(response.status_code, response.headers, content)

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None,
        headers: Mapping[str, str] | None,
    ) -> requests.PreparedRequest:
        """Return what to send: nothing of it needs the guessing of `Session.request`."""
        request = requests.PreparedRequest()
        request.method = method
        request.url = self.base_url + path
        request.headers = self._headers.copy()
        if isinstance(body, Mapping):
            request.headers["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        request.headers.update(headers or {})
        request.prepare_body(body, None)
        return request


_SENTENCES = {
    "timeout": "no whole answer within the time limit",
    "connection": "no connection, or it ended before the answer did",
    "broken_answer": "the answer is too large or cannot be decoded",
}


def _bounded_body(response: requests.Response) -> bytes | None:
    """Return the body, or None where it is larger than any answer of the contract can be."""
    content = bytearray()
    for chunk in response.iter_content(65536):
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            return None
    return bytes(content)


class _TimedSocketReader(io.RawIOBase):
    """Reads a socket until a deadline.

    A socket's own timeout starts anew with each byte, so that a server which drips one byte a
    minute would hold its caller for hours.
    """

    def __init__(self, sock: socket.socket) -> None:
        seconds = sock.gettimeout()
        self._sock = sock
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._raw = cast(io.RawIOBase, sock.makefile("rb", buffering=0))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer took too long")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedSocketReader(sock))


class _HTTPConnection(urllib3.connection.HTTPConnection):
    response_class = _BoundedResponse


class _HTTPSConnection(urllib3.connection.HTTPSConnection):
    response_class = _BoundedResponse


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _BoundedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}


def _is_silent(record: logging.LogRecord) -> bool:
    return False


# Both write whole URLs, whose path may hold a billing key.
for _name in ("urllib3.connectionpool", "urllib3.connection"):
    logging.getLogger(_name).addFilter(_is_silent)
