"""A whole system to be hurt: four workers, one host, and everything written down."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from subprocess import Popen

import psutil

from airflow_bridge.client import RemoraClient
from tests.chaos.checker import Outcome, Violation, check
from tests.chaos.trials import Trial
from tests.support import processes
from tests.support.sshd import Sshd, new_directory
from tests.support.system import PROGRAM, System

SETTINGS = {
    "REMORA_LEASE": "2",
    "REMORA_STEP": "1.8",
    "REMORA_EXCHANGE": "1.5",
    "REMORA_TICK": "1",
    "REMORA_PROBE": "2",
}
"""Short terms, so that a fault heals in seconds; promises are counted in them."""
WORKERS = 4
HOST = "box"


@dataclass
class Arena:
    """What a part of a chaos run works with."""

    system: System
    sshd: Sshd
    random: Random
    full: bool
    """The whole counts rather than a tenth."""
    directory: Path
    accepted: dict[str, Trial] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)

    @property
    def journal(self) -> Path:
        """Where jobs write down that they start and end."""
        return self.directory / "journal"

    def scaled(self, count: int) -> int:
        """Give the whole count, or a tenth of it."""
        return count if self.full else max(1, count // 10)

    def submit(self, client: RemoraClient, trial: Trial) -> str:
        """Have a trial accepted and give the job's id; asked again under its key until there is an answer."""
        job = client.submit({"host": HOST, "command": trial.command, "name": f"trial-{trial.number}"})
        self.accepted[job["id"]] = trial
        return str(job["id"])

    def submit_all(self, trials: Sequence[Trial]) -> None:
        """Have many trials accepted, whatever is being hurt meanwhile."""
        with self.system.client() as client:
            for trial in trials:
                self.submit(client, trial)

    def settle(self, *, within: float) -> float:
        """Wait until all jobs are final, for so many seconds at most; give the seconds it took."""
        begun = time.monotonic()
        with self.system.client() as client:
            for id in self.accepted:
                client.wait(id, timeout=max(0.1, within - (time.monotonic() - begun)))
        return time.monotonic() - begun

    def violations(self) -> list[Violation]:
        """Compare what was accepted with what is recorded and what the host wrote down."""
        with self.system.client() as client:
            outcomes = {id: _outcome(client, id) for id in self.accepted}
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        return check(self.accepted, outcomes, lines, cancelled=self.cancelled)

    def workers(self) -> list[psutil.Process]:
        """Give the worker processes that live."""
        return self.system.processes("worker")

    @contextmanager
    def every(self, seconds: float, hurt: Callable[["Arena"], None]) -> Iterator[list[float]]:
        """Hurt something at that pace while the block runs; gives the moments, which fill up."""
        ended, moments = threading.Event(), list[float]()

        def run() -> None:
            while not ended.wait(seconds * self.random.uniform(0.5, 1.5)):
                hurt(self)
                moments.append(time.monotonic())

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield moments
        finally:
            ended.set()
            thread.join()


def _outcome(client: RemoraClient, id: str) -> Outcome:
    job = client.job(id)
    output = b"".join(client.output(id))
    return Outcome(job["state"], job["exit_code"], output, job["attempt"])


class Keeper:
    """Starts further workers and starts them again when they die, as an init system does."""

    def __init__(self, system: System, count: int) -> None:
        self._system = system
        self._ended = threading.Event()
        self._own = [self._start() for _ in range(count)]
        self._thread = threading.Thread(target=self._keep)
        self._thread.start()

    def _start(self) -> Popen[bytes]:
        return processes.spawn(
            [PROGRAM, "worker"], log=self._system.directory / "workers.log", environment=self._system.environment
        )

    def _keep(self) -> None:
        while not self._ended.wait(0.2):
            self._own = [one if one.poll() is None else self._start() for one in self._own]

    def close(self) -> None:
        """End them."""
        self._ended.set()
        self._thread.join()
        for one in self._own:
            processes.end(one, gently=False)


@contextmanager
def arena(*, seed: int, full: bool, settings: Mapping[str, str] | None = None) -> Iterator[Arena]:
    """Bring a system up for one part of a run."""
    with ExitStack() as stack:
        server = Sshd(new_directory())
        server.start()
        stack.callback(server.close)
        system = stack.enter_context(System({**SETTINGS, **(settings or {})}))
        with system.client() as client:
            client.add_host(server.host(HOST, max_jobs=1000).model_dump(mode="json", exclude_defaults=True))
            client.host(HOST, wait=30)
        stack.callback(Keeper(system, WORKERS - 1).close)
        yield Arena(system, server, Random(seed), full, system.directory)
