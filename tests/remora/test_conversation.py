"""One talk with a host: jobs go there, are watched, end, and their output comes back."""

import os
import signal
import subprocess
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from config.hosts import Host
from remora.cause import Kind
from remora.conversation import Conversation
from remora.hosts import Condition
from remora.job import Job
from remora.records.plan import Grant
from remora.remote.operations import Answer, Cancel, Operation, Probe, Start
from remora.remote.session import Session
from tests.conftest import SshdFactory
from tests.remora.engine import Engine
from tests.support.keys import make_key
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

Exchanges = list[list[Operation]]


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> Exchanges:
    """What each exchange with a host asked for."""
    seen: Exchanges = []
    exchange = Session.exchange

    def overheard(self: Session, operations: list[Operation], deadline: float) -> Answer:
        seen.append(list(operations))
        return exchange(self, operations, deadline)

    monkeypatch.setattr(Session, "exchange", overheard)
    return seen


def held_up(monkeypatch: pytest.MonkeyPatch, work: str) -> tuple[threading.Event, threading.Event]:
    """Keep conversations waiting where that work begins: one event says that it has begun, the other lets it go on."""
    begun, go_on = threading.Event(), threading.Event()
    do = getattr(Conversation, work)

    def do_later(self: Conversation, grant: Grant, deadline: float) -> None:
        begun.set()
        assert go_on.wait(20)
        do(self, grant, deadline)

    monkeypatch.setattr(Conversation, work, do_later)
    return begun, go_on


def directory_of(engine: Engine, host: Host, job: object) -> Path:
    base = engine.desk.host(host.name).base
    assert base
    return next(Path(base).glob(f"{job}.*"))


def test_a_job_runs_and_its_true_code_and_output_come_back(engine: Engine, host: Host) -> None:
    engine.speaker()
    engine.add_host(host)
    job = engine.run(host.name, "echo out; echo err >&2; exit 7")
    assert (job.state.value, job.exit_code, job.message) == ("failed", 7, "exited with code 7")
    assert engine.output(job) == b"out\n"
    assert engine.desk.log(job.id, "err") == b"err\n"
    assert job.started
    assert job.ended
    assert engine.post.states[job.id][0] == "accepted"
    assert engine.post.states[job.id][-1] == "failed"


def test_what_is_due_goes_in_one_exchange(
    engine: Engine, host: Host, exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design 4: one exchange carries many operations."""
    engine.speaker()
    engine.add_host(host)
    long = engine.submit(host.name, "sleep 60")
    engine.until(long, "running")
    # While a talk is held up, wishes of three kinds gather.
    begun, go_on = held_up(monkeypatch, "_exchange")
    engine.bell.ring("poll", host.name)
    assert begun.wait(10)
    new = [engine.submit(host.name, "true") for _ in range(5)]
    engine.desk.cancel(long.id, by="anna")
    exchanges.clear()
    go_on.set()
    assert engine.end_of(long).state.value == "cancelled"
    assert [engine.end_of(job).state.value for job in new] == ["succeeded"] * 5
    kinds = [type(operation) for operation in exchanges[0]]
    assert (kinds.count(Start), kinds.count(Cancel)) == (5, 1)
    assert kinds.count(Probe) >= 6


def test_a_retry_is_a_new_attempt_with_its_own_directory_and_output(
    engine: Engine, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remora.steps.verdict.RETRY_DELAYS", (0.1,))
    engine.speaker()
    engine.add_host(host)
    job = engine.run(host.name, "echo attempt $REMORA_ATTEMPT; [ $REMORA_ATTEMPT = 3 ]", retries=5)
    assert (job.state.value, job.attempt, job.exit_code) == ("succeeded", 3, 0)
    assert [(one.number, one.cause.code) for one in job.attempts] == [(1, 1), (2, 1)]
    assert [engine.desk.log(job.id, "out", attempt=n) for n in (1, 2, 3)] == [
        b"attempt 1\n",
        b"attempt 2\n",
        b"attempt 3\n",
    ]


def test_a_cancel_that_meets_a_failure_keeps_the_next_attempt_from_starting(
    engine: Engine, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wish is stored while the exit is on its way: the exit stands, and nothing is run again."""
    engine.speaker()
    engine.add_host(host)
    job = engine.submit(host.name, "sleep 0.5; exit 9", retries=3)
    engine.until(job, "running")
    settle = engine.records.settle

    def cancelled_first(grant: object, changes: list[object] = [], **news: object) -> object:  # noqa: B006 -- as settle
        if any(change.to is not None and change.to.value == "collecting" for change in changes):  # type: ignore[attr-defined]
            engine.desk.cancel(job.id, by="anna")
        return settle(grant, changes, **news)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.records, "settle", cancelled_first)
    ended = engine.end_of(job)
    assert (ended.state.value, ended.exit_code, ended.attempt) == ("failed", 9, 1)
    assert ended.cancel_by == "anna"


