"""Killed workers and a killed Redis, by pytest-celery's own nodes over local processes."""

import time
from typing import Any

from celery import chain
from pytest_celery import CeleryTestSetup

from remora.job import JobRequest
from remora.state import State
from tests.conftest import RedisFactory
from tests.support.waiting import eventually
from tests.tasks.conftest import Send
from tests.tasks.test_canvas import job
from tests.tasks.works import HOST, PATIENCE, Works
from workers.beat import ENOUGH

SENT = "Sending due task reconcile"


def test_the_nodes_of_pytest_celery_answer(celery_setup: CeleryTestSetup, send: Send) -> None:
    assert celery_setup.ready(ping=False, control=True, docker=True)
    assert celery_setup.app.control.ping(timeout=5.0)
    assert send("true").get(timeout=PATIENCE)["state"] == "succeeded"


def test_a_job_outlives_the_worker_that_started_it(
    celery_setup: CeleryTestSetup, works: Works, send: Send, mark: str
) -> None:
    sent = send(f"echo ran >> {mark}; until [ -e {mark}.go ]; do sleep 0.1; done; exit 3", check=False)
    works.await_state(sent.id, State.RUNNING)
    celery_setup.worker.kill()
    works.allow(f"{mark}.go")
    celery_setup.worker.restart()
    assert sent.get(timeout=PATIENCE)["exit_code"] == 3
    assert works.lines(mark) == ["ran"]


def test_a_chain_outlives_its_workers(celery_setup: CeleryTestSetup, works: Works, mark: str) -> None:
    first = job(works.caller, f"echo one >> {mark}; until [ -e {mark}.go ]; do sleep 0.1; done")
    last: Any = chain(first, job(works.caller, f"echo two >> {mark}")).apply_async()
    works.await_state(last.parent.id, State.RUNNING)
    celery_setup.worker.kill()
    celery_setup.worker.restart()
    works.allow(f"{mark}.go")
    assert last.get(timeout=PATIENCE)["state"] == "succeeded"
    assert works.lines(mark) == ["one", "two"]


def test_a_worker_outlives_its_redis(celery_setup: CeleryTestSetup, works: Works, send: Send, mark: str) -> None:
    """With messages that it holds unacknowledged, which is what Celery 5.7.0 does not survive."""
    running = send(f"echo ran >> {mark}.1; until [ -e {mark}.go ]; do sleep 0.1; done; exit 3", check=False)
    works.await_state(running.id, State.RUNNING)
    held = send(f"echo ran >> {mark}.2", options={"countdown": 3})
    eventually(lambda: works.redis.client.hlen("unacked") == 1, timeout=PATIENCE)
    before = works.worker.process.pid
    celery_setup.broker.kill()
    works.allow(f"{mark}.go")
    celery_setup.broker.restart()
    assert running.get(timeout=PATIENCE)["exit_code"] == 3
    assert held.get(timeout=PATIENCE)["exit_code"] == 0
    works.await_quiet()
    assert (works.lines(f"{mark}.1"), works.lines(f"{mark}.2")) == (["ran"], ["ran"])
    assert works.worker.alive
    assert works.worker.process.pid == before


def test_an_accepted_job_outlives_redis(celery_setup: CeleryTestSetup, works: Works, mark: str) -> None:
    works.worker.kill()
    (accepted,) = works.desk.accept([JobRequest(host=HOST, command=f"echo ran >> {mark}")], identity="operator").jobs
    celery_setup.broker.kill()
    celery_setup.broker.restart()
    assert works.state(str(accepted.id)) is State.ACCEPTED
    works.mend()
    works.await_state(str(accepted.id), State.SUCCEEDED)
    assert works.lines(mark) == ["ran"]


def test_a_worker_ends_in_time_and_loses_nothing(works: Works, send: Send, mark: str) -> None:
    """TERM comes while one job runs, others wait and a message is held for later."""
    running = send(f"echo ran >> {mark}; until [ -e {mark}.go ]; do sleep 0.1; done")
    works.await_state(running.id, State.RUNNING)
    sent = [send(f"echo ran >> {mark}", options={"countdown": later}) for later in (0, 0, 0, 2, 2)]
    asked = time.monotonic()
    works.worker.stop()
    assert time.monotonic() - asked < 10
    works.allow(f"{mark}.go")
    works.mend()
    assert [one.get(timeout=PATIENCE)["state"] for one in (running, *sent)] == ["succeeded"] * 6
    works.await_quiet()
    assert works.lines(mark) == ["ran"] * 6


def test_a_worker_ends_in_time_while_a_host_is_silent(works: Works, send: Send, mark: str) -> None:
    """TERM comes while a step waits for an answer."""
    send("true").get(timeout=PATIENCE)
    with works.sshd.frozen():
        sent = send(f"echo ran >> {mark}")
        works.await_state(sent.id, State.STARTING)
        asked = time.monotonic()
        works.worker.stop()
        assert time.monotonic() - asked < 10
    works.mend()
    assert sent.get(timeout=PATIENCE)["state"] == "succeeded"
    assert works.lines(mark) == ["ran"]


def test_ticks_do_not_pile_up_while_nobody_works(works: Works) -> None:
    works.worker.kill()
    others = [b"an older message"] * (ENOUGH - 2)
    works.redis.client.lpush("remora", *others)
    eventually(lambda: works.redis.client.llen("remora") == ENOUGH, timeout=PATIENCE)
    ticks = works.beat.printed().count(SENT)
    eventually(lambda: works.beat.printed().count(SENT) >= ticks + 3, timeout=PATIENCE)
    assert works.redis.client.llen("remora") == ENOUGH
    works.redis.client.lrem("remora", 0, "an older message")
    works.mend()
    works.await_quiet()


def test_a_run_waits_while_the_records_are_away(make_redis: RedisFactory, all_works: Works, mark: str) -> None:
    """The broker delivers the message, but nothing can be recorded."""
    broker = make_redis()
    with Works(all_works.sshd, broker=broker) as works:
        works.redis.kill()
        # Without a result, or the caller would want to wait for it there already.
        sent: Any = job(works.caller, f"echo ran >> {mark}").apply_async(ignore_result=True)
        eventually(lambda: "Redis does not serve us now" in works.worker.printed(), timeout=PATIENCE)
        works.redis.start()
        works.await_state(sent.id, State.SUCCEEDED)
        assert works.lines(mark) == ["ran"]


def test_one_of_two_beats_may_be_killed(works: Works, send: Send, mark: str) -> None:
    """Both tick, and nothing is done twice; one is killed, and jobs whose bells are lost still end."""
    second = works.new_beat()
    try:
        second.await_ready()
        ended = [send(f"echo ran >> {mark}") for _ in range(5)]
        assert [one.get(timeout=PATIENCE)["attempts"] for one in ended] == [1] * 5
        works.beat.kill()
        tick = works.desk.last_tick() or 0.0
        works.redis.client.set(f"remora:bell:submit:{HOST}", "0", px=2000)  # as if its message were on its way
        assert send(f"echo ran >> {mark}").get(timeout=PATIENCE)["attempts"] == 1
        eventually(lambda: (works.desk.last_tick() or 0.0) > tick + 2, timeout=PATIENCE)
        assert works.lines(mark) == ["ran"] * 6
    finally:
        second.close()
