import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from workers.up.lock import Held, Lock

HOLD = """
import sys, time
from pathlib import Path
from workers.up.lock import Lock
lock = Lock(Path(sys.argv[1])); lock.acquire(); lock.sign()
print("held", flush=True); time.sleep(60)
"""


def free(file: Path) -> bool:
    try:
        Lock(file).acquire()
    except Held:
        return False
    return True


def test_a_held_lock_tells_its_holder(tmp_path: Path) -> None:
    first = Lock(tmp_path / "lock")
    first.acquire()
    with pytest.raises(Held) as before:
        Lock(tmp_path / "lock").acquire()
    first.sign()
    with pytest.raises(Held) as after:
        Lock(tmp_path / "lock").acquire()
    assert (before.value.pid, after.value.pid) == (0, os.getpid())


def test_it_is_free_after_its_release_and_names_nobody(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    first.acquire()
    first.sign()
    first.release()
    second.acquire()
    assert (tmp_path / "lock").read_text() == ""


def test_it_is_free_when_its_process_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, file], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    ) as one:
        assert one.stdout
        assert one.stdout.readline() == b"held\n"
        with pytest.raises(Held) as held:
            Lock(file).acquire()
        assert held.value.pid == one.pid
        one.kill()
    eventually(lambda: free(file))
