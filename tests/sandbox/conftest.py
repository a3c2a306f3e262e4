"""What the sandbox's tests stand on: a sandbox in this process, and shops that ask it."""

import threading
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sandbox.app import create_app
from sandbox.server import serve
from tests.sandbox.shop import PASS, Shop


@pytest.fixture
def app(tmp_path) -> Iterator[Flask]:
    app = create_app(str(tmp_path / "sandbox.sqlite"), slow_seconds=0.1)
    app.testing = True
    yield app
    app.extensions["sandbox"].ledger.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def shop(client: FlaskClient) -> Shop:
    return Shop(client)


@pytest.fixture
def other_shop(client: FlaskClient) -> Shop:
    return Shop(client, PASS)


@pytest.fixture
def connection(app: Flask) -> Iterator[HTTPConnection]:
    """Return a connection to a sandbox that listens on a port."""
    server = serve(app, "127.0.0.1", 0)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
    yield connection
    connection.close()
    server.shutdown()
    thread.join()
