"""Several processes and one host: one dies, one loses its lease, two speak at once. A job starts once in any case."""

import threading
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from config.hosts import Host
from remora.errors import Fenced, RecordsUnavailable
from remora.job import Job
from remora.records.plan import Change, Grant, Plan, Settled
from remora.records.records import Records
from tests.conftest import RedisFactory
from tests.remora.engine import Engine, running
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

ONCE = "echo $REMORA_JOB_ID >> $HOME/starts; echo done; exit 5"


class Died(BaseException):
    """The process was killed at this point."""


class Mortal(Records):
    """Records of a process that is killed around its first start of a job."""

    started = False

    def plan(self, grant: Grant, **wanted: Any) -> Plan:
        plan = super().plan(grant, **wanted)
        self.started = self.started or bool(plan.starts)
        return plan


class DiesAfterPlan(Mortal):
    """It is killed when the job is ``starting`` and nothing was sent."""

    def plan(self, grant: Grant, **wanted: Any) -> Plan:
        plan = super().plan(grant, **wanted)
        if self.started:
            raise Died
        return plan


class DiesBeforeSettle(Mortal):
    """It is killed when the host has answered and nothing is written."""

    def settle(self, grant: Grant, changes: Sequence[Change] = (), **news: Any) -> Settled:
        if self.started:
            raise Died
        return super().settle(grant, changes, **news)


class Interrupted(Records):
    """Records of a process that can be held up between its plan and the exchange."""

    def __init__(self, *own: Any) -> None:
        super().__init__(*own)
        self.planned, self.go_on = threading.Event(), threading.Event()

    def plan(self, grant: Grant, **wanted: Any) -> Plan:
        plan = super().plan(grant, **wanted)
        if plan.starts:
            self.planned.set()
            assert self.go_on.wait(20)
        return plan


def starts(sshd: Sshd, job: Job) -> int:
    return (sshd.home / "starts").read_text().split().count(str(job.id))


def assert_ran_once(engine: Engine, sshd: Sshd, job: Job) -> None:
    ended = engine.end_of(job)
    assert (ended.state.value, ended.exit_code) == ("failed", 5)
    assert engine.output(ended) == b"done\n"
    assert starts(sshd, job) == 1


@pytest.mark.parametrize("kind", [DiesAfterPlan, DiesBeforeSettle])
def test_a_job_whose_process_dies_at_its_start_is_finished_by_another_and_ran_once(
    eager: Engine, sshd: Sshd, host: Host, kind: type[Records]
) -> None:
    eager.add_host(host, examined=False)
    mortal = eager.speaker("mortal", records=eager.open_records(kind), hears=False)
    mortal.step("examine", host.name)
    job = eager.submit(host.name, ONCE)
    with pytest.raises(Died):
        mortal.step("submit", host.name)
    assert eager.desk.job(job.id).state.value == "starting"
    eager.speakers["mortal"] = mortal
    eager.kill("mortal")
    eager.speaker("heir")
    assert_ran_once(eager, sshd, job)
    assert eager.desk.host(host.name).speaker == "heir"


def test_a_process_that_lost_its_lease_in_the_middle_sends_nothing_wrong_and_writes_nothing(
    eager: Engine, sshd: Sshd, host: Host
) -> None:
    """Both exchange, the host knows the job by its claim, and the late one is fenced off."""
    eager.add_host(host, examined=False)
    records = eager.open_records(Interrupted)
    assert isinstance(records, Interrupted)
    slow = eager.speaker("slow", records=records, hears=False)
    slow.step("examine", host.name)
    job = eager.submit(host.name, ONCE)
    late = threading.Thread(target=slow.step, args=("submit", host.name))
    late.start()
    assert records.planned.wait(10)
    eager.records.release("slow")
    eager.speaker("quick").step("poll", host.name)
    records.go_on.set()
    late.join(20)
    assert_ran_once(eager, sshd, job)
    assert eager.desk.host(host.name).speaker == "quick"
    slow.end()


def test_two_processes_that_both_believe_to_speak_start_each_job_once(eager: Engine, sshd: Sshd, host: Host) -> None:
    """Each takes the host from the other, again and again, in the middle of twenty jobs."""
    eager.add_host(host, examined=False)
    one, two = (eager.speaker(name, hears=False) for name in ("one", "two"))
    one.step("examine", host.name)
    jobs = [eager.submit(host.name, ONCE) for _ in range(20)]
    over = threading.Event()

    def speak(speaker: Any, name: str, other: str) -> None:
        # Without pauses each could take the host back just before the other's write, for ever.
        pauses = Random(name)
        while not over.wait(pauses.uniform(0.0, 0.5)):
            eager.records.release(other)
            for step in ("poll", "collect"):
                try:
                    speaker.step(step, host.name)
                except Fenced:
                    continue
            eager.records.renew(name)

    rivals = [threading.Thread(target=speak, args=pair) for pair in ((one, "one", "two"), (two, "two", "one"))]
    for rival in rivals:
        rival.start()
    try:
        for job in jobs:
            assert_ran_once(eager, sshd, job)
    finally:
        over.set()
        for rival in rivals:
            rival.join(30)
        one.end()
        two.end()


def test_the_process_that_speaks_is_left_alone_by_another_that_is_rung_by_mistake(engine: Engine, host: Host) -> None:
    speaker = engine.speaker("one")
    engine.add_host(host)
    other = engine.speaker("two", hears=False)
    other.step("poll", host.name)
    assert engine.desk.host(host.name).speaker == "one"
    assert engine.run(host.name, "true").state.value == "succeeded"
    assert speaker.kit.lease.fresh
    other.end()


def test_jobs_end_truly_when_redis_is_away_for_seconds_in_the_middle(
    make_redis: RedisFactory, sshd: Sshd, host: Host, tmp_path: Path
) -> None:
    server = make_redis()
    with running(Engine(server, tmp_path / "blobs")) as engine:
        engine.speaker()
        engine.add_host(host)
        jobs = [engine.submit(host.name, f"sleep {n / 2}; {ONCE}") for n in range(6)]
        engine.until(jobs[-1], "running")
        server.kill()
        eventually(lambda: starts(sshd, jobs[3]) == 1)
        with pytest.raises(RecordsUnavailable):
            engine.desk.job(jobs[0].id)
        server.start()
        for job in jobs:
            assert_ran_once(engine, sshd, job)
