"""``remora.run`` as a script with a plain Celery app meets it."""

import subprocess
import sys
import time
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from celery.exceptions import TaskRevokedError

from remora.job import JobRequest
from remora.state import State
from tests.support.waiting import eventually
from tests.tasks.conftest import Send
from tests.tasks.works import HOST, PATIENCE, Works

SCRIPT = f"""
import sys
from celery import Celery

app = Celery(broker=sys.argv[1], backend=sys.argv[1])
sent = app.send_task("remora.run", kwargs={{"host": "{HOST}", "command": "echo hello"}})
result = sent.get(timeout={PATIENCE})
assert result["job_id"] == sent.id, result
ours = sys.modules.keys() & {{"config", "remora", "tasks", "workers"}}
assert not ours, ours
print(sent.state, result["state"], result["exit_code"], result["host"], result["output_tail"], end="")
"""


def test_a_script_that_knows_only_celery_gets_the_result(works: Works) -> None:
    argv = [sys.executable, "-I", "-c", SCRIPT, works.redis.url]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE + 15)
    assert done.stdout == f"SUCCESS succeeded 0 {HOST} hello\n", done.stderr


def test_a_failed_job_raises_its_message_and_its_result(send: Send) -> None:
    sent = send("echo so far; exit 3")
    with pytest.raises(RuntimeError) as raised:
        sent.get(timeout=PATIENCE)
    message, result = raised.value.args
    assert sent.id in message
    assert "exited with code 3" in message
    assert (result["state"], result["exit_code"], result["output_tail"]) == ("failed", 3, "so far\n")
    assert sent.state == "FAILURE"


def test_without_check_a_failed_job_gives_its_result(send: Send) -> None:
    sent = send("exit 3", check=False)
    assert sent.get(timeout=PATIENCE)["exit_code"] == 3
    assert sent.state == "SUCCESS"


def test_a_cancelled_job_is_a_revoked_task(works: Works, send: Send) -> None:
    sent = send("sleep 600")
    works.await_state(sent.id, State.RUNNING)
    works.cancel(sent.id)
    with pytest.raises(TaskRevokedError):
        sent.get(timeout=PATIENCE)
    assert str(sent.state) == "REVOKED"
    assert works.parked(sent.id) is None


def test_a_job_cancelled_before_its_start_is_a_revoked_task(works: Works, send: Send, mark: str) -> None:
    works.desk.drain(HOST, drained=True)
    sent = send(f"echo ran >> {mark}")
    works.await_parked(sent.id)
    works.cancel(sent.id)
    with pytest.raises(TaskRevokedError):
        sent.get(timeout=PATIENCE)
    assert works.lines(mark) == []


def test_while_the_job_runs_the_task_is_to_be_retried(works: Works, send: Send, mark: str) -> None:
    sent = send(f"until [ -e {mark} ]; do sleep 0.1; done")
    works.await_state(sent.id, State.RUNNING)
    assert sent.state == "RETRY"
    works.allow(mark)
    sent.get(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": HOST}, "give exactly one of command and script"),
        ({"host": "nowhere", "command": "true"}, "there is no host 'nowhere'"),
        ({"host": HOST, "command": "true", "timeout": -1}, "timeout: "),
        ({"host": HOST, "command": "true", "colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"host": HOST, "command": "true", "identity": "operator"}, "identity: Extra inputs are not permitted"),
    ],
)
def test_a_bad_request_is_refused_in_words_and_leaves_no_record(
    works: Works, caller: Celery, fields: dict[str, Any], words: str
) -> None:
    """A53: nor can it name whose rights it has."""
    sent: Any = caller.send_task("remora.run", kwargs=fields)
    with pytest.raises(RuntimeError, match="the job cannot be accepted: ") as raised:
        sent.get(timeout=PATIENCE)
    assert words in str(raised.value)
    assert works.state(sent.id) is None


def test_a_task_id_that_is_no_uuid_is_refused(send: Send, works: Works, mark: str) -> None:
    sent = send(f"echo ran >> {mark}", options={"task_id": f"../{mark}"})
    with pytest.raises(RuntimeError, match="must be a UUID"):
        sent.get(timeout=PATIENCE)
    assert works.lines(mark) == []


def test_the_id_of_somebody_elses_job_is_refused(works: Works, send: Send) -> None:
    """A53: who can only send messages does not get at what came of others' jobs."""
    request = JobRequest(host=HOST, command="echo private")
    (job,) = works.desk.accept([request], identity="operator").jobs
    works.await_state(str(job.id), State.SUCCEEDED)
    with pytest.raises(RuntimeError, match="somebody else's job") as raised:
        send("true", options={"task_id": str(job.id)}).get(timeout=PATIENCE)
    assert "private" not in repr(raised.value.args)


def test_its_jobs_have_the_rights_of_the_broker(works: Works, send: Send) -> None:
    sent = send("true")
    sent.get(timeout=PATIENCE)
    assert works.job(sent.id).identity == "broker"


def test_the_same_id_sent_many_times_runs_once(works: Works, send: Send, mark: str) -> None:
    id = str(uuid4())
    sent = [send(f"echo ran >> {mark}; sleep 1", options={"task_id": id}) for _ in range(5)]
    assert {one.get(timeout=PATIENCE)["exit_code"] for one in sent} == {0}
    again = send(f"echo ran >> {mark}", options={"task_id": id})
    assert again.get(timeout=PATIENCE)["job_id"] == id
    works.await_quiet()
    assert works.lines(mark) == ["ran"]


def test_the_result_is_kept_as_long_as_the_job(works: Works, send: Send) -> None:
    sent = send("true")
    sent.get(timeout=PATIENCE)
    kept = works.redis.client.ttl(f"celery-task-meta-{sent.id}")
    assert 0 <= 7 * 86400 - kept < 60


def test_an_expiry_counts_until_the_job_is_accepted(works: Works, send: Send, mark: str) -> None:
    expiry = time.time() + 6
    sent = send(f"until [ -e {mark} ]; do sleep 0.1; done", options={"expires": 6})
    works.await_parked(sent.id)
    eventually(lambda: time.time() > expiry)
    works.allow(mark)
    assert sent.get(timeout=PATIENCE)["state"] == "succeeded"


def test_what_is_parked_tells_nothing_of_what_was_asked(works: Works, send: Send, mark: str) -> None:
    wait = f"until [ -e {mark} ]; do sleep 0.1; done"
    sent = send(wait, env={"TOKEN": "hunter2"}, stdin="classified")
    parked = works.await_parked(sent.id)
    assert sent.id.encode() in parked
    for secret in (mark, "hunter2", "classified"):
        assert secret.encode() not in parked
    works.allow(mark)
    sent.get(timeout=PATIENCE)


def test_ten_jobs_run_at_once_over_two_threads(works: Works, send: Send, mark: str) -> None:
    """Each waits for all the others; were a thread held by each, none would ever end well."""
    together = f"echo here >> {mark}; until [ $(wc -l < {mark}) -eq 10 ]; do sleep 0.2; done"
    sent = [send(together, timeout=PATIENCE) for _ in range(10)]
    assert [one.get(timeout=PATIENCE + 10)["state"] for one in sent] == ["succeeded"] * 10
    assert len(works.lines(mark)) == 10
    works.await_quiet()
    assert not any(works.parked(one.id) for one in sent)
