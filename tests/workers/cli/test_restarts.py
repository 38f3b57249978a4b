"""The gateway is killed in the middle of a run: neither the exit code nor a byte of the output changes."""

import pytest

from tests.support import processes
from tests.support.system import System

pytestmark = pytest.mark.slow


def test_a_run_outlives_two_killed_gateways(system: System) -> None:
    script = "n=0; while [ $n -lt 600 ]; do n=$((n + 1)); echo line $n; [ $((n % 20)) = 0 ] && sleep 0.2; done; exit 9"
    running = system.start(["run", "box", "--", script])
    assert running.stdout is not None
    lines = []
    for line in running.stdout:
        lines.append(line)
        if len(lines) in (50, 300):
            processes.kill(system.processes("gateway"))
    _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (9, b"")
    assert lines == [b"line %d\n" % number for number in range(1, 601)]
