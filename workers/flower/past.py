"""The rows that Flower would have if it had run all along: it keeps them in memory, the records keep the facts."""

import logging
from collections.abc import Iterator
from typing import Any

from remora.desk import Desk, Filter
from remora.errors import RecordsUnavailable
from remora.job import Job
from tasks.post import EVENTS

log = logging.getLogger(__name__)

MOST = 2000
"""Jobs that are looked up, the newest."""


def recall(desk: Desk, state: Any) -> None:
    """Put the jobs on record into Flower's state; without Redis it starts empty, as it would by itself."""
    try:
        for event in past_events(desk):
            state.event(event)
    except RecordsUnavailable as error:
        log.warning("Earlier jobs are not shown: %s", error, extra={"action": "recall"})


def past_events(desk: Desk) -> Iterator[dict[str, Any]]:
    """Give the events of the jobs on record, oldest job first, as if they came now.

    Raises:
        RecordsUnavailable: Redis does not answer.
    """
    jobs: list[Job] = []
    cursor = None
    while len(jobs) < MOST:
        page = desk.jobs(Filter(), limit=MOST, after=cursor)
        jobs += page.jobs
        cursor = page.next
        if cursor is None:
            break
    for job in reversed(jobs):
        yield from events_of(job)


def events_of(job: Job) -> Iterator[dict[str, Any]]:
    """Give the events that a job must have sent by now."""
    yield _event(job, "task-received", job.created)
    if job.started is not None:
        yield _event(job, "task-started", job.started)
    if job.finished is not None:
        yield _event(job, EVENTS[job.state.value], job.finished)


def _event(job: Job, kind: str, at: float) -> dict[str, Any]:
    return {
        "type": kind,
        "timestamp": at,
        "local_received": at,
        "clock": 0,
        "hostname": "records",
        "uuid": str(job.id),
        "name": job.name,
        "title": job.name,
        "host": job.host,
        "job_state": job.state.value,
        "attempt": job.attempt,
        "progress": job.progress,
        "exit_code": job.exit_code,
    }
