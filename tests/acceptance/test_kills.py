"""Killing any part, or the connection, at any time changes neither the exit code nor the output of a job."""

import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import pytest
from redis import Redis

from config.home import Home
from tests.acceptance.conftest import HOST
from tests.acceptance.traffic import Traffic
from tests.support.ports import answers, free_port
from tests.support.sshd import Sshd
from tests.support.system import PROGRAM, System
from tests.support.waiting import eventually
from workers.process import embedded_url

KILLS = 10
"""Moments for each victim."""
QUICK = {"REMORA_LEASE": "2", "REMORA_STEP": "1.5", "REMORA_TICK": "1"}
"""Take-overs within seconds, so that ten of them fit into a test."""
SEED = random.SystemRandom().randrange(1 << 32)

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def brisk(own_sshd: Sshd) -> Iterator[System]:
    with System(QUICK) as system:
        system.add_host(own_sshd.host(HOST))
        yield system


class Spare:
    """One more process of a part, started again at once: the supervisor's growing pauses would set the pace."""

    def __init__(self, system: System, part: str, **settings: str) -> None:
        self._words = [str(PROGRAM), part]
        self._environment = system.environment | settings
        self._log = system.directory / f"spare-{part}.log"
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep)
        self.process = self._start()

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._over.set()
        self._keeper.join(20.0)
        self.process.kill()
        self.process.wait()

    def _keep(self) -> None:
        while not self._over.wait(0.05):
            if self.process.poll() is not None:
                self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )


def moments(victim: str, traffic: Traffic, *, back: Callable[[], object] = lambda: True) -> Iterator[None]:
    """Come back at ten random moments, each while jobs are under way; the seed stands in the output of a failure.

    Args:
        victim: its name.
        traffic: the jobs.
        back: whether the victim does its work again; the pause before the next moment begins then.
    """
    print(f"{victim}: seed {SEED}")
    chance = random.Random(f"{SEED} {victim}")
    for _ in range(KILLS):
        eventually(back, 30.0)
        time.sleep(chance.uniform(0.1, 2.5))
        eventually(traffic.flowing, 60.0)
        yield


def kill_speaker(system: System, traffic: Traffic) -> None:
    """Kill the worker process that speaks for the host; another one has to take it over each time."""
    url = embedded_url(Home(system.home))
    assert url
    with Redis.from_url(url, decode_responses=True) as redis:

        def speaker() -> psutil.Process | None:
            """Find the process by the name it goes by in the records: machine, pid, and a random end."""
            name = str(redis.hget(f"remora:host:{HOST}", "speaker"))
            pid = int(name.rsplit("-", 2)[1])
            return next((process for process in system.processes("worker") if process.pid == pid), None)

        for _ in moments("worker", traffic):
            process = eventually(speaker, 30.0)
            assert process
            process.kill()
            process.wait(10.0)


def test_killing_the_connection_changes_nothing(brisk: System, own_sshd: Sshd, tmp_path: Path) -> None:
    with Traffic(brisk.environment, tmp_path / "starts") as traffic:
        for _ in moments("connection", traffic):
            eventually(own_sshd.kill_sessions, 30.0)
    traffic.assert_unharmed()


def test_killing_the_gateway_changes_nothing(brisk: System, tmp_path: Path) -> None:
    port = free_port()
    door = {"REMORA_URL": f"http://127.0.0.1:{port}", "REMORA_TOKEN": Home(brisk.home).operator_token()}
    with Spare(brisk, "gateway", REMORA_PORT=str(port)) as gateway:
        eventually(lambda: answers(port), 30.0)
        with Traffic(brisk.environment | door, tmp_path / "starts") as traffic:
            for _ in moments("gateway", traffic, back=lambda: answers(port)):
                gateway.process.kill()
                gateway.process.wait()
    traffic.assert_unharmed()


def test_killing_the_worker_changes_nothing(brisk: System, tmp_path: Path) -> None:
    with Spare(brisk, "worker"), Traffic(brisk.environment, tmp_path / "starts") as traffic:
        kill_speaker(brisk, traffic)
    traffic.assert_unharmed()


def test_killing_beat_changes_nothing(brisk: System, tmp_path: Path) -> None:
    """The supervisor's own beat sleeps meanwhile, so that the one that is killed is the only one."""
    (own,) = brisk.processes("beat")
    own.suspend()
    try:
        with Spare(brisk, "beat") as beat, Traffic(brisk.environment, tmp_path / "starts") as traffic:
            for _ in moments("beat", traffic):
                beat.process.kill()
                beat.process.wait()
    finally:
        own.resume()
    traffic.assert_unharmed()
