"""``remora.run``: a job as a Celery task, for scripts, chains, groups and chords."""

from typing import Any, cast
from uuid import UUID

from celery import Task, shared_task
from celery.exceptions import Ignore, Retry
from kombu.utils.json import dumps
from pydantic import ValidationError

from remora.desk import Desk
from remora.errors import NotFound, Permanent
from remora.job import Job, JobRequest
from remora.state import State
from tasks.application import Application
from tasks.names import RUN, RUN_QUEUE

IDENTITY = "broker"
"""Whose rights such a job has."""


class Run(Task):  # type: ignore[type-arg] # celery's Task is generic only to type checkers
    """Holds no worker while its job runs."""

    max_retries = None

    @property
    def desk(self) -> Desk:
        """The counter that the process was started with."""
        return cast(Application, self.app).desk

    def park(self, job: UUID) -> None:
        """Keep this task's own retry in Redis; the job's end publishes it under the same id."""
        again = self.signature_from_request(
            self.request, (), dict(self.request.kwargs or {}), retries=self.request.retries + 1, queue=RUN_QUEUE
        )
        again.options.pop("expires", None)
        self.desk.park(job, dumps(again))


@shared_task(name=RUN, bind=True, base=Run)  # type: ignore[arg-type] # its types know no keyword-only tasks
def run(self: Run, *, check: bool = True, **request: Any) -> dict[str, Any]:
    """Run a job on a remote host and give its result; takes the fields of a job request.

    Args:
        check: raise unless the job succeeded; without it the result is given however the job ended.
    """
    job = _job(self, request)
    if not job.state.final:
        self.park(job.id)
        job = self.desk.job(job.id)  # it may have ended before the park was there to be released
        if not job.state.final:
            raise Retry("waiting for the job's end")
    return _result(self, job, check=check)


def _job(task: Run, request: dict[str, Any]) -> Job:
    try:
        id = UUID(task.request.id)
    except ValueError as error:
        raise RuntimeError(f"the task id {task.request.id!r} must be a UUID: it becomes the job's id") from error
    try:
        return task.desk.job(id)
    except NotFound:
        pass
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
        task.backend.mark_as_revoked(str(job.id), job.message, request=task.request, store_result=True)
        raise Ignore(job.message)
    raise RuntimeError(f"job {job.id} on {job.host} {job.message}", result)
