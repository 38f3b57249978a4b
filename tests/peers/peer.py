"""The peer as a contender: ``SSHRemoteJobOperator``, driven through a pipe in an environment of its own."""

import itertools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.peers.contender import Account, Ending, Order

PROGRAM = Path(__file__).with_name("peer_program.py")
BASE = Path("/tmp/airflow-ssh-jobs")
"""Where the operator keeps its jobs on a host unless told otherwise."""


class Peer:
    """Airflow's operator in a process of its own."""

    name = "SSHRemoteJobOperator"

    def __init__(self, python: Path, home: Path) -> None:
        """Start the process.

        Args:
            python: the interpreter of the peer's environment.
            home: a directory that Airflow may fill.
        """
        if BASE.exists():
            raise RuntimeError(f"{BASE} exists and the probes would remove it: move it away first")
        environment = {**os.environ, "AIRFLOW_HOME": str(home), "HOME": str(home)}
        self._log = home / "peer.log"
        with self._log.open("wb") as log:
            argv = [str(python), str(PROGRAM)]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=log, text=True, env=environment)
        self._numbers = itertools.count(1)
        self._ordered: dict[str, float] = {}
        self._cancelled: set[str] = set()
        self._tries: dict[str, int] = {}

    def meet(self, account: Account) -> None:
        """Need nothing: a connection is told with each order."""

    def order(self, order: Order) -> str:
        """Start a try of a task; orders of one key are tries of one task."""
        job = f"job{next(self._numbers)}"
        task = order.key or job
        self._tries[task] = self._tries.get(task, 0) + 1
        self._ordered[job] = time.monotonic()
        self._ask(
            do="order",
            job=job,
            task=task,
            account=order.account.name,
            command=order.command,
            environment=dict(order.environment),
            connection=connection(order.account),
            **{"try": self._tries[task]},
        )
        return job

    def wait(self, job: str, within: float) -> Ending:
        """Ask again and again until the try has ended."""
        if job in self._cancelled:
            return Ending("cancelled", seconds=time.monotonic() - self._ordered[job])
        deadline = time.monotonic() + within
        while (told := self._ask(do="look", job=job))["state"] == "waiting" and time.monotonic() < deadline:
            time.sleep(0.1)
        return Ending(
            state=told["state"],
            code=told["code"],
            output="\n".join(told["output"]).encode(),
            reason=told["reason"],
            seconds=time.monotonic() - self._ordered[job],
            by_lines=True,
        )

    def cancel(self, job: str) -> None:
        """Call ``on_kill`` of the operator that submitted."""
        self._kill(job, fresh=False)

    def cancel_from_elsewhere(self, job: str) -> None:
        """Call ``on_kill`` of a fresh operator, which is all that Airflow has after the deferral."""
        self._kill(job, fresh=True)

    def _kill(self, job: str, *, fresh: bool) -> None:
        self._ask(do="kill", job=job, fresh=fresh)
        self._cancelled.add(job)  # Airflow calls on_kill of a task that it ends, whatever becomes of the job

    def words(self, job: str) -> str:
        """Give the task's and the trigger's log."""
        return "\n".join(self._ask(do="look", job=job)["log"])

    def leave(self) -> None:
        """Let the triggers go and remove the operator's directory on the host, which its first user would keep."""
        for job in self._ordered:
            self._ask(do="leave", job=job)
        self._ordered.clear()
        shutil.rmtree(BASE, ignore_errors=True)

    def close(self) -> None:
        """End the process; tries that still wait end with it."""
        self._process.kill()
        self._process.wait()

    def _ask(self, **request: Any) -> dict[str, Any]:
        """Send one request and read its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        reply = self._process.stdout.readline()
        if not reply:
            raise RuntimeError(f"the peer's process has ended: see {self._log}")
        answer: dict[str, Any] = json.loads(reply)
        return answer


def connection(account: Account) -> dict[str, Any]:
    """Give Airflow's connection for an account, with the host's key pinned."""
    extra = {"key_file": str(account.key_file), "look_for_keys": False, "host_key": account.host_key}
    return {
        "conn_type": "ssh",
        "host": account.address,
        "port": account.port,
        "login": account.user,
        "extra": json.dumps(extra),
    }
