"""What Flower lets in and what it does not (A59)."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.redis import RedisServer
from tests.support.system import PROGRAM
from tests.workers.flower.conftest import FlowerServer

JOB = "0d9f4a5e-7a86-4a53-9a1b-9d8b3f1f7c11"
PAGES = ("/", "/workers", "/tasks", f"/task/{JOB}", "/broker", "/api/workers", "/api/tasks", "/metrics")
STARTING = (
    "/api/task/apply/remora.run",
    "/api/task/async-apply/remora.run",
    "/api/task/send-task/remora.run",
    "/api/task/abort/1",
    "/api/task/timeout/remora.run",
    "/api/task/rate-limit/remora.run",
)
CHANGING = (
    "/api/worker/shutdown/w",
    "/api/worker/pool/restart/w",
    "/api/worker/pool/grow/w",
    "/api/worker/pool/shrink/w",
    "/api/worker/pool/autoscale/w",
    "/api/worker/queue/add-consumer/w",
    "/api/worker/queue/cancel-consumer/w",
    "/api/no/such/thing",
)


def test_a59_nobody_sees_anything_without_the_password(flower: FlowerServer) -> None:
    assert [flower.ask(path, login=False)[0] for path in PAGES] == [401] * len(PAGES)
    assert flower.ask(f"/api/task/revoke/{JOB}", method="POST", login=False)[0] == 401
    assert flower.door.asked == []


def test_a59_no_task_is_started_and_no_worker_changed_by_anybody(flower: FlowerServer) -> None:
    for path in (*STARTING, *CHANGING):
        for method in ("GET", "POST"):
            assert flower.ask(path, method=method)[0] == 403, path
    assert flower.ask(f"/api/task/result/{JOB}")[0] == 403


def test_the_metrics_are_there_for_those_who_are_known(flower: FlowerServer) -> None:
    status, text = flower.ask("/metrics")
    assert status == 200
    assert "flower_events_total" in text


def test_revoke_cancels_the_job_under_the_operators_token(flower: FlowerServer) -> None:
    status, body = flower.ask(f"/api/task/revoke/{JOB}", method="POST")
    assert (status, json.loads(body)) == (200, {"message": f"Cancelling job {JOB}"})
    assert flower.door.asked == [(f"/v1/jobs/{JOB}/cancel", "Bearer rmr_of-the-operator")]


def test_revoke_tells_why_the_gateway_refuses(flower: FlowerServer) -> None:
    flower.door.status, flower.door.answer = 404, json.dumps({"detail": "there is no such job, 100% sure"}).encode()
    assert flower.ask(f"/api/task/revoke/{JOB}", method="POST") == (404, "there is no such job, 100% sure")


@pytest.mark.parametrize("word", ["1", "../hosts/web", "%2e%2e", "x" * 300])
def test_revoke_of_what_is_no_job_id_asks_nobody(flower: FlowerServer, word: str) -> None:
    assert flower.ask(f"/api/task/revoke/{word}", method="POST")[0] == 404
    assert flower.door.asked == []


def test_a_page_elsewhere_cannot_press_the_button(flower: FlowerServer) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        assert flower.ask(f"/api/task/revoke/{JOB}", method="POST", headers=headers)[0] == 403
    assert flower.door.asked == []


def test_the_page_of_a_running_job_has_a_button_and_that_of_another_task_has_none(flower: FlowerServer) -> None:
    facts = {"name": "nightly", "title": "nightly", "host": "web", "attempt": 1, "job_state": "running"}
    flower.tell_until_seen("task-started", uuid=JOB, **facts)
    flower.tell_until_seen("task-received", uuid="theirs", name="app.report", args="()", kwargs="{}")
    assert 'id="task-terminate"' in flower.ask(f"/task/{JOB}")[1]
    assert "btn-danger" not in flower.ask("/task/theirs")[1]


def test_a59_it_does_not_start_without_a_password(session_redis: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "flower.password").write_text("\n")
    environment = {**os.environ, "REMORA_HOME": str(tmp_path), "REMORA_REDIS_URL": session_redis.url}
    done = subprocess.run([PROGRAM, "flower"], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "flower.password is empty" in done.stderr


def test_a59_it_does_not_send_the_password_over_the_network_in_the_clear(
    session_redis: RedisServer, tmp_path: Path
) -> None:
    environment = {**os.environ, "REMORA_HOME": str(tmp_path), "REMORA_REDIS_URL": session_redis.url}
    words = [str(PROGRAM), "flower", "--address", "0.0.0.0"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "--behind-proxy" in done.stderr
