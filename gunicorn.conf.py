"""How gunicorn serves the shop: threads, time limits above Toss's, logs without secrets."""

import gc
import logging
import os
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from gunicorn.config import Config
from gunicorn.glogging import Logger

SECRET_PATHS = re.compile(r"(/(?:webhooks/toss|password-reset|account/email)/)[^\s\"?]+")
QUERY = re.compile(r"\?[^\s\"]+")
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class WithoutSecrets(logging.Filter):
    """Take query strings and secret ends of paths out of a line, and keep it one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = SECRET_PATHS.sub(r"\1***", record.getMessage())
        record.msg = CONTROL_CHARACTERS.sub(" ", QUERY.sub("?***", text))
        record.args = ()
        return True


class DiscreetLogger(Logger):
    """Gunicorn's own logger, with the filter on both of its logs."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for log in (self.access_log, self.error_log):
            log.addFilter(WithoutSecrets())

    def atoms(
        self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta
    ) -> dict[str, Any]:
        found: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        found["U"] = quote(found["U"] or "-", encoding="latin-1")
        return found


bind = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "1"))
threads = int(os.environ.get("WEB_THREADS", "128"))
timeout = 90
graceful_timeout = 75
control_socket_disable = True

logger_class = DiscreetLogger
accesslog = "-"
access_log_format = '%(h)s %(m)s %(U)s %(s)s %(B)s %(M)sms "%(a)s"'


def post_worker_init(worker: Any) -> None:
    """Spare the collector what was loaded and stays: a full sweep stops every thread a while."""
    gc.collect()
    gc.freeze()
