import threading
from datetime import timedelta

import pytest

import timetable
from gateways.pace import Strain
from gateways.payment import BillingKeyRejected, CardDeclined, OutcomeUnknown, RequestRejected
from timetable import Job, Run


def job(records, act, *, asks_toss=False, name="job"):
    """Return a job over these ids, read in batches by key."""

    def due(_, after, limit):
        rows = [(record,) for record in records if after is None or record > after[0]]
        return rows[:limit]

    return Job(name, due, act, asks_toss)


@pytest.fixture
def run(app, now):
    def with_(*jobs, workers=4, **how):
        return Run(app, time=lambda: now, workers=workers, **how).do(jobs)

    return with_


def test_everything_due_is_done_once_in_batches(run, monkeypatch):
    monkeypatch.setattr(timetable, "BATCH", 7)
    done = []
    summary = run(job(range(50), lambda record, _: done.append(record)))
    assert sorted(done) == list(range(50))
    assert summary.settled == {"job": 50}
    assert not summary.needs_a_person


def test_a_record_that_stays_due_is_not_done_again_in_the_same_run(run, monkeypatch):
    monkeypatch.setattr(timetable, "BATCH", 2)
    done = []

    def act(record, _):
        done.append(record)
        raise OutcomeUnknown("timeout")

    summary = run(job(range(5), act))
    assert sorted(done) == list(range(5))
    assert sorted(summary.open["job"]) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("error", "where", "needs_a_person"),
    [
        (CardDeclined("REJECT_CARD_PAYMENT"), "settled", False),
        (BillingKeyRejected("INVALID_STOPPED_CARD"), "settled", False),
        (OutcomeUnknown("timeout"), "open", False),
        (OutcomeUnknown("set_aside"), "set_aside", True),
        (RequestRejected("INVALID_ORDER_NAME"), "set_aside", True),
        (RequestRejected("UNAUTHORIZED_KEY", key_pair=True), "open", False),
        (ZeroDivisionError(), "failed", True),
    ],
)
def test_one_bad_record_is_named_and_the_others_are_done(run, error, where, needs_a_person):
    def act(record, _):
        if record == 3:
            raise error

    summary = run(job(range(6), act))
    assert summary.settled["job"] == (6 if where == "settled" else 5)
    if where != "settled":
        assert getattr(summary, where) == {"job": ["3"]}
    assert summary.needs_a_person is needs_a_person


def test_a_slow_record_does_not_hold_the_others_up(run):
    others = threading.Barrier(3)

    def act(record, _):
        if record < 3:
            others.wait(timeout=10)

    assert run(job(range(6), act), workers=3).settled == {"job": 6}


def test_a_stop_finishes_what_is_in_flight_and_begins_nothing(run):
    stop, begun = threading.Event(), []

    def act(record, _):
        begun.append(record)
        stop.set()

    summary = run(job(range(500), act), workers=2, stop=stop)
    assert summary.settled["job"] == len(begun) <= 4


def test_ids_in_a_summary_are_bounded(run, monkeypatch):
    monkeypatch.setattr(timetable, "MOST_IDS", 3)

    def act(record, _):
        raise OutcomeUnknown("timeout")

    named = run(job(range(9), act), workers=1).open["job"]
    assert len(named) == 4 and named[-1] == "and more"


def test_when_toss_answers_badly_the_run_rests_says_so_and_goes_on(run, caplog):
    strain = Strain(slow_seconds=9, tolerance=3, first=0.2)
    fails = iter([True] * 3)

    def act(record, _):
        if next(fails, False):
            raise OutcomeUnknown("timeout")

    summary = run(job(range(20), act, asks_toss=True), workers=1, strain=strain)
    assert "Toss answers badly" in caplog.text
    assert summary.settled == {"job": 17}


def test_transient_refusals_are_answers():
    strain = Strain(slow_seconds=9, tolerance=1)
    assert strain.note(answered=True, seconds=1) == 0
    assert strain.note(answered=True, seconds=10) == 5
    assert strain.rest() > 4


def test_each_rest_is_twice_as_long_until_a_good_answer():
    strain = Strain(slow_seconds=9, tolerance=2, first=5, longest=12)
    pauses = [strain.note(answered=False, seconds=0) for _ in range(8)]
    assert pauses == [0, 5, 0, 10, 0, 12, 0, 12]
    strain.note(answered=True, seconds=0)
    assert strain.rest() == 0
    assert [strain.note(answered=False, seconds=0) for _ in range(2)] == [0, 5]


def test_every_job_finds_its_records(app, at, now, request):
    at(now)
    request.getfixturevalue("subscribed")
    with app.app_context():
        for one in timetable.EVERYTHING:
            for row in one.due(now + timedelta(days=400), None, 9):
                assert isinstance(row, tuple)
        due = timetable.RENEWALS.due(now + timedelta(days=40), None, 9)
    assert len(due) == 1
