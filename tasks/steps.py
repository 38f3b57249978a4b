"""The steps as Celery tasks: each is told a host, looks at the record and does what is due there."""

import logging
from typing import cast

from celery import Task, shared_task
from celery.exceptions import Retry

from remora.errors import RemoraError
from remora.speaker import Speaker
from remora.steps.reconcile import tick
from tasks.application import Application
from tasks.names import RECONCILE

log = logging.getLogger(__name__)


class Step(Task):  # type: ignore[type-arg] # celery's Task is generic only to type checkers
    """A short task that may be lost, doubled or repeated; the due-index makes up for it."""

    ignore_result = True
    max_retries = None
    send_events = False  # what watchers want to know is told of jobs, not of steps

    def take(self, step: str, host: str) -> None:
        """Do the step with this process's speaker; what fails is due again by itself."""
        try:
            self.speaker.step(step, host)
        except RemoraError as error:
            log.info("%s at %s did not finish: %s", step, host, error, extra={"action": step, "host": host})

    @property
    def speaker(self) -> Speaker:
        """The speaker that the process was started with."""
        return cast(Application, self.app).speaker


@shared_task(name="remora.submit", bind=True, base=Step)
def submit(self: Step, host: str) -> None:
    """Start what is due at a host."""
    self.take("submit", host)


@shared_task(name="remora.poll", bind=True, base=Step)
def poll(self: Step, host: str) -> None:
    """Ask a host about its live jobs; retried for as long as there are any.

    The retry is parked: it waits in the due-index, from which the watch, another step or the reconciler releases it.
    """
    self.take("poll", host)
    if self.speaker.has_live_jobs(host):
        raise Retry("waiting for news from the host")


@shared_task(name="remora.collect", bind=True, base=Step)
def collect(self: Step, host: str) -> None:
    """Fetch the output of jobs that have ended at a host."""
    self.take("collect", host)


@shared_task(name="remora.cancel", bind=True, base=Step)
def cancel(self: Step, host: str) -> None:
    """Bring cancels to a host."""
    self.take("cancel", host)


@shared_task(name="remora.examine", bind=True, base=Step)
def examine(self: Step, host: str) -> None:
    """Look at a host afresh."""
    self.take("examine", host)


@shared_task(name=RECONCILE, bind=True, base=Step)
def reconcile(self: Step) -> None:
    """Ring for whatever is due and rung by nobody; beat sends this."""
    kit = self.speaker.kit
    try:
        tick(kit.records, kit.bell, kit.blobs)
    except RemoraError as error:
        log.info("A tick did not finish: %s", error, extra={"action": "reconcile"})
