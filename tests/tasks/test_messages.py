"""Messages that are lost, doubled, forged or of a kind that may not be read."""

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery, chain, signature
from celery.exceptions import SecurityError, TaskRevokedError
from kombu.utils.json import dumps, loads

from remora.desk import Filter
from remora.job import Job, JobRequest
from remora.state import State
from tests.support.waiting import eventually
from tests.tasks.conftest import Send
from tests.tasks.test_canvas import job
from tests.tasks.works import HOST, PATIENCE, Works


class Bomb:
    """Makes a directory in whatever process unpickles it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._directory),)


@pytest.mark.parametrize(("task", "queue"), [("remora.submit", "remora"), ("remora.run", "celery")])
def test_a_pickled_message_is_refused(works: Works, caller: Celery, tmp_path: Path, task: str, queue: str) -> None:
    """A52, first half."""
    before = works.worker.printed().count("Refusing to deserialize")
    caller.send_task(task, args=[Bomb(tmp_path / "bomb")], queue=queue, serializer="pickle", ignore_result=True)
    eventually(lambda: works.worker.printed().count("Refusing to deserialize") > before, timeout=PATIENCE)
    works.await_quiet()
    assert not (tmp_path / "bomb").exists()
    assert works.worker.alive


def test_a_job_ends_though_a_pickled_message_took_the_place_of_its_bell(
    works: Works, caller: Celery, send: Send, tmp_path: Path
) -> None:
    """A52, second half: the reconciler rings again."""
    works.redis.client.set(f"remora:bell:submit:{HOST}", "0", px=2000)  # as if the true message were on its way
    caller.send_task("remora.submit", args=[Bomb(tmp_path / "bomb")], queue="remora", serializer="pickle")
    assert send("true").get(timeout=PATIENCE)["state"] == "succeeded"
    assert not (tmp_path / "bomb").exists()


FORGED: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "an unknown host": ("remora.submit", ["nowhere"], {}),
    "a host that is no name": ("remora.poll", [{"host": HOST}], {}),
    "an unknown task": ("remora.shutdown", [HOST], {}),
    "an epoch": ("remora.poll", [HOST], {"epoch": 1}),
    "a speaker": ("remora.submit", [HOST, "me"], {}),
    "the body of remora.run": ("remora.submit", [], {"host": HOST, "command": "echo ran >> forged"}),
    "a command for a step": ("remora.cancel", [HOST], {"command": "echo ran >> forged"}),
}


@pytest.mark.parametrize(("task", "args", "kwargs"), FORGED.values(), ids=FORGED)
def test_a_forged_message_changes_nothing(
    works: Works, caller: Celery, task: str, args: list[Any], kwargs: dict[str, Any]
) -> None:
    """A53: messages have no authority."""
    before = state_of(works)
    caller.send_task(task, args=args, kwargs=kwargs, queue="remora", ignore_result=True)
    works.await_quiet()
    assert state_of(works) == before
    assert works.lines("forged") == []
    assert works.worker.alive


def test_a_step_that_is_renamed_into_a_job_is_refused(works: Works, caller: Celery) -> None:
    """A53: a body says nothing of whose it was, so what it was sent as is all it can be."""
    before = state_of(works)
    sent: Any = caller.send_task("remora.run", args=[HOST])
    with pytest.raises(RuntimeError, match="host: Field required"):
        sent.get(timeout=PATIENCE)
    assert state_of(works) == before


def test_a_forged_cancel_does_not_cancel(works: Works, caller: Celery, send: Send, mark: str) -> None:
    """A53: the wish to cancel is a record; a message only says that there may be one."""
    sent = send(f"until [ -e {mark} ]; do sleep 0.1; done")
    works.await_state(sent.id, State.RUNNING)
    caller.send_task("remora.cancel", args=[HOST], queue="remora", ignore_result=True)
    works.await_quiet()
    works.allow(mark)
    assert sent.get(timeout=PATIENCE)["state"] == "succeeded"


def test_a_result_is_data_and_builds_no_classes_of_ours(works: Works, send: Send) -> None:
    """A54: what lies in Redis names a class that every Python has, and holds plain values."""
    sent = send("exit 3")
    with pytest.raises(RuntimeError):
        sent.get(timeout=PATIENCE)
    result = stored(works, sent.id)["result"]
    assert (result["exc_module"], result["exc_type"]) == ("builtins", "RuntimeError")
    assert result["exc_message"][1]["exit_code"] == 3


def test_a_forged_result_builds_nothing_and_leaves_the_job_alone(works: Works, send: Send, mark: str) -> None:
    """A54: our tasks read no results, and the true one is given as soon as the forged one is removed."""
    sent = send(f"until [ -e {mark} ]; do sleep 0.1; done")
    works.await_parked(sent.id)
    forged = {"exc_type": "system", "exc_module": "os", "exc_message": ["touch forged"]}
    meta: dict[str, Any] = {
        "task_id": sent.id,
        "status": "FAILURE",
        "result": forged,
        "traceback": None,
        "children": [],
    }
    works.redis.client.set(f"celery-task-meta-{sent.id}", dumps(meta))
    with pytest.raises(SecurityError):
        _ = sent.result
    works.allow(mark)
    works.await_state(sent.id, State.SUCCEEDED)
    works.redis.client.delete(f"celery-task-meta-{sent.id}")
    eventually(lambda: stored(works, sent.id).get("status") == "SUCCESS", timeout=PATIENCE)
    assert works.lines("forged") == []


def test_a_lost_bell_is_rung_again(works: Works, mark: str) -> None:
    """A job is accepted while nobody works, and its message is removed from the broker."""
    works.worker.kill()
    eventually(lambda: not works.desk.workers(), timeout=PATIENCE)
    (accepted,) = works.desk.accept([JobRequest(host=HOST, command=f"echo ran >> {mark}")], identity="operator").jobs
    works.redis.client.delete("remora", "celery")
    works.mend()
    works.await_state(str(accepted.id), State.SUCCEEDED)
    assert works.lines(mark) == ["ran"]


def test_a_lost_message_of_a_job_that_has_ended_is_sent_again(works: Works, send: Send) -> None:
    """The release of a parked task is published while nobody works, and removed from the broker."""
    works.desk.drain(HOST, drained=True)
    sent = send("true")
    works.await_parked(sent.id)
    works.await_quiet()
    works.worker.kill()
    works.cancel(sent.id)
    assert works.redis.client.delete("celery") == 1
    works.mend()
    with pytest.raises(TaskRevokedError):
        sent.get(timeout=PATIENCE)


def test_a_late_copy_of_a_message_gives_no_second_result(works: Works, caller: Celery, mark: str) -> None:
    first, second = f"until [ -e {mark} ]; do sleep 0.1; done", f"echo ran >> {mark}.next"
    last: Any = chain(job(caller, first), job(caller, second)).apply_async()
    parked = works.await_parked(last.parent.id)
    works.allow(mark)
    last.get(timeout=PATIENCE)
    signature(loads(parked), app=caller).apply_async(queue="celery")
    works.await_quiet()
    assert works.lines(f"{mark}.next") == ["ran"]
    assert last.parent.state == "SUCCESS"


def test_a_late_copy_leaves_a_failure_as_it_is(works: Works, caller: Celery, send: Send, mark: str) -> None:
    sent = send(f"until [ -e {mark} ]; do sleep 0.1; done; exit 3")
    parked = works.await_parked(sent.id)
    works.allow(mark)
    with pytest.raises(RuntimeError):
        sent.get(timeout=PATIENCE)
    signature(loads(parked), app=caller).apply_async(queue="celery")
    works.await_quiet()
    assert caller.AsyncResult(sent.id).state == "FAILURE"


def test_doubled_bells_start_a_job_once(works: Works, caller: Celery, send: Send, mark: str) -> None:
    id = str(uuid4())
    sent = send(f"echo ran >> {mark}", options={"task_id": id})
    for _ in range(10):
        for step in ("submit", "poll", "collect"):
            caller.send_task(f"remora.{step}", args=[HOST], queue="remora", ignore_result=True)
    assert sent.get(timeout=PATIENCE)["attempts"] == 1
    works.await_quiet()
    assert works.lines(mark) == ["ran"]


def stored(works: Works, id: str) -> dict[str, Any]:
    """Give what lies in Redis as the result of a task."""
    meta: dict[str, Any] = loads(works.redis.client.get(f"celery-task-meta-{id}") or b"{}")
    return meta


def state_of(works: Works) -> tuple[tuple[Job, ...], list[str], object]:
    """What a message must not change: the jobs, the hosts, and who is trusted to be one of them."""
    hosts = works.desk.hosts()
    return works.desk.jobs(Filter()).jobs, [record.host.name for record in hosts], hosts[0].host
