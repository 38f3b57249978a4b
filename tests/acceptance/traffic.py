"""Jobs that run all the time while a test kills things, each checked to the last byte."""

import subprocess
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.acceptance.conftest import HOST
from tests.support.system import PROGRAM
from tests.support.waiting import eventually
from workers.console.exits import NO_SERVER

LANES = 2
"""Runs at once: each start of the command costs half a second of a processor."""
LINES = 100
PATIENCE = 60.0
"""Seconds that one run may take, with all that is killed under it."""
SCRIPT = """
printf '%s\\n' "$REMORA_JOB_ID" >> {starts}
i=0
while [ $i -lt {lines} ]; do
  i=$((i + 1))
  echo "$REMORA_JOB_ID out $i"
  echo "$REMORA_JOB_ID err $i" >&2
  sleep 0.02
done
exit $((0x$(printf %.4s "$REMORA_JOB_ID") % 120))
"""


@dataclass(frozen=True)
class Run:
    """One finished ``remora run``."""

    code: int
    out: bytes
    err: bytes

    @property
    def id(self) -> str:
        """The job's id, as its first line tells it."""
        return self.out.partition(b" ")[0].decode("ascii", "replace")

    def fault(self) -> str | None:
        """Say what is wrong with it, or nothing."""
        try:
            code = int(self.id[:4], 16) % 120
        except ValueError:
            return f"exit code {self.code}, output {self.out[:80]!r}, errors {self.err[-300:]!r}"
        if self.code != code:
            return f"{self.id}: exit code {self.code} in place of {code}; errors end in {self.err[-300:]!r}"
        for stream, seen in (("out", self.out), ("err", self.err)):
            if seen != "".join(f"{self.id} {stream} {n}\n" for n in range(1, LINES + 1)).encode():
                return f"{self.id}: of {stream} came {len(seen)} bytes in {len(seen.splitlines())} lines"
        return None


class Traffic:
    """A few lanes; in each one run follows the other until the test is over."""

    def __init__(self, environment: Mapping[str, str], starts: Path) -> None:
        """Prepare it; entering begins.

        Args:
            environment: of the command, by which it finds the server.
            starts: file on the host to which every start of a job appends a line.
        """
        self._environment = dict(environment)
        self._starts = starts
        self._over = threading.Event()
        self._lanes = [threading.Thread(target=self._drive) for _ in range(LANES)]
        self.runs: list[Run] = []
        self.faults: list[str] = []

    def __enter__(self) -> Self:
        for lane in self._lanes:
            lane.start()
        eventually(self.flowing, 20.0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._over.set()
        for lane in self._lanes:
            lane.join(PATIENCE + 20.0)

    def flowing(self) -> bool:
        """Tell whether a job has begun that has not been seen to end."""
        return self._starts.exists() and len(self._started()) > len(self.runs)

    def _started(self) -> list[str]:
        return self._starts.read_text().split()

    def _drive(self) -> None:
        while not self._over.is_set():
            script = SCRIPT.format(starts=self._starts, lines=LINES)
            process = subprocess.Popen(
                [PROGRAM, "run", HOST, "--", script],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment,
            )
            try:
                out, err = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                self.faults.append(f"a run did not end in {PATIENCE:g} s; its errors end in {err[-300:]!r}")
            run = Run(process.returncode, out, err)
            if run.code == NO_SERVER and not run.out:
                continue  # it never got to a server, so nothing may have been started: the starts tell
            self.runs.append(run)
            if fault := run.fault():
                self.faults.append(fault)

    def assert_unharmed(self) -> None:
        """Call after the end: every run was right, and every job ran once."""
        assert not self.faults, "\n".join(self.faults)
        twice = Counter(self._started()) - Counter(run.id for run in self.runs)
        assert not twice, f"started more than once: {twice}"
