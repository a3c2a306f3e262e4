"""A server that answers what a test tells it to, over a real socket."""

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from gateways.payment import CancelRequest, ChargeRequest, ConfirmRequest, IssueRequest
from gateways.toss import TossGateway
from sandbox.app import create_app
from sandbox.server import serve

RECORDINGS = Path(__file__).parent / "recordings"
SECRET_KEY = "test_sk_PLANTED0secret0key"


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Script:
    """What the server does next, and what it received."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: Callable[[Any], None] | None = None
    echoed_code: str | None = None
    received: list[Received] = field(default_factory=list)

    def answer(self, status: int, body: object = b"", **headers: str) -> None:
        """Answer every request with this status and body; a body that is no text becomes JSON."""
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, bytes):
            self.body = body
        else:
            self.body = (body if isinstance(body, str) else json.dumps(body)).encode()

    def refuse(self, status: int, code: str, message: str = "거절") -> None:
        """Answer every request with an error body of Toss."""
        self.answer(status, {"code": code, "message": message})

    def echo(self, status: int, code: str) -> None:
        """Answer with an error whose message and trace id show all that was received."""
        self.status = status
        self.echoed_code = code

    def echo_of(self, received: Received) -> None:
        """Make the next answer out of what was received."""
        seen = " ".join(
            [received.path, unquote(received.path), received.headers["authorization"]]
            + list(map(str, (received.body or {}).values()))
        )
        self.body = json.dumps({"code": self.echoed_code, "message": seen}).encode()
        self.headers = {"x-tosspayments-trace-id": seen.encode("ascii", "ignore").decode()}

    def misbehave(self, raw: Callable[[Any], None]) -> None:
        """Let `raw` do with the connection what it likes, then close it."""
        self.raw = raw


class ScriptedRequest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    script: Script

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        sent = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.command, self.path, headers, json.loads(sent) if sent else None)
        self.script.received.append(received)
        if self.script.raw is not None:
            self.close_connection = True
            self.script.raw(self.wfile)
            return
        if self.script.echoed_code is not None:
            self.script.echo_of(received)
        self.send_response(self.script.status)
        for name, value in self.script.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.script.body)))
        self.end_headers()
        self.wfile.write(self.script.body)

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, *args: object) -> None:
        """Stay quiet."""


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *args: object) -> None:
        """A client that stops listening is what some tests are about."""


def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def clock_of(url: str) -> Callable[[datetime | None], object]:
    """Return what sets the sandbox's clock; None lets it be real again."""
    return lambda moment: requests.put(
        f"{url}/_control/clock", json={"now": moment and moment.isoformat()}, timeout=5
    ).raise_for_status()


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    server = serve(create_app(":memory:"), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def scripted_request() -> type[ScriptedRequest]:
    return type("ScriptedRequestOfThisRun", (ScriptedRequest,), {"script": Script()})


@pytest.fixture(scope="session")
def server_url(scripted_request: type[ScriptedRequest]) -> Iterator[str]:
    yield from serving(QuietServer(("127.0.0.1", 0), scripted_request))


@pytest.fixture
def script(scripted_request: type[ScriptedRequest], server_url: str) -> Script:
    scripted_request.script = Script()
    return scripted_request.script


@pytest.fixture
def toss(script: Script, server_url: str) -> Iterator[TossGateway]:
    """A gateway that speaks to the scripted server."""
    gateway = TossGateway(secret_key=SECRET_KEY, api_base=server_url, timeout_seconds=10)
    yield gateway
    gateway.close()


@pytest.fixture
def hasty_toss(script: Script, server_url: str) -> Iterator[TossGateway]:
    """A gateway that gives up after half a second."""
    gateway = TossGateway(secret_key=SECRET_KEY, api_base=server_url, timeout_seconds=0.5)
    yield gateway
    gateway.close()


@pytest.fixture(scope="session")
def recording() -> Callable[[str], Any]:
    """Return a reader of recorded answers of Toss, by file name."""
    return lambda name: json.loads((RECORDINGS / f"{name}.json").read_text())


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def issue_request() -> IssueRequest:
    return IssueRequest(
        auth_key="auth-PLANTED", customer_key="customer-PLANTED", idempotency_key="issue-1"
    )


@pytest.fixture
def charge_request() -> ChargeRequest:
    return ChargeRequest(
        billing_key="billing/PLANTED=",
        customer_key="customer-PLANTED",
        order_id="order_000001",
        order_name="프리미엄 월 구독",
        amount_won=10000,
        tax_free_won=3000,
        customer_name="홍길동",
        customer_email="PLANTED@example.com",
        idempotency_key="charge-1",
    )


@pytest.fixture
def confirm_request() -> ConfirmRequest:
    return ConfirmRequest(
        payment_key="tgen_1", order_id="order_000001", amount_won=50000, idempotency_key="confirm-1"
    )


@pytest.fixture
def cancel_request() -> CancelRequest:
    return CancelRequest(
        payment_key="tgen_20250606021349bXZN7",
        amount_won=50000,
        tax_free_won=0,
        refundable_won=50000,
        reason="구매자 변심 (r1)",
        idempotency_key="cancel-1",
    )


@pytest.fixture
def ask(
    issue_request: IssueRequest,
    charge_request: ChargeRequest,
    confirm_request: ConfirmRequest,
    cancel_request: CancelRequest,
) -> Callable[[TossGateway, str], Any]:
    """Return a function that makes the call of this name with its usual request."""
    arguments: dict[str, Any] = {
        "issue_billing_key": issue_request,
        "charge": charge_request,
        "confirm": confirm_request,
        "cancel": cancel_request,
        "find_payment": "tgen_20250606021349bXZN7",
        "find_order": "order_000001",
        "delete_billing_key": "billing/PLANTED=",
    }
    return lambda gateway, operation: getattr(gateway, operation)(arguments[operation])


@pytest.fixture
def drip() -> Callable[[Any], None]:
    """Send one byte of an endless header now and then, for as long as somebody listens."""

    def _drip(wire: Any) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"." * 1000:
            wire.write(bytes([byte]))
            wire.flush()
            time.sleep(0.02)

    return _drip


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody vouches for."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", str(path)]
        + ["-out", str(path), "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """What a server with that certificate listens with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def tls_url(tls: ssl.SSLContext, scripted_request: type[ScriptedRequest]) -> Iterator[str]:
    """The address of a server that does what the script says, over TLS."""
    server = QuietServer(("127.0.0.1", 0), scripted_request)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    yield from (url.replace("http:", "https:") for url in serving(server))
