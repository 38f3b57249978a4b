import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.processes import end, spawn
from tests.support.waiting import eventually

SPAWNER = """
import sys, time
from pathlib import Path
from tests.support.processes import spawn
print(spawn(["sleep", "60"], log=Path(sys.argv[1])).pid, flush=True)
time.sleep(60)
"""


def test_what_was_started_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    words = [sys.executable, "-c", SPAWNER, str(tmp_path / "log")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as run:
        assert run.stdout
        started = psutil.Process(int(run.stdout.readline()))
        eventually(lambda: started.name() == "sleep")  # by then the kernel knows with whom it is to end
        run.kill()
    assert not psutil.wait_procs([started], timeout=10)[1]


def test_a_process_is_ended_with_its_descendants(tmp_path: Path) -> None:
    process = spawn(["sh", "-c", "sleep 60 & echo $!; wait"], log=tmp_path / "log")
    child = psutil.Process(int(eventually((tmp_path / "log").read_text)))
    assert end(process) == -15
    assert not psutil.wait_procs([child], timeout=10)[1]


def test_ending_twice_is_harmless(tmp_path: Path) -> None:
    process = spawn(["sh", "-c", "exit 3"], log=tmp_path / "log")
    process.wait(10)
    assert (end(process), end(process)) == (3, 3)