def test_progress_is_seen_at_once_while_somebody_reads_along(engine: Engine, host: Host) -> None:
    engine.speaker()
    engine.add_host(host)
    job = engine.submit(host.name, 'sleep 2; echo 40% > "$STATUS_FILE"; sleep 30', timeout=25, grace=0)
    engine.until(job, "running")
    engine.desk.follow(job.id)
    # The probe of all live jobs comes every 15 seconds here: this one was asked about because it is followed.
    eventually(lambda: engine.desk.job(job.id).progress == "40%", timeout=8)
    engine.desk.cancel(job.id, by="anna")
    engine.end_of(job)


def test_large_output_is_fetched_whole_after_the_end(engine: Engine, host: Host) -> None:
    engine.speaker()
    engine.add_host(host)
    job = engine.run(host.name, "head -c 5000000 /dev/zero | tr '\\0' x; printf end; head -c 40000 /dev/zero >&2")
    assert job.state.value == "succeeded"
    assert engine.output(job) == b"x" * 5_000_000 + b"end"
    assert engine.desk.log(job.id, "err", limit=1 << 20) == bytes(40_000)
    assert not job.output_incomplete


def test_output_that_is_gone_from_the_host_ends_as_incomplete(
    engine: Engine, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.speaker()
    engine.add_host(host)
    _, go_on = held_up(monkeypatch, "_fetch_all")
    job = engine.submit(host.name, "head -c 100000 /dev/zero; exit 3")
    engine.until(job, "collecting")
    assert engine.desk.job(job.id).exit_code == 3
    (directory_of(engine, host, job.id) / "out").unlink()
    go_on.set()
    ended = engine.end_of(job)
    assert (ended.state.value, ended.exit_code, ended.output_incomplete) == ("failed", 3, True)


def test_more_ended_jobs_than_one_plan_holds_are_all_fetched_without_waiting_for_the_reconciler(
    engine: Engine, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.speaker()
    engine.add_host(host)
    monkeypatch.setattr("tests.remora.engine.tick", lambda *_: 0)
    jobs = [engine.submit(host.name, "head -c 20000 /dev/zero") for _ in range(70)]
    assert {engine.end_of(job, 40).state.value for job in jobs} == {"succeeded"}
    assert {len(engine.output(job)) for job in jobs} == {20_000}


def test_a_place_that_becomes_free_is_taken_at_once(
    engine: Engine, sshd: Sshd, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.speaker()
    engine.add_host(sshd.host(host.name, max_jobs=2))
    monkeypatch.setattr("tests.remora.engine.tick", lambda *_: 0)
    jobs = [engine.submit(host.name, "sleep 0.1") for _ in range(9)]
    assert {engine.end_of(job, 8).state.value for job in jobs} == {"succeeded"}


def test_a_missing_working_directory_is_a_job_that_never_started(engine: Engine, host: Host) -> None:
    engine.speaker()
    engine.add_host(host)
    job = engine.run(host.name, "echo never", cwd="/nowhere/at/all")
    assert job.state.value == "failed"
    assert job.cause
    assert job.cause.kind is Kind.NEVER_STARTED
    assert "no such working directory" in job.message


def test_a_directory_that_was_removed_makes_its_job_lost(eager: Engine, host: Host) -> None:
    eager.speaker()
    eager.add_host(host)
    job = eager.submit(host.name, 'echo "$PPID" > "$LOG_FILE.pids"; sleep 60')
    eager.until(job, "running")
    place = directory_of(eager, host, job.id)
    place.rename(place.with_name("elsewhere"))
    ended = eager.end_of(job)
    assert (ended.state.value, ended.cause and ended.cause.kind) == ("lost", Kind.WORKDIR_GONE)


def test_a_host_that_has_rebooted_makes_its_jobs_lost(eager: Engine, host: Host) -> None:
    """Its files say that they were claimed under another boot id, and none of their processes lives."""
    eager.speaker()
    eager.add_host(host)
    job = eager.submit(host.name, "kill -9 $PPID; exec sleep 60")
    eager.until(job, "running")
    place = directory_of(eager, host, job.id)
    claim = (place / "start").read_text().split()
    pid = int((place / "pid").read_text())
    claim[2] = "00000000-0000-0000-0000-000000000000"
    eager.records._redis.hset(f"remora:job:{job.id}", "boot_id", claim[2])
    (place / "start").write_text(" ".join(claim) + "\n")
    ended = eager.end_of(job)
    assert (ended.state.value, ended.cause and ended.cause.kind) == ("lost", Kind.HOST_REBOOTED)
    os.kill(pid, signal.SIGKILL)


# Cancelling


def test_a_cancel_before_anything_was_sent_is_a_matter_of_the_records_alone(
    engine: Engine, host: Host, exchanges: Exchanges
) -> None:
    engine.speaker()
    engine.add_host(host)
    engine.desk.drain(host.name, drained=True)
    job = engine.submit(host.name, "true")
    assert engine.desk.cancel(job.id, by="anna").state.value == "cancelled"
    engine.desk.drain(host.name, drained=False)
    assert engine.run(host.name, "true").state.value == "succeeded"
    assert all(str(job.id) not in str(operations) for operations in exchanges)


def test_a_running_job_is_cancelled_and_the_host_is_told_only_once(
    eager: Engine, host: Host, exchanges: Exchanges
) -> None:
    """A cancel that is sent again sends TERM again: programs may take a second one for impatience."""
    eager.speaker()
    eager.add_host(host)
    job = eager.submit(host.name, "trap 'echo TERM' TERM; while :; do sleep 0.1; done", grace=3.0)
    eager.until(job, "running")
    eager.desk.cancel(job.id, by="anna")
    eager.desk.cancel(job.id, by="bert")
    others = [eager.submit(host.name, "sleep 0.5") for _ in range(3)]
    for other in others:
        eager.end_of(other)
    ended = eager.end_of(job)
    assert (ended.state.value, ended.cancel_by) == ("cancelled", "anna")
    assert eager.output(ended) == b"TERM\n"
    assert sum(isinstance(one, Cancel) for operations in exchanges for one in operations) == 1


def test_a_cancel_after_the_end_changes_nothing(engine: Engine, host: Host) -> None:
    engine.speaker()
    engine.add_host(host)
    job = engine.run(host.name, "exit 4")
    after = engine.desk.cancel(job.id, by="anna")
    assert (after.state.value, after.exit_code, after.cancel_by) == ("failed", 4, None)


# Hosts in trouble


def test_a_key_that_the_host_refuses_ends_jobs_as_never_started_and_the_host_says_so(
    engine: Engine, make_sshd: SshdFactory
) -> None:
    server = make_sshd()
    engine.speaker()
    engine.add_host(server.host("shut"))
    (server.directory / "authorized_keys").write_text("")
    server.kill_sessions()
    job = engine.run("shut", "true")
    assert (job.state.value, job.cause and job.cause.kind) == ("failed", Kind.NEVER_STARTED)
    record = engine.desk.host("shut")
    assert record.condition is Condition.REFUSED
    assert record.reason
    server.authorize(server.client_key)
    engine.desk.examine("shut")
    engine.until_host("shut", Condition.READY)
    assert engine.run("shut", "true").state.value == "succeeded"


def test_a_changed_host_key_holds_the_jobs_until_an_operator_trusts_it(engine: Engine, make_sshd: SshdFactory) -> None:
    server = make_sshd()
    engine.speaker()
    engine.add_host(server.host("moved"))
    running = engine.submit("moved", "sleep 3; echo done")
    engine.until(running, "running")
    server.vanish()
    for file in (server.host_key.path, server.host_key.public_path):
        file.unlink()
    make_key(server.host_key.path)
    server.start()
    engine.until_host("moved", Condition.HOST_KEY)
    waiting = engine.submit("moved", "echo later")
    record = engine.desk.host("moved")
    assert record.offered_key == server.host_key.fingerprint
    assert engine.desk.job(waiting.id).held == "host_key"
    assert engine.desk.job(running.id).out_of_contact_since
    assert engine.desk.job(running.id).state.value == "running"
    engine.desk.trust("moved", server.host_key.fingerprint)
    assert engine.output(engine.end_of(running)) == b"done\n"
    assert engine.output(engine.end_of(waiting)) == b"later\n"
    assert engine.desk.host("moved").condition is Condition.READY


def test_a_host_that_goes_and_comes_back_says_since_when_and_its_jobs_end_truly(
    engine: Engine, make_sshd: SshdFactory
) -> None:
    """Silence is not death; nothing is submitted again because of it."""
    server = make_sshd()
    engine.speaker()
    engine.add_host(server.host("away"))
    job = engine.submit("away", "echo $REMORA_JOB_ID >> $HOME/starts; sleep 1; echo done; exit 5")
    engine.until(job, "running")
    server.vanish()
    since = eventually(lambda: engine.desk.job(job.id).out_of_contact_since)
    assert since
    assert engine.desk.job(job.id).state.value == "running"
    waiting = engine.submit("away", "true")
    server.start()
    ended = engine.end_of(job)
    assert (ended.exit_code, engine.output(ended)) == (5, b"done\n")
    assert engine.end_of(waiting).state.value == "succeeded"
    assert engine.desk.job(job.id).out_of_contact_since is None
    assert engine.desk.host("away").reason is None
    assert (server.home / "starts").read_text() == f"{job.id}\n"


@pytest.mark.root
def test_a_start_waits_while_the_disk_of_its_host_is_full(
    eager: Engine, sshd: Sshd, host: Host, tmp_path: Path
) -> None:
    """Nothing is lost by it, and the host's record says why nothing starts."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    try:
        eager.speaker()
        eager.add_host(sshd.host(host.name, base=str(disk)))
        with (disk / "ballast").open("wb") as ballast, suppress(OSError):
            while True:
                os.write(ballast.fileno(), bytes(4096))
        job = eager.submit(host.name, "echo after all")
        eventually(lambda: "disk may be full" in (eager.desk.host(host.name).reason or ""))
        assert eager.desk.job(job.id).state.value == "starting"
        (disk / "ballast").unlink()
        assert eager.output(eager.end_of(job)) == b"after all\n"
        assert eager.desk.host(host.name).reason is None
    finally:
        eager.kill("one").end()
        subprocess.run(["umount", "--lazy", disk], check=True)


# Reading along


def test_whoever_begins_to_follow_a_running_job_soon_reads_what_it_writes(engine: Engine, host: Host) -> None:
    """Also when nothing else is due at the host: the next question about all jobs is fifteen seconds away."""
    engine.speaker()
    engine.add_host(host)
    job = engine.submit(host.name, "while :; do echo line; sleep 0.1; done")
    engine.until(job, "running")
    engine.desk.follow(job.id)
    eventually(lambda: engine.desk.job(job.id).out_size, 3.0)
    grown = engine.desk.job(job.id).out_size
    eventually(lambda: engine.desk.job(job.id).out_size > grown, 3.0)
    engine.desk.cancel(job.id, by="anna")
    engine.end_of(job)


def has_grown(engine: Engine, job: Job, beyond: int) -> bool:
    return engine.desk.job(job.id).out_size > beyond


def test_reading_along_goes_on_when_the_connection_is_cut(engine: Engine, make_sshd: SshdFactory) -> None:
    server = make_sshd()
    engine.speaker()
    engine.add_host(server.host("cut"))
    job = engine.submit("cut", "while :; do echo line; sleep 0.1; done")
    engine.until(job, "running")
    engine.desk.follow(job.id)
    for _ in range(3):
        grown = eventually(lambda: engine.desk.job(job.id).out_size)
        server.kill_sessions()
        eventually(partial(has_grown, engine, job, grown + 5), 8.0)
    engine.desk.cancel(job.id, by="anna")
    ended = engine.end_of(job)
    assert set(engine.output(ended).splitlines()) == {b"line"}


def test_a_host_that_is_removed_is_let_go_and_nothing_of_it_stays_due(engine: Engine, host: Host) -> None:
    speaker = engine.speaker()
    engine.add_host(host)
    engine.run(host.name, "true")
    engine.desk.remove_host(host.name)
    speaker.step("poll", host.name)
    speaker.tidy()
    assert [member for member in engine.records.tick()[0] if host.name in member] == []
    engine.add_host(host)
    assert engine.run(host.name, "true").state.value == "succeeded"
