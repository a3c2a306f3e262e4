"""The Celery worker: beat asks every minute what is due and sends ids; workers act on them.

    celery -A worker worker --concurrency 8
    celery -A worker beat

A message carries the name of a job and the id of a record. What is to be done, and whether anything
is, the database decides: a lost, repeated, late or reordered message changes nothing.
"""

import logging
from itertools import islice
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

import clock
import key_pairs
import timetable
from app import create_app
from models import db

log = logging.getLogger("shop.billing")

EVERY_SECONDS = 60.0
MOST_MESSAGES = 5_000
"""How many ids of one job a minute sends: the rest is still due in the next one."""

flask_app = create_app()
if not flask_app.config["CELERY_BROKER_URL"]:
    raise SystemExit("CELERY_BROKER_URL is empty: name a broker, or run `flask billing work`.")

app = Celery("shop", broker=flask_app.config["CELERY_BROKER_URL"])
app.conf.update(
    accept_content=["json"],
    beat_schedule={"due": {"task": "shop.send_due", "schedule": EVERY_SECONDS}},
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 3600},
    task_acks_late=True,
    task_ignore_result=True,
    task_reject_on_worker_lost=True,
    task_serializer="json",
    task_soft_time_limit=3 * flask_app.config["TOSS_TIMEOUT"] + 60,
    task_time_limit=3 * flask_app.config["TOSS_TIMEOUT"] + 120,
    worker_prefetch_multiplier=1,
)

_strain = timetable.strain_of(flask_app)


@app.task(name="shop.send_due")
def send_due() -> None:
    """Send the ids of all that is due; what was not acted on within a minute is sent again."""
    if not flask_app.extensions["arming"].may_act():
        log.error("this host is not armed: nothing is sent")
        return
    for job in timetable.EVERYTHING:
        for record in islice(timetable.records(job, clock.now, flask_app), MOST_MESSAGES):
            act.apply_async((job.name, record), expires=EVERY_SECONDS)


@app.task(name="shop.act")
def act(job_name: str, record: Any) -> None:
    """Do one record of a job, if it is still due."""
    job = timetable.BY_NAME[job_name]
    if job.asks_toss and _strain.rest():
        return
    timetable.act_once(flask_app, job, record, clock.now(), _strain)


@worker_process_init.connect
def _begin_process(**_: Any) -> None:
    """Give a forked worker connections of its own, and the pace that all of them share."""
    with flask_app.app_context():
        db.engine.dispose(close=False)
    with flask_app.app_context():
        key_pairs.keep_pace()
