"""Bells as Celery messages."""

import logging
from uuid import UUID, uuid5

from celery import Celery, signature
from kombu import Queue
from kombu.exceptions import OperationalError
from kombu.utils.json import loads

from remora.errors import RecordsUnavailable
from remora.records.records import Records
from tasks.names import RUN_QUEUE, STEP_QUEUE, own_queue, step_task

log = logging.getLogger(__name__)

NAMESPACE = UUID("2b7cf2b0-0c53-5a2f-8d7e-6f6f3b1f0c77")


class CeleryBell:
    """Sends a step's message to the host's speaker, or to whoever comes first if it has none."""

    def __init__(self, app: Celery, records: Records) -> None:
        self._app = app
        self._records = records

    def ring(self, step: str, subject: str) -> None:
        """Send the message unless one is on its way."""
        member = f"{step}:{subject}"
        try:
            speaker = self._records.claim_bell(member)
            if speaker is None:
                return
            try:
                self._publish(step, subject, speaker)
            except OperationalError:
                self._records.answer_bell(member)  # nothing is on its way: the reconciler need not wait for a lease
                raise
        except (RecordsUnavailable, OperationalError) as error:
            log.info("The bell %s was not rung: %s", member, error, extra={"action": "bell"})

    def _publish(self, step: str, subject: str, speaker: str) -> None:
        if step == "run":
            self._release(UUID(subject))
        else:
            self._send(step, subject, own_queue(speaker) if speaker else STEP_QUEUE)

    def _send(self, step: str, host: str, queue: Queue | str) -> None:
        # All polls of a host are retries of one task, so it keeps one id.
        task_id = str(uuid5(NAMESPACE, f"{step}/{host}"))
        self._app.send_task(
            step_task(step),
            args=[host],
            task_id=task_id,
            queue=queue,  # type: ignore[arg-type] # its types know no Queue here
            ignore_result=True,
        )

    def _release(self, job: UUID) -> None:
        """Publish a parked ``remora.run``. It stays parked until its result is given, so that it may be lost."""
        parked = self._records.parked(job)
        if parked is None:
            self._records.unpark(job)
        else:
            signature(loads(parked), app=self._app).apply_async(queue=RUN_QUEUE)
