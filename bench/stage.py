"""What is measured: a whole system and one host, and an OpenSSH client with a held connection beside it."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from airflow_bridge.client import RemoraClient
from tests.support.sshd import Sshd, new_directory
from tests.support.system import System

HOST = "box"


@dataclass(frozen=True)
class Stage:
    """A running system with one host."""

    system: System
    sshd: Sshd
    client: RemoraClient
    ssh: tuple[str, ...]
    """Words that run a command on the host over OpenSSH's held connection."""

    def submit(self, command: object, count: int) -> list[str]:
        """Have jobs accepted, one request each, and give their ids."""
        return [self.client.submit({"host": HOST, "command": command})["id"] for _ in range(count)]

    def wait_all(self, ids: list[str]) -> None:
        """Return when all are final."""
        for id in ids:
            self.client.wait(id)

    def cpu_seconds(self, *words: str) -> float:
        """Give the CPU seconds that processes of the system have used so far: those with one of these words."""
        chosen = {one for word in words for one in self.system.processes(word)}
        return sum(sum(one.cpu_times()[:2]) for one in chosen)

    def pss(self) -> dict[str, int]:
        """Give the proportional set sizes of the system's processes, bytes, by their words."""
        sizes: dict[str, int] = {}
        for word in ("worker", "beat", "gateway"):
            sizes[word] = sum(one.memory_full_info().pss for one in self.system.processes(word))
        sizes["redis"] = sum(one.memory_full_info().pss for one in self.system.processes() if "redis" in one.name())
        return sizes


@contextmanager
def stage() -> Iterator[Stage]:
    """Bring it up; what is measured first would pay for imports and the first connection, so one job goes before."""
    with ExitStack() as stack:
        server = Sshd(new_directory())
        server.start()
        stack.callback(server.close)
        system = stack.enter_context(System())
        client = stack.enter_context(system.client())
        client.add_host(server.host(HOST, max_jobs=2000).model_dump(mode="json", exclude_defaults=True))
        client.host(HOST, wait=30)
        ready = Stage(system, server, client, _held_connection(server, stack, system.directory))
        ready.wait_all(ready.submit("true", 1))
        yield ready


def _held_connection(server: Sshd, stack: ExitStack, directory: Path) -> tuple[str, ...]:
    words = (
        *("ssh", "-F", "none", "-p", str(server.port), "-i", str(server.client_key.path)),
        *(
            "-o",
            f"UserKnownHostsFile={server.known_hosts}",
            "-o",
            f"ControlPath={directory / 'ssh'}",
            "-o",
            "BatchMode=yes",
        ),
    )
    target = f"{server.user}@127.0.0.1"
    subprocess.run([*words, "-o", "ControlMaster=yes", "-o", "ControlPersist=600", "-f", "-N", target], check=True)
    stack.callback(lambda: subprocess.run([*words, "-O", "exit", target], capture_output=True, check=False))
    return (*words, target)


def seconds(work: Callable[[], object]) -> float:
    """Give how long a call takes, in seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
