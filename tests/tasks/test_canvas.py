"""``remora.run`` in chains, groups and chords of a plain Celery app."""

from typing import Any

import pytest
from celery import Celery, chain, chord, group
from celery.canvas import Signature
from celery.exceptions import ChordError

from tests.support.waiting import eventually
from tests.tasks.conftest import Send
from tests.tasks.works import HOST, PATIENCE, Works


def job(caller: Celery, command: str, **fields: Any) -> "Signature[Any]":
    kwargs = {"host": HOST, "command": command, **fields}
    return caller.signature("remora.run", kwargs=kwargs)


def test_a_chain_runs_one_job_after_the_other(works: Works, caller: Celery, mark: str) -> None:
    """Each writes its word late, so that jobs which overlap would write in another order."""
    steps = [job(caller, f"sleep {pause}; echo {word} >> {mark}") for word, pause in (("one", 0.6), ("two", 0.3))]
    last: Any = chain(*steps, job(caller, f"echo three >> {mark}; echo done")).apply_async()
    assert last.get(timeout=PATIENCE)["output_tail"] == "done\n"
    assert works.lines(mark) == ["one", "two", "three"]
    assert last.parent.result["state"] == "succeeded"


def test_a_failed_job_ends_its_chain(works: Works, caller: Celery, mark: str) -> None:
    last: Any = chain(job(caller, "exit 3"), job(caller, f"echo ran >> {mark}")).apply_async()
    with pytest.raises(RuntimeError, match="exited with code 3"):
        last.parent.get(timeout=PATIENCE)
    works.await_quiet()
    assert works.state(last.id) is None
    assert works.lines(mark) == []


def test_a_cancelled_job_ends_its_chain(works: Works, caller: Celery, mark: str) -> None:
    works.desk.drain(HOST, drained=True)
    last: Any = chain(job(caller, "true"), job(caller, f"echo ran >> {mark}")).apply_async()
    works.await_parked(last.parent.id)
    works.cancel(last.parent.id)
    eventually(lambda: str(last.parent.state) == "REVOKED", timeout=PATIENCE)
    works.desk.drain(HOST, drained=False)
    works.await_quiet()
    assert works.state(last.id) is None
    assert works.lines(mark) == []


def test_a_group_gives_all_results_in_its_order(caller: Celery) -> None:
    commands = ["sleep 0.6; exit 1", "sleep 0.3; exit 2", "exit 3"]
    together: Any = group(job(caller, command, check=False) for command in commands).apply_async()
    assert [result["exit_code"] for result in together.get(timeout=PATIENCE)] == [1, 2, 3]


def test_the_body_of_a_chord_runs_once_after_all_of_its_head(works: Works, caller: Celery, mark: str) -> None:
    head = [job(caller, f"sleep 0.{n}; echo head >> {mark}") for n in (5, 1, 3)]
    whole: Any = chord(head, job(caller, f"echo body >> {mark}"), app=caller).apply_async()
    assert whole.get(timeout=PATIENCE)["state"] == "succeeded"
    works.await_quiet()
    assert works.lines(mark) == ["head", "head", "head", "body"]


def test_a_failed_job_fails_its_chord(works: Works, caller: Celery, mark: str) -> None:
    head = [job(caller, "true"), job(caller, "exit 3")]
    whole: Any = chord(head, job(caller, f"echo body >> {mark}"), app=caller).apply_async()
    with pytest.raises((ChordError, RuntimeError), match="exited with code 3"):
        whole.get(timeout=PATIENCE)
    eventually(lambda: whole.state == "FAILURE", timeout=PATIENCE)
    assert works.lines(mark) == []


def test_what_is_linked_runs_after_success(works: Works, send: Send, caller: Celery, mark: str) -> None:
    options = {"link": job(caller, f"echo well >> {mark}"), "link_error": job(caller, f"echo ill >> {mark}")}
    send("true", options=options).get(timeout=PATIENCE)
    eventually(lambda: works.lines(mark), timeout=PATIENCE)
    works.await_quiet()
    assert works.lines(mark) == ["well"]


def test_what_is_linked_to_errors_runs_after_failure(works: Works, send: Send, caller: Celery, mark: str) -> None:
    options = {"link": job(caller, f"echo well >> {mark}"), "link_error": job(caller, f"echo ill >> {mark}")}
    with pytest.raises(RuntimeError):
        send("exit 3", options=options).get(timeout=PATIENCE)
    eventually(lambda: works.lines(mark), timeout=PATIENCE)
    works.await_quiet()
    assert works.lines(mark) == ["ill"]
