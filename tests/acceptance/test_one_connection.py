"""Many jobs on one host: one connection, no more at once than it may have, and each that waits says why."""

import json
from collections.abc import Iterator

import psutil
import pytest

from airflow_bridge.answers import Job
from airflow_bridge.client import RemoraClient
from tests.conftest import SshdFactory
from tests.support.sshd import Sshd
from tests.support.system import System
from tests.support.waiting import eventually

MANY = 100


@pytest.fixture
def client(system: System) -> Iterator[RemoraClient]:
    client = system.client()
    yield client
    client.close()


def ended(client: RemoraClient, job: Job, timeout: float = 60.0) -> Job:
    final = client.wait(job["id"], timeout=timeout)
    assert final["final"], f"still {final['state']} after {timeout:g} seconds"
    return final


def submit(client: RemoraClient, host: str, command: str, count: int = 1) -> list[Job]:
    return [client.submit({"host": host, "command": command}) for _ in range(count)]


def live(client: RemoraClient, jobs: list[Job], state: str) -> list[Job]:
    """Give those of the jobs that are in a state now."""
    return [now for job in jobs if (now := client.job(job["id"]))["state"] == state]


def add(system: System, server: Sshd, name: str, *options: str) -> None:
    host = server.host(name)
    where = f"{host.user}@{host.address}:{host.port}"
    keys = ["--key", str(host.key), "--fingerprint", host.host_keys[0]]
    system.succeed(["hosts", "add", name, where, *keys, *options])


def test_a_hundred_jobs_use_one_connection(system: System, client: RemoraClient, make_sshd: SshdFactory) -> None:
    """Counted in sshd's own log, from the examination to the last output."""
    server = make_sshd()
    add(system, server, "busy")
    jobs = submit(client, "busy", "echo $REMORA_JOB_ID; head -c 20000 /dev/zero", MANY)
    finals = [ended(client, job) for job in jobs]
    assert [(job["state"], job["out_size"]) for job in finals] == [("succeeded", 20_037)] * MANY
    assert server.connections() == 1


def test_no_more_run_at_once_than_the_host_may_have(
    system: System, client: RemoraClient, make_sshd: SshdFactory
) -> None:
    """By what the jobs themselves saw: each notes its start and its end in one file, in the order of the host."""
    server = make_sshd()
    add(system, server, "narrow", "--max-jobs", "3")
    notes = server.home / "notes"
    jobs = submit(client, "narrow", f"echo start >> {notes}; sleep 1; echo end >> {notes}", 10)
    waiting = eventually(lambda: [job for job in live(client, jobs, "accepted") if job["held"]])
    assert {job["held"] for job in waiting} == {"concurrency"}
    assert json.loads(system.succeed(["status", "--json", waiting[-1]["id"]]))["held"] == "concurrency"
    assert {ended(client, job)["state"] for job in jobs} == {"succeeded"}
    running = most = 0
    for note in notes.read_text().split():
        running += 1 if note == "start" else -1
        most = max(most, running)
    assert most == 3


def test_a_drained_host_starts_nothing_more_and_what_runs_goes_on(
    system: System, client: RemoraClient, make_sshd: SshdFactory
) -> None:
    server = make_sshd()
    add(system, server, "leaving")
    (before,) = submit(client, "leaving", "sleep 1; echo before")
    eventually(lambda: client.job(before["id"])["state"] == "running")
    system.succeed(["hosts", "drain", "leaving"])
    (after,) = submit(client, "leaving", "echo after")
    assert ended(client, before)["state"] == "succeeded"
    assert (client.job(after["id"])["state"], client.job(after["id"])["held"]) == ("accepted", "drained")
    system.succeed(["hosts", "resume", "leaving"])
    assert ended(client, after)["state"] == "succeeded"


def test_a_host_out_of_contact_says_since_when_and_its_job_ends_right_after_it_is_back(
    system: System, client: RemoraClient, make_sshd: SshdFactory
) -> None:
    """The job ends on the host while nobody can reach it; it is not submitted again."""
    server = make_sshd()
    add(system, server, "island")
    starts = server.home / "starts"
    (job,) = submit(client, "island", f"echo $REMORA_JOB_ID >> {starts}; sleep 2; echo done; exit 5")
    eventually(lambda: client.job(job["id"])["state"] == "running")
    server.vanish()
    assert eventually(lambda: client.job(job["id"])["out_of_contact_since"])
    assert client.job(job["id"])["state"] == "running"
    server.start()
    end = ended(client, job, 30.0)
    assert (end["state"], end["exit_code"], end["out_of_contact_since"]) == ("failed", 5, None)
    assert system.run(["logs", job["id"]]).stdout == b"done\n"
    assert starts.read_text() == f"{job['id']}\n"


def test_a_hundred_quiet_jobs_cost_next_to_nothing(
    system: System, client: RemoraClient, make_sshd: SshdFactory
) -> None:
    """CPU time of the worker over ten seconds, with nobody reading along: no busy loop anywhere."""
    server = make_sshd()
    add(system, server, "quiet")
    jobs = submit(client, "quiet", "sleep 60", MANY)
    eventually(lambda: len(live(client, jobs, "running")) == MANY, 40.0, interval=0.5)
    workers = system.processes("worker")
    assert workers
    before = used(workers)
    psutil.cpu_percent(10.0)
    cost = used(workers) - before
    assert cost < 0.5, f"{cost:.2f} CPU seconds in ten"
    for job in jobs:
        client.cancel(job["id"])


def used(processes: list[psutil.Process]) -> float:
    """Give the CPU seconds that processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)
