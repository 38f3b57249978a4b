"""A whole Remora with a home of its own: what `remora up` starts, and the command that talks to it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from airflow_bridge.client import RemoraClient
from config.home import Home
from config.hosts import Host
from tests.support import processes
from workers.up.run_file import read_running

PROGRAM = Path(sys.executable).with_name("remora")
"""The command of the environment that runs the tests."""
PATIENCE = 60.0
"""Seconds that a command may take unless a test says otherwise."""


class System:
    """Redis, worker, beat, gateway and Flower on free loopback ports, as any user has them after `remora up`."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        """Choose a home; entering starts the system, leaving ends it.

        Args:
            settings: ``REMORA_*`` variables that go over the defaults.
        """
        self.directory = Path(tempfile.mkdtemp(prefix="remora-system-"))
        self.home = self.directory / "state"
        """``REMORA_HOME``."""
        self._own = {"REMORA_HOME": str(self.home), "HOME": str(self.directory), **(settings or {})}

    def __enter__(self) -> Self:
        try:
            self.up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its commands: the tests' own with its home."""
        return {**os.environ, **self._own}

    def up(self) -> None:
        """Start it; returns when every part answers."""
        self.succeed(["up", "--detach"], timeout=2 * PATIENCE)

    def run(
        self, arguments: Sequence[str | Path], *, stdin: bytes = b"", timeout: float = PATIENCE
    ) -> subprocess.CompletedProcess[bytes]:
        """Run ``remora ARGUMENTS`` to its end.

        Args:
            arguments: the words after ``remora``.
            stdin: its standard input.
            timeout: seconds until ``subprocess.TimeoutExpired``.
        """
        argv = [PROGRAM, *arguments]
        return subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout, env=self.environment)

    def succeed(self, arguments: Sequence[str | Path], *, timeout: float = PATIENCE) -> str:
        """Run a command that must exit with 0, and give what it printed, without the last line end."""
        done = self.run(arguments, timeout=timeout)
        words = " ".join(str(word) for word in arguments)
        assert done.returncode == 0, f"remora {words} exited with {done.returncode}: {done.stderr.decode().strip()}"
        return done.stdout.decode().rstrip("\n")

    def start(self, arguments: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        """Start a command and leave it running, its output to be read from its pipes."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=self.environment
        )

    def client(self) -> RemoraClient:
        """Give a client of its HTTP door, with the operator's token."""
        running = read_running(Home(self.home))
        assert running is not None, "the system is not up"
        return RemoraClient(running.url, Home(self.home).operator_token())

    def add_host(self, host: Host) -> None:
        """Register a host as an operator does, by its key file and its fingerprint."""
        where = f"{host.user}@{host.address}:{host.port}"
        self.succeed(["hosts", "add", host.name, where, "--key", str(host.key), "--fingerprint", host.host_keys[0]])

    def processes(self, word: str = "") -> list[psutil.Process]:
        """Give its processes; with a word, those that have it among their arguments, such as ``worker``."""
        return processes.those(lambda process: self._owns(process) and (not word or word in process.cmdline()))

    def _owns(self, process: psutil.Process) -> bool:
        return process.pid != os.getpid() and process.environ().get("REMORA_HOME") == str(self.home)

    def close(self) -> None:
        """Take it down, kill by pid whatever has not ended by then, and remove its files."""
        try:
            self.run(["down"])
        finally:
            left = self.processes()
            processes.kill(left)
            psutil.wait_procs(left, timeout=10)
            shutil.rmtree(self.directory, ignore_errors=True)
