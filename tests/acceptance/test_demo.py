import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support import processes
from tests.support.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
ROOT = Path(__file__).parents[2]


class Demo:
    """The program behind `make demo` under way."""

    def __init__(self, log: Path, **environment: str) -> None:
        self.log = log
        argv = [sys.executable, "-m", "tests.acceptance.demo"]
        self.process = processes.spawn(argv, log=log, environment={**os.environ, **environment}, cwd=ROOT)

    def told(self) -> str:
        return self.log.read_text()

    def home(self) -> str:
        """The state directory, known once the system is up."""
        (found,) = eventually(lambda: re.findall(r"^   state   (\S+)$", self.told(), re.MULTILINE), timeout=60)
        return str(found)

    def left(self, home: str) -> list[psutil.Process]:
        return processes.those(lambda process: process.environ().get("REMORA_HOME") == home)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "told"


def test_it_tells_four_stories_with_true_exit_codes_and_leaves_nothing(log: Path) -> None:
    demo = Demo(log)
    home = demo.home()
    assert demo.process.wait(150) == 0, demo.told()
    assert demo.told().count("✔") == 4
    for words in ("exit code 123", "exit code 7, all 12 lines, started once", "exit code 42, all 12 lines", "with 130"):
        assert words in demo.told()
    assert demo.left(home) == []
    assert not Path(home).exists()


def test_ctrl_c_in_the_middle_cleans_up(log: Path) -> None:
    demo = Demo(log)
    home = demo.home()
    eventually(lambda: "step 2 of 10" in demo.told(), timeout=60)
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(60) == 130
    assert "everything was cleaned up" in demo.told()
    assert demo.left(home) == []
    assert not Path(home).exists()


def test_keep_leaves_it_running_until_ctrl_c(log: Path) -> None:
    demo = Demo(log, KEEP="1")
    home = demo.home()
    eventually(lambda: "Ctrl-C ends it." in demo.told(), timeout=150)
    done = subprocess.run(
        [Path(sys.executable).with_name("remora"), "run", "box", "--", "echo still here"],
        env={**os.environ, "REMORA_HOME": home},
        capture_output=True,
        timeout=60,
    )
    assert done.stdout == b"still here\n"
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(60) == 0
    assert demo.left(home) == []
