"""Static files: named after their contents, kept for ever by browsers, compressed once.

`url_for("static", filename="site.css")` gives `/static/site.<hash>.css`. Files are read and
compressed when they are first asked for and then served from memory; nothing has to be built. A
file that changed under a running shop is seen after a restart.
"""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import brotli
from flask import Flask, Request, Response, abort, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from config import ROOT
from views.access import public

FOLDER = ROOT / "static"
FOR_EVER = "public, max-age=31536000, immutable"
A_WHILE = "public, max-age=600"
_FILES = {"static", "pictures.show"}
_COMPRESSED = {".css", ".js", ".svg", ".txt"}
_HASHED = re.compile(r"(.+)\.([0-9a-f]{12})(\.\w+)")
_CSS_URL = re.compile(r'url\("([^":]+)"\)')

mimetypes.add_type("font/woff2", ".woff2")


@dataclass(frozen=True)
class StaticFile:
    """One file: its bytes as they are and as browsers may take them."""

    name: str
    plain: bytes
    encoded: dict[str, bytes]
    content_type: str

    @cached_property
    def hashed_name(self) -> str:
        """Return the name with the hash of the contents in it."""
        path = Path(self.name)
        return str(path.with_name(f"{path.stem}.{self.hash}{path.suffix}"))

    @cached_property
    def hash(self) -> str:
        """Return what changes with the contents."""
        return hashlib.sha256(self.plain).hexdigest()[:12]


class PagesSessions(SecureCookieSessionInterface):
    """Sessions for pages: a file is the same whoever asks, whatever their cookie."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Save the session, and say that the answer depends on it, for pages only."""
        if not is_file():
            super().save_session(app, session, response)


def is_file() -> bool:
    """Test whether this request asks for a file, which is the same for everybody."""
    return request.endpoint in _FILES


def register(app: Flask) -> None:
    """Serve the files, and name them after their contents wherever a page links to one."""
    app.session_interface = PagesSessions()
    app.add_url_rule("/static/<path:filename>", "static", serve, methods=["GET"])
    app.url_defaults(_name_after_contents)


@public
def serve(filename: str) -> Response:
    """Serve a file under its hashed name for ever, under its plain name for a while."""
    hashed = _HASHED.fullmatch(filename)
    found = _file(hashed[1] + hashed[3]) if hashed else _file(filename)
    if found is None or (hashed and hashed[2] != found.hash):
        abort(404)
    encoding = next((each for each in found.encoded if each in accepted_encodings(request)), None)
    body = found.encoded[encoding] if encoding else found.plain
    answer = Response(body, content_type=found.content_type)
    answer.headers["Cache-Control"] = FOR_EVER if hashed else A_WHILE
    if found.encoded:
        answer.headers["Vary"] = "Accept-Encoding"
    if encoding:
        answer.headers["Content-Encoding"] = encoding
    answer.set_etag(f"{found.hash}-{encoding or 'plain'}")
    answer.make_conditional(request)
    return answer


def compressed(body: bytes) -> dict[str, bytes]:
    """Return a text as browsers may take it, the smallest first."""
    return {
        "br": brotli.compress(body, mode=brotli.MODE_TEXT),
        "gzip": gzip.compress(body, mtime=0),
    }


def accepted_encodings(asked: Request) -> set[str]:
    """Return the encodings that this browser takes."""
    return {name for name, quality in asked.accept_encodings if quality > 0}


def _name_after_contents(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static":
        found = _file(values["filename"])
        if found is not None:
            values["filename"] = found.hashed_name


@cache
def _file(name: str) -> StaticFile | None:
    path = (FOLDER / name).resolve()
    if not path.is_relative_to(FOLDER) or not path.is_file():
        return None
    plain = path.read_bytes()
    if path.suffix == ".css":
        plain = _CSS_URL.sub(_hashed_url, plain.decode()).encode()
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    encoded = compressed(plain) if path.suffix in _COMPRESSED else {}
    return StaticFile(name, plain, encoded, content_type)


def _hashed_url(found: re.Match[str]) -> str:
    linked = _file(found[1])
    return f'url("{linked.hashed_name if linked else found[1]}")'
