"""Answer over HTTP/1.1 from threads, keeping connections open for pooled clients."""

import socket
from io import BytesIO
from typing import Any

from flask import Flask
from werkzeug import Response
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

_LARGEST_BODY = 1_000_000


class KeepAlive(WSGIRequestHandler):
    """A connection that outlives one request, which Werkzeug's own does not."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 300

    def run_wsgi(self) -> None:
        """Read a whole request, and send a whole answer."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.send_error(411)
        elif int(length) > _LARGEST_BODY:
            self.send_error(413)
        else:
            self._answer(self.rfile.read(int(length)))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: paths hold billing keys and one-time keys."""

    def _answer(self, body: bytes) -> None:
        self.environ = self.make_environ()
        self.environ["wsgi.input"] = BytesIO(body)
        answer = Response.from_app(self.server.app, self.environ, buffered=True)
        self.send_response(answer.status_code)
        for name, value in answer.get_wsgi_headers(self.environ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.get_data())


def serve(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """Return a server that listens already; `serve_forever` makes it answer.

    :raises OSError: when the port is taken
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=128) as listener:
        return make_server(
            host,
            listener.getsockname()[1],
            app,
            threaded=True,
            request_handler=KeepAlive,
            fd=listener.fileno(),
        )


def cut_connection(environ: dict[str, Any]) -> None:
    """Close the connection under an answer that is never to arrive.

    :raises ConnectionAbortedError: where there is no connection, as in a test client
    """
    connection = environ.get("werkzeug.socket")
    if connection is None:
        raise ConnectionAbortedError("the answer is lost")
    connection.shutdown(socket.SHUT_RDWR)
