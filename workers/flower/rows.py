"""One row a job: which task events make rows, and what of them is kept.

The job's own events (tasks/post.py) bear its title, host and progress. Celery's events of the steps behind it would be
noise, and those of ``remora.run`` carry arguments that may be secret; both are dealt with at the door, so that no page,
no search and no API of Flower ever has what must not be shown.
"""

from collections.abc import Mapping
from typing import Any

from celery.events.state import Task
from flower import events
from flower.views import tasks

from tasks.names import RUN

COLUMNS = {
    "name": "Name",
    "host": "Host",
    "state": "State",
    "progress": "Progress",
    "exit_code": "Exit code",
    "received": "Received",
    "started": "Started",
    "runtime": "Runtime",
    "uuid": "Job id",
}
"""The columns of the list, with their headings."""
FACTS = ("title", "host", "job_state", "attempt", "progress", "exit_code")
"""What the job's events carry beside Celery's own fields."""
SECRET = frozenset({"args", "kwargs", "result", "exception", "traceback"})
"""Fields of Celery's events that may hold what a caller passed or a job wrote."""


def install() -> None:
    """Have Flower keep jobs this way; it must not have been built yet."""
    # Task.as_dict and copy know only the fields that are named there.
    known: Any = Task
    known._fields += tuple(name for name in FACTS if name not in known._fields)
    for name in FACTS:
        setattr(known, name, None)
    tasks.TASK_COLUMNS.update(COLUMNS)
    events.EventsState = Jobs
    events.PrometheusMetrics = Metrics


def shown(event: Mapping[str, Any], *, known: bool) -> bool:
    """Tell whether a task event belongs to a row.

    Args:
        event: As it came.
        known: Whether the task has a row already.
    """
    name = event.get("name")
    if name is None:
        return known
    return "title" in event or name == RUN or not str(name).startswith("remora.")


def without_secrets(event: Mapping[str, Any]) -> dict[str, Any]:
    """Give an event that may be shown."""
    return {name: value for name, value in event.items() if name not in SECRET}


class Jobs(events.EventsState):  # type: ignore[misc] # Flower brings no types
    """What is known of jobs and of other tasks on the broker."""

    def event(self, event: dict[str, Any]) -> None:
        """Take one event."""
        if not event["type"].startswith("task-"):
            super().event(event)
            return
        row = self.tasks.get(event["uuid"])
        if not shown(event, known=row is not None):
            return
        event = without_secrets(event)
        if row is not None and row.title and "title" not in event:
            event.pop("name", None)  # the task that waits for the job has the job's row
        began = row.started if row is not None and row.attempt == event.get("attempt", row.attempt) else None
        super().event(event)
        self._correct(event, began)

    def _correct(self, event: Mapping[str, Any], began: float | None) -> None:
        row = self.tasks[event["uuid"]]
        if began:
            row.started = began  # each progress is another task-started, and would be the start
        if row.started and event.get("job_state") and event["type"] in {"task-succeeded", "task-failed"}:
            row.runtime = event["timestamp"] - row.started
        if "title" in event:
            # Who tells of jobs is no Celery node; the page of workers would call it offline after a while.
            self.counter.pop(event["hostname"], None)


class Metrics(events.PrometheusMetrics):  # type: ignore[misc] # as above
    """Counts all jobs under one name: a time series for each title would be one for each job."""

    def observe_task(self, worker: str, event: Mapping[str, Any], task: Any) -> None:
        """Count one event."""
        super().observe_task(worker, {**event, "name": RUN} if task.title else event, task)


def format_task(task: Any) -> Any:
    """Show a row: the title as its name, and nothing that may be secret."""
    for name in SECRET:
        setattr(task, name, None)
    task.args = task.kwargs = ""
    if task.title:
        task.name = task.title
    return task
