"""What became of jobs, told as Celery task events: one task a job, its uuid the job's id."""

import logging
import socket
import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from celery import Celery
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

EVENTS = {
    "accepted": "task-received",
    "starting": "task-started",
    "running": "task-started",
    "succeeded": "task-succeeded",
    "failed": "task-failed",
    "timed_out": "task-failed",
    "lost": "task-failed",
    "cancelled": "task-revoked",
}
"""A job's state as an event; ``collecting`` is not told, and a custom type would hide Flower's buttons."""


class CeleryPost:
    """Sends events; what cannot be sent is dropped, for the records are the truth."""

    def __init__(self, app: Celery, place: str) -> None:
        """Prepare it.

        Args:
            place: what speaks, as the first half of a Celery node name.
        """
        self._app = app
        self._node = f"{place}@{socket.gethostname()}"
        self._own = threading.local()

    def tell(self, id: UUID, state: str, facts: Mapping[str, object]) -> None:
        """Tell one change."""
        if kind := EVENTS.get(state):
            try:
                self._dispatcher().send(kind, **_fields(id, state, facts))
            except (OperationalError, OSError) as error:
                self._own.dispatcher = None
                log.debug("An event was dropped: %s", error, extra={"action": "post"})

    def _dispatcher(self) -> Any:
        """Give this thread's dispatcher; a connection is not shared between threads."""
        if getattr(self._own, "dispatcher", None) is None:
            connection = self._app.connection_for_write()
            self._own.dispatcher = self._app.events.Dispatcher(connection, hostname=self._node)
        return self._own.dispatcher


def _fields(id: UUID, state: str, facts: Mapping[str, object]) -> dict[str, object]:
    common = {
        "uuid": str(id),
        "name": facts.get("name"),
        "title": facts.get("name"),
        "host": facts.get("host"),
        "job_state": state,
        "attempt": facts.get("attempt"),
        "progress": facts.get("progress"),
        "exit_code": facts.get("exit_code"),
        "args": "()",
        "kwargs": "{}",
        "retries": 0,
    }
    if state == "cancelled":
        return common | {"terminated": True, "signum": None, "expired": False}
    if state in ("failed", "timed_out", "lost"):
        return common | {"exception": state, "traceback": ""}
    if state == "succeeded":
        return common | {"result": f"exit code {facts.get('exit_code')}", "runtime": None}
    return common
