"""Run the sandbox: python -m sandbox."""

import argparse
import errno
import logging
import os
import signal
import sys
import threading

from sandbox.app import create_app
from sandbox.keys import read_pair
from sandbox.server import serve
from sandbox.state import API_VERSIONS


def main() -> int:
    """Listen until told to stop, and return the exit status."""
    options = _options()
    logging.basicConfig(format="sandbox: %(message)s", level=logging.INFO)
    app = create_app(
        options.database,
        key_pairs=options.key,
        api_version=options.api_version,
        webhook_url=options.webhook_url,
        minute_seconds=options.webhook_minute,
    )
    app.logger.setLevel(logging.INFO)
    try:
        server = serve(app, options.host, options.port)
    except OSError as trouble:
        _say(_sentence_about(trouble, options))
        return 1
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: threading.Thread(target=server.shutdown).start())
    _say(f"listening on http://{options.host}:{server.port}; no money moves.")
    here, stopped = app.extensions["sandbox"], threading.Event()
    postman = threading.Thread(target=here.webhooks.deliver_for_ever, args=(stopped,))
    postman.start()
    server.serve_forever()
    stopped.set()
    postman.join()
    here.ledger.close()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT") or 9090))
    parser.add_argument(
        "--database", default=os.environ.get("SANDBOX_DATABASE") or "instance/sandbox.sqlite"
    )
    parser.add_argument("--webhook-url", help="where the shop takes webhooks; kept in the ledger")
    parser.add_argument(
        "--webhook-minute", type=float, default=60, help="seconds of a minute between re-sends"
    )
    parser.add_argument("--api-version", choices=API_VERSIONS, default="2022-11-16")
    parser.add_argument(
        "--key", type=read_pair, action="append", default=[], metavar="CLIENT:SECRET:MID"
    )
    return parser.parse_args()


def _sentence_about(trouble: OSError, options: argparse.Namespace) -> str:
    if trouble.errno == errno.EADDRINUSE:
        return f"port {options.port} is taken; stop what uses it or choose another with --port."
    return f"cannot listen on {options.host} port {options.port}: {trouble.strerror}."


def _say(sentence: str) -> None:
    sys.stderr.write(f"sandbox: {sentence}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
