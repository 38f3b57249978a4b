import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support import processes
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[3]
SLEEP = "exec sleep 60"
TELL = f"{sys.executable} -c 'import os; from workers.up.notify import tell; tell(os.environ)'"
"""Tells that it is ready, but as a child of the part: nobody believes that."""
TELL_AND_SLEEP = (
    f"exec {sys.executable} -c 'import os, time; from workers.up.notify import tell; tell(os.environ); time.sleep(60)'"
)


class Supervised:
    """The program of supervised.py at work."""

    def __init__(self, directory: Path, *scripts: str) -> None:
        self.directory = directory
        self.log = directory / "said"
        self.process = processes.spawn(
            [sys.executable, Path(__file__).with_name("supervised.py"), directory, *scripts],
            log=self.log,
            environment={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def said(self) -> str:
        return self.log.read_text()

    def says(self, words: str) -> bool:
        return words in self.said()

    def pid(self, name: str) -> int:
        """The pid that the part wrote down last."""
        file = self.directory / f"{name}.pid"
        return int(eventually(lambda: file.exists() and file.read_text()) or 0)

    def wait_until_up(self) -> None:
        eventually(lambda: self.says("up\n"))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


Start = Callable[..., Supervised]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Start]:
    started: list[Supervised] = []

    def start(*scripts: str) -> Supervised:
        started.append(Supervised(tmp_path, *scripts))
        return started[-1]

    yield start
    for one in started:
        processes.end(one.process, gently=False)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or not processes.lives(psutil.Process(pid))


def test_it_starts_again_what_is_killed(supervise: Start) -> None:
    system = supervise(f"one={SLEEP}", f"two={SLEEP}")
    system.wait_until_up()
    first, other = system.pid("one"), system.pid("two")
    os.kill(first, signal.SIGKILL)
    eventually(lambda: system.pid("one") != first, timeout=2)
    assert system.says("one ended: signal 9 (SIGKILL); starting it again in 0 s")
    assert system.pid("two") == other


def test_what_dies_again_and_again_is_started_ever_more_slowly(supervise: Start) -> None:
    system = supervise("one=exit 3", f"two={SLEEP}")
    eventually(lambda: system.says("starting it again in 1 s"))
    assert system.said().index("again in 0 s") < system.said().index("again in 0.5 s")


def test_all_parts_die_with_a_supervisor_that_is_killed(supervise: Start) -> None:
    system = supervise(f"one={SLEEP}", f"two={SLEEP}")
    system.wait_until_up()
    pids = [system.pid("one"), system.pid("two")]
    system.end(signal.SIGKILL)
    eventually(lambda: all(gone(pid) for pid in pids), timeout=2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_it_ends_all_parts_when_told_to(supervise: Start, number: signal.Signals) -> None:
    system = supervise(f"one={SLEEP}", f"two={SLEEP}")
    system.wait_until_up()
    pids = [system.pid("one"), system.pid("two")]
    assert system.end(number) == 0
    assert all(gone(pid) for pid in pids)


def test_parts_end_in_the_order_given(supervise: Start, tmp_path: Path) -> None:
    slow = "trap 'sleep 0.3; date +%s%N > $NAME.ended; exit 0' TERM; while :; do sleep 0.02; done"
    system = supervise(*[f"{name}=cd {tmp_path}; {slow}" for name in ("one", "two")])
    system.wait_until_up()
    assert system.end() == 0
    ended = [int((system.directory / f"{name}.ended").read_text()) for name in ("one", "two")]
    assert ended[1] - ended[0] > 0.25e9


def test_what_does_not_heed_term_is_killed_after_its_grace(supervise: Start) -> None:
    system = supervise("one=trap '' TERM; while :; do sleep 0.1; done")
    system.wait_until_up()
    pid, asked = system.pid("one"), time.monotonic()
    assert system.end() == 0
    assert gone(pid)
    assert 0.4 < time.monotonic() - asked < 3
    assert system.says("one did not end in 0.5 s and was killed")


def test_a_part_that_ends_before_it_is_ready_is_the_reason_of_the_failure(supervise: Start) -> None:
    system = supervise(f"one={SLEEP}", "told:two=echo no room here >&2; exit 4")
    assert system.process.wait(10) == 1
    last = system.said().splitlines()[-1]
    assert last == f"two ended: exit code 4: no room here (all of it: {system.directory}/two.log)"
    assert gone(system.pid("one"))


def test_a_part_that_never_answers_is_given_up(supervise: Start) -> None:
    system = supervise(f"told:one=echo still thinking; {SLEEP}")
    assert system.process.wait(10) == 1
    assert "one does not answer after 2 s: still thinking" in system.said().splitlines()[-1]


def test_a_part_is_ready_when_it_tells_so_itself(supervise: Start) -> None:
    system = supervise(f"told:one={TELL_AND_SLEEP}")
    system.wait_until_up()


def test_nobody_else_can_tell_that_a_part_is_ready(supervise: Start) -> None:
    system = supervise(f"told:one={TELL}; {SLEEP}")
    assert system.process.wait(10) == 1


def test_it_can_be_told_to_end_while_parts_come_up(supervise: Start) -> None:
    system = supervise(f"told:one={SLEEP}")
    pid = system.pid("one")
    assert system.end() == 2
    assert gone(pid)


def test_ctrl_c_reaches_only_the_supervisor(supervise: Start) -> None:
    system = supervise("one=trap 'echo interrupted' INT; while :; do sleep 0.05; done")
    system.wait_until_up()
    os.killpg(system.process.pid, signal.SIGINT)
    assert system.process.wait(10) == 0
    assert "interrupted" not in (system.directory / "one.log").read_text()


def test_it_is_a_small_process() -> None:
    heavy = ("celery", "fastapi", "flower", "paramiko", "uvicorn")
    loads = f"import sys, workers.commands.up; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr
