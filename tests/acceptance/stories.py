"""The stories that the demo tells: each runs for real and gives what it saw, right or wrong."""

import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

from airflow_bridge.client import RemoraClient
from tests.support import processes
from tests.support.sshd import Sshd
from tests.support.system import System
from tests.support.waiting import eventually

HOST = "box"
TEN_STEPS = """\
for step in 1 2 3 4 5 6 7 8 9 10; do
    echo "step $step of 10"
    echo "$(( step * 10 ))%" >"$STATUS_FILE"
    sleep 0.4
done
exit 123
"""
LONG = """\
echo "started as process $$" >>%(starts)s
for line in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "line $line of 12"; sleep 0.4; done
exit %(code)d
"""
TREE = """\
trap '' TERM
(trap '' TERM; setsid sleep 300) &
nohup sleep 300 >/dev/null 2>&1 &
(sleep 300 & sleep 300) &
wait
"""


class Wrong(Exception):
    """A story did not end as it must."""


@dataclass
class Telling:
    """Where a story is told: each line as it happens."""

    say: Callable[[str], None]

    def output(self, line: str) -> None:
        """Tell a line that a job wrote."""
        self.say(f"   | {line}")


class Stage:
    """The system and the host that the stories run on."""

    def __init__(self, system: System, sshd: Sshd, client: RemoraClient, telling: Telling) -> None:
        self.system = system
        self.client = client
        """Another caller, who looks on."""
        self.sshd = sshd
        self.telling = telling

    def command(self, *words: str) -> None:
        """Show the command that a reader would type."""
        self.telling.say(f"   $ remora {shlex.join(words[:2])} {' '.join(words[2:])}".rstrip())

    def newest(self) -> str:
        """Give the id of the job that was handed in last."""
        return self.client.jobs(limit=1)["jobs"][0]["id"]

    def progress(self, job: str) -> list[str]:
        """Watch a job to its end and give each progress that it showed."""
        seen: list[str] = []
        while not (now := self.client.job(job))["final"]:
            if (progress := now["progress"]) and progress not in seen:
                seen.append(progress)
            time.sleep(0.05)
        return seen


class Run:
    """A `remora run` under way, its lines told as they come."""

    def __init__(self, stage: Stage, script: str) -> None:
        self.lines: list[str] = []
        self._telling = stage.telling
        self._process = stage.system.start(["run", HOST, "--", script])
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.lines.append(line.decode().rstrip("\n"))
            self._telling.output(self.lines[-1])

    def reach(self, line: str) -> None:
        """Wait until the job has written this line and it has come here."""
        eventually(lambda: line in self.lines or self._process.poll() is not None, timeout=30)
        expect(line in self.lines, f"{line!r} never came")

    def code(self) -> int:
        """Wait for the end and give the exit code of the command."""
        code = self._process.wait(60)
        self._reader.join(10)
        self._process.communicate()
        return code


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Wrong(otherwise)


def ten_steps(stage: Stage) -> str:
    """Ten steps that write progress, and exit code 123"""
    stage.command("run", HOST, "-- ./ten-steps.sh")
    run = Run(stage, TEN_STEPS)
    run.reach("step 1 of 10")
    seen = stage.progress(stage.newest())
    code = run.code()
    expect(code == 123, f"exit code {code}")
    expect(run.lines == [f"step {number} of 10" for number in range(1, 11)], f"output {run.lines}")
    expect(len(seen) > 1, f"progress seen: {seen}")
    return f"exit code {code}; progress as another caller saw it: {', '.join(seen)}"


def cut_connection(stage: Stage) -> str:
    """The connection to the host is cut in the middle"""
    return _hurt(stage, 7, _cut)


def killed_worker(stage: Stage) -> str:
    """The worker is killed with kill -9 in the middle"""
    return _hurt(stage, 42, _kill_worker)


def _cut(stage: Stage) -> str:
    return f"killed {stage.sshd.kill_sessions()} processes of the host's side of the connection"


def _kill_worker(stage: Stage) -> str:
    (worker,) = stage.system.processes("worker")
    worker.kill()
    return f"kill -9 {worker.pid}, the only worker"


def _hurt(stage: Stage, code: int, hurt: Callable[[Stage], str]) -> str:
    starts = stage.sshd.home / f"starts-{code}"
    stage.command("run", HOST, "-- ./twelve-lines.sh")
    run = Run(stage, LONG % {"starts": starts, "code": code})
    run.reach("line 4 of 12")
    stage.telling.say(f"   !! {hurt(stage)}")
    before = time.monotonic()
    seen = run.code()
    expect(seen == code, f"exit code {seen}, not {code}")
    expect(run.lines == [f"line {number} of 12" for number in range(1, 13)], f"output {run.lines}")
    times = len(starts.read_text().splitlines())
    expect(times == 1, f"started {times} times")
    return f"exit code {seen}, all 12 lines, started once; it ended {time.monotonic() - before:.1f} s after that"


def cancelled_tree(stage: Stage) -> str:
    """A process tree that ignores TERM and hides in sessions of its own is cancelled"""
    stage.command("submit", HOST, "-- ./tree.sh")
    job = stage.system.succeed(["submit", HOST, "--", TREE]).splitlines()[-1]
    tree = eventually(lambda: _sleepers(stage) if len(_sleepers(stage)) == 4 else [], timeout=20)
    stage.telling.say(f"   {len(tree)} children live, one of them in a session of its own")
    stage.command("cancel", job)
    stage.system.succeed(["cancel", job])
    code = stage.system.run(["wait", job]).returncode
    facts = stage.client.job(job)
    left = [process for process in tree if processes.lives(process)]
    expect(facts["state"] == "cancelled" and code == 130, f"state {facts['state']}, exit code {code}")
    expect(not left, f"{len(left)} processes are left")
    return f"`remora wait` exits with {code}; {facts['message']}; none of its processes is left"


def _sleepers(stage: Stage) -> list[psutil.Process]:
    return [process for process in stage.sshd.left_behind() if _sleeps(process)]


def _sleeps(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[:2] == ["sleep", "300"]
    except psutil.Error:
        return False


STORIES: tuple[Callable[[Stage], str], ...] = (ten_steps, cut_connection, killed_worker, cancelled_tree)


def told(stage: Stage) -> Iterator[bool]:
    """Tell all stories, one after the other, and give whether each ended as it must."""
    for number, story in enumerate(STORIES, 1):
        stage.telling.say(f"\n{number}. {story.__doc__}")
        try:
            stage.telling.say(f"   ✔ {story(stage)}")
        except (Wrong, AssertionError, subprocess.TimeoutExpired) as error:
            stage.telling.say(f"   ✘ {error}")
            yield False
        else:
            yield True
