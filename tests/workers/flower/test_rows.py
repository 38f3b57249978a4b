from typing import Any

import pytest
from celery.events.state import Task
from flower.views import tasks

from workers.flower import rows
from workers.flower.rows import Jobs, format_task, shown

JOB = "0d9f4a5e-7a86-4a53-9a1b-9d8b3f1f7c11"


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    rows.install()


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


def told(kind: str, at: float = 100.0, **fields: Any) -> dict[str, Any]:
    """An event as the job's own post sends it."""
    common = {"uuid": JOB, "name": "nightly", "title": "nightly", "host": "web", "attempt": 1, "job_state": "running"}
    return (
        {"type": kind, "timestamp": at, "local_received": at, "hostname": "worker@here", "clock": 1} | common | fields
    )


def celery(kind: str, at: float = 100.0, *, uuid: str = JOB, **fields: Any) -> dict[str, Any]:
    """An event as Celery sends it."""
    bare = {"type": kind, "timestamp": at, "local_received": at, "hostname": "remora-1@here", "clock": 1, "uuid": uuid}
    return bare | fields


def row(jobs: Jobs) -> Any:
    return format_task(jobs.tasks[JOB])


def test_a_job_is_one_row_with_its_title_host_and_progress(jobs: Jobs) -> None:
    jobs.event(told("task-received"))
    jobs.event(told("task-started", progress="40%"))
    assert list(jobs.tasks) == [JOB]
    seen = row(jobs).as_dict()
    assert {"name": "nightly", "host": "web", "state": "STARTED", "progress": "40%"}.items() <= seen.items()


def test_its_start_is_that_of_the_attempt_and_not_of_the_last_progress(jobs: Jobs) -> None:
    for at in (100.0, 101.0, 109.0):
        jobs.event(told("task-started", at))
    assert row(jobs).started == 100.0
    jobs.event(told("task-started", 120.0, attempt=2))
    assert row(jobs).started == 120.0


def test_its_runtime_is_the_time_since_its_start(jobs: Jobs) -> None:
    jobs.event(told("task-started", 100.0))
    jobs.event(told("task-failed", 107.5, job_state="failed", exit_code=123, exception="failed"))
    assert (row(jobs).runtime, row(jobs).exit_code, row(jobs).state) == (7.5, 123, "FAILURE")


def test_the_task_that_waits_for_the_job_shares_its_row_and_not_its_name(jobs: Jobs) -> None:
    jobs.event(celery("task-received", name="remora.run", args="()", kwargs="{'command': 'echo s3cret'}"))
    jobs.event(told("task-started", 101.0))
    jobs.event(celery("task-retried", 102.0, exception="Retry()", traceback="s3cret"))
    jobs.event(told("task-started", 103.0, progress="50%"))
    jobs.event(celery("task-received", 104.0, name="remora.run"))
    assert list(jobs.tasks) == [JOB]
    assert (row(jobs).name, row(jobs).state, row(jobs).progress) == ("nightly", "STARTED", "50%")


def test_steps_behind_jobs_make_no_rows(jobs: Jobs) -> None:
    jobs.event(celery("task-received", uuid="step", name="remora.poll"))
    jobs.event(celery("task-started", uuid="step"))
    jobs.event(celery("task-succeeded", uuid="step"))
    assert not jobs.tasks


def test_other_tasks_on_the_broker_keep_their_rows(jobs: Jobs) -> None:
    jobs.event(celery("task-received", uuid="theirs", name="app.report"))
    jobs.event(celery("task-succeeded", uuid="theirs", result="'s3cret'"))
    assert jobs.tasks["theirs"].state == "SUCCESS"


def test_a59_nothing_that_was_passed_or_returned_is_kept(jobs: Jobs) -> None:
    jobs.event(celery("task-received", name="remora.run", args="('s3cret',)", kwargs="{'env': 's3cret'}"))
    jobs.event(celery("task-failed", exception="RuntimeError('s3cret')", traceback="s3cret", result="s3cret"))
    assert "s3cret" not in str(jobs.tasks[JOB].as_dict())
    task = Task(uuid=JOB, args="s3cret", kwargs="s3cret", result="s3cret", exception="s3cret", traceback="s3cret")
    assert "s3cret" not in str(format_task(task).as_dict())


def test_who_tells_of_jobs_is_not_listed_as_a_worker(jobs: Jobs) -> None:
    jobs.event(told("task-started"))
    jobs.event({"type": "worker-heartbeat", "hostname": "remora-1@here", "timestamp": 1.0, "local_received": 1.0})
    jobs.event(celery("task-received", uuid="theirs", name="app.report"))
    assert set(jobs.counter) == {"remora-1@here"}


def test_all_jobs_are_counted_under_one_name(jobs: Jobs) -> None:
    jobs.event(told("task-started", name="one-of-a-million", title="one-of-a-million"))
    labels = {name for _, _, name in jobs.metrics.events._metrics}
    assert "remora.run" in labels
    assert "one-of-a-million" not in labels


def test_the_columns_are_what_an_operator_asks_for() -> None:
    shown_columns = [label for _, label in tasks.visible_task_columns(",".join(rows.COLUMNS))]
    assert shown_columns == [
        *("Name", "Host", "State", "Progress", "Exit code", "Received", "Started", "Runtime", "Job id")
    ]


@pytest.mark.parametrize(
    ("event", "known", "verdict"),
    [
        ({"name": "remora.poll"}, False, False),
        ({"name": "remora.run"}, False, True),
        ({"name": "remora.backup", "title": "remora.backup"}, False, True),
        ({"name": "other"}, False, True),
        ({}, True, True),
        ({}, False, False),
    ],
)
def test_which_events_make_rows(event: dict[str, Any], known: bool, verdict: bool) -> None:
    assert shown(event, known=known) is verdict
