"""Remora as a contender, through the doors that its users have."""

import itertools
import json
import time
from pathlib import Path

from tests.peers.contender import Account, Ending, Order
from tests.support.system import PATIENCE, System

LONGEST_WORD = 100_000
"""Characters of a command that is given as an argument; the kernel takes 128 KiB, a longer one goes as a script."""


class Remora:
    """A running system, asked by commands such as a user types."""

    name = "Remora"

    def __init__(self, system: System) -> None:
        self._system = system
        self._numbers = itertools.count(1)
        self._met: set[str] = set()
        self._ordered: dict[str, float] = {}
        self._open: set[str] = set()

    def meet(self, account: Account) -> None:
        """Register the account as a host."""
        if account.name in self._met:
            return
        where = f"{account.user}@{account.address}:{account.port}"
        key = ["--key", str(account.key_file), "--fingerprint", account.fingerprint]
        self._system.succeed(["hosts", "add", account.name, where, *key])
        self._met.add(account.name)

    def order(self, order: Order) -> str:
        """Submit by the command; an order with a key goes through the HTTP client, which takes one."""
        job = self._submit_with_key(order) if order.key else self._submit(order)
        self._ordered.setdefault(job, time.monotonic())
        self._open.add(job)
        return job

    def _submit(self, order: Order) -> str:
        options = [f"--env={name}={value}" for name, value in order.environment.items()]
        printed = self._system.succeed(["submit", order.account.name, *options, *self._command(order.command)])
        return printed.splitlines()[-1]

    def _submit_with_key(self, order: Order) -> str:
        request = {"host": order.account.name, "command": order.command, "env": dict(order.environment)}
        with self._system.client() as client:
            return client.submit(request, key=order.key)["id"]

    def _command(self, command: str) -> list[str | Path]:
        if len(command) < LONGEST_WORD:
            return ["--", command]
        script = self._system.directory / f"script-{next(self._numbers)}.sh"
        script.write_text(command)
        return ["--script", script]

    def wait(self, job: str, within: float) -> Ending:
        """Wait with ``remora wait``, which tells the record, and read the output."""
        waited = self._system.run(["wait", "--json", f"--timeout={within}", job], timeout=within + PATIENCE)
        record = json.loads(waited.stdout)
        if not record["final"]:
            return Ending("waiting", seconds=self._since(job))
        self._open.discard(job)
        output = self._system.run(["logs", job]).stdout
        return Ending(record["state"], record["exit_code"], output, record["message"], self._since(job))

    def _since(self, job: str) -> float:
        return time.monotonic() - self._ordered[job]

    def cancel(self, job: str) -> None:
        """Cancel by the command; there is no privileged process."""
        self._system.succeed(["cancel", job])

    def cancel_from_elsewhere(self, job: str) -> None:
        """Cancel by the command: every caller is elsewhere."""
        self.cancel(job)

    def words(self, job: str) -> str:
        """Give the record and all logs of the system's processes."""
        logs = [file.read_text(errors="replace") for file in self._system.home.rglob("*.log")]
        return "\n".join([self._system.succeed(["status", "--json", job]), *logs])

    def leave(self) -> None:
        """Cancel what is not known to have ended."""
        while self._open:
            self._system.run(["cancel", "--no-wait", self._open.pop()])
