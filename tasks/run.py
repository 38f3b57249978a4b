"""``remora.run``: a job as a Celery task, for scripts, chains, groups and chords."""

import logging
import time
from typing import Any, cast
from uuid import UUID

from celery import Task, shared_task
from celery.exceptions import Ignore, Reject
from celery.states import RETRY
from kombu.utils.json import dumps
from pydantic import ValidationError
from redis.exceptions import RedisError

from remora.desk import Desk
from remora.errors import NotFound, Permanent, RemoraError, Transient
from remora.job import Job, JobRequest
from remora.records.scripts import ours
from remora.state import State
from tasks.application import Application
from tasks.names import RUN, RUN_QUEUE

log = logging.getLogger(__name__)

IDENTITY = "broker"
"""Whose rights such a job has."""
PAUSE = 1.0
"""Seconds before a message goes back to the queue while the records do not answer."""


class Run(Task):  # type: ignore[type-arg] # celery's Task is generic only to type checkers
    """Holds no worker while its job runs."""

    max_retries = None
    track_started = False
    """A second copy of the message would write STARTED over a failure that stands there."""

    @property
    def desk(self) -> Desk:
        """The counter that the process was started with."""
        return cast(Application, self.app).desk

    def park(self, job: UUID, *, check: bool) -> bool:
        """Keep this task's own retry in Redis, to be published under the same id when the job ends; false if it has.

        The job's record knows what was asked, so the retry does not repeat it.
        """
        # Before it is parked: once it is, another worker may already be writing the result.
        try:
            self.update_state(state=RETRY)
        except RedisError as error:
            raise ours(error) from error
        again = self.signature_from_request(
            self.request, (), {"check": check}, retries=self.request.retries + 1, queue=RUN_QUEUE
        )
        again.options.pop("expires", None)
        return self.desk.park(job, dumps(again))

    def after_return(self, *_: object) -> None:
        """Drop the retry: the result is stored and whatever follows has been called."""
        self.unpark()

    def unpark(self) -> None:
        """Drop the retry; left where it is, it is published again and the result given twice."""
        try:
            self.desk.unpark(UUID(self.request.id))
        except (RemoraError, ValueError) as error:
            log.info("A message stays parked: %s", error, extra={"action": "unpark"})


@shared_task(name=RUN, bind=True, base=Run)
def run(self: Run, _handed_on: object = None, /, *, check: bool = True, **request: Any) -> dict[str, Any]:
    """Run a job on a remote host and give its result; takes the fields of a job request.

    Args:
        _handed_on: what a chain, chord or link passes on; of no use here.
        check: raise unless the job succeeded; without it the result is given however the job ended.
    """
    try:
        return _run(self, request, check=check)
    except Transient as error:
        time.sleep(PAUSE)
        raise Reject(error, requeue=True) from error


def _run(task: Run, request: dict[str, Any], *, check: bool) -> dict[str, Any]:
    job = _job(task, request)
    if not job.state.final and task.park(job.id, check=check):
        raise Ignore("it waits for the job's end")
    if task.request.retries and not task.desk.parked(job.id):
        raise Ignore("a copy of this message has given the result")
    return _result(task, task.desk.job(job.id), check=check)


def _job(task: Run, request: dict[str, Any]) -> Job:
    try:
        id = UUID(task.request.id)
    except ValueError as error:
        raise RuntimeError(f"the task id {task.request.id!r} must be a UUID: it becomes the job's id") from error
    try:
        job = task.desk.job(id)
    except NotFound:
        job = _accepted(task, id, request)
    if job.identity != IDENTITY:
        raise RuntimeError(f"the task id {id} is the id of somebody else's job; send with a new one")
    return job


def _accepted(task: Run, id: UUID, request: dict[str, Any]) -> Job:
    try:
        wanted = JobRequest.model_validate(request)
        return task.desk.accept([wanted], identity=IDENTITY, ids=[id]).jobs[0]
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors(include_url=False))
        raise RuntimeError(f"the job cannot be accepted: {faults}") from None
    except Permanent as error:
        raise RuntimeError(f"the job cannot be accepted: {error}") from None


def _result(task: Run, job: Job, *, check: bool) -> dict[str, Any]:
    result = task.desk.result(job)
    if not check or job.state is State.SUCCEEDED:
        return result
    if job.state is State.CANCELLED:
        task.backend.mark_as_revoked(str(task.request.id), job.message, request=task.request, store_result=True)
        task.unpark()
        raise Ignore(job.message)
    raise RuntimeError(f"job {job.id} on {job.host} {job.message}", result)
