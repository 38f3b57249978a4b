from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from remora.job import Job
from remora.state import State
from workers.flower import rows
from workers.flower.past import events_of
from workers.flower.rows import Jobs, format_task

RUNNING = Job(uuid4(), "web", "nightly", State.RUNNING, 1, "ops", 100.0, started=101.0, progress="40%")


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    rows.install()


def recalled(*jobs: Job) -> Any:
    state = Jobs()
    for job in jobs:
        for event in events_of(job):
            state.event(event)
    (row,) = state.tasks.values()
    return format_task(row)


def test_a_running_job_has_its_row_again() -> None:
    row = recalled(RUNNING)
    assert (row.name, row.host, row.state, row.progress) == ("nightly", "web", "STARTED", "40%")
    assert (row.received, row.started) == (100.0, 101.0)


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (State.SUCCEEDED, "SUCCESS"),
        (State.FAILED, "FAILURE"),
        (State.TIMED_OUT, "FAILURE"),
        (State.LOST, "FAILURE"),
        (State.CANCELLED, "REVOKED"),
    ],
)
def test_an_ended_job_has_its_end(state: State, shown: str) -> None:
    row = recalled(replace(RUNNING, state=state, ended=103.0, finished=104.0, exit_code=3))
    assert (row.state, row.exit_code) == (shown, 3)


def test_a_job_that_waits_is_received() -> None:
    assert recalled(replace(RUNNING, state=State.ACCEPTED, started=None)).state == "RECEIVED"


def test_an_end_that_nobody_told_is_found_when_asked_again() -> None:
    ended = replace(RUNNING, state=State.SUCCEEDED, ended=103.0, finished=104.0, exit_code=0)
    assert recalled(RUNNING, ended).state == "SUCCESS"
    assert recalled(ended, RUNNING).state == "SUCCESS"
