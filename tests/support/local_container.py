"""Processes of this machine as the nodes of pytest-celery, which are containers otherwise; no Docker is touched."""

import signal as signals
from pathlib import Path
from subprocess import Popen
from typing import Any, Protocol
from uuid import uuid4

from pytest_celery import CeleryWorkerContainer, RedisContainer

from tests.support.redis import RedisServer


class Process(Protocol):
    """What can be started and killed again and again."""

    process: Popen[bytes]

    @property
    def log(self) -> Path:
        """Takes what it prints."""

    def start(self) -> None:
        """Start it and wait until it works."""

    def stop(self) -> object:
        """Let it end by itself."""

    def kill(self) -> None:
        """Kill -9."""


class LocalContainer:
    """As much of docker-py's Container as pytest-celery asks for."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self.id = uuid4().hex
        self.attrs: dict[str, Any] = {"NetworkSettings": {"Networks": {}, "Ports": {}}}
        self._process = process

    @property
    def status(self) -> str:
        """Whether it runs, in Docker's words."""
        return "running" if self._process.process.poll() is None else "exited"

    def reload(self) -> None:
        """Nothing is kept that could be old."""

    def logs(self) -> bytes:
        """Give what it printed."""
        return self._process.log.read_bytes()

    def kill(self, signal: str = "SIGKILL") -> None:
        """Send a signal."""
        if signal == "SIGKILL":
            self._process.kill()
        else:
            self._process.process.send_signal(signals.Signals[signal])

    def restart(self, timeout: float) -> None:  # noqa: ARG002 -- how long Docker would wait for the end
        """End it if it runs, and start it."""
        self._process.stop()
        self._process.start()


class LocalRedis(RedisContainer):  # type: ignore[misc] # pytest-celery brings no types
    """pytest-celery's Redis over a redis-server of ours."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(LocalContainer("redis", server))
        self._server = server

    @property
    def port(self) -> int:
        """Its port on loopback."""
        return self._server.port

    @property
    def hostname(self) -> str:
        """Loopback, for workers as for tests."""
        return "127.0.0.1"

    @property
    def url(self) -> str:
        """Where workers find it."""
        return self._server.url

    @property
    def host_url(self) -> str:
        """Where tests find it."""
        return self._server.url


class LocalWorker(CeleryWorkerContainer):  # type: ignore[misc] # as above
    """pytest-celery's worker over a ``remora worker``."""

    def __init__(self, worker: Process) -> None:
        super().__init__(LocalContainer("worker", worker))

    @classmethod
    def worker_queue(cls) -> str:
        """The queue of plain Celery senders."""
        return "celery"
