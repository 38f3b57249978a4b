"""What the shell offers while the server runs, and that it offers nothing, at once, where none does."""

import subprocess

import pytest

from tests.support.system import PROGRAM, System

pytestmark = pytest.mark.slow


def offered(system: System, line: str) -> list[str]:
    words = line.split(" ")
    request = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_REMORA_COMPLETE": "bash_complete"}
    done = subprocess.run([PROGRAM], capture_output=True, text=True, env={**system.environment, **request}, timeout=60)
    return [row.partition(",")[2] for row in done.stdout.splitlines() if row]


def test_hosts_are_offered_and_further_ones_behind_a_comma(system: System) -> None:
    system.succeed(["hosts", "ls"])  # the gateway answers
    assert offered(system, "remora run ") == ["box", "crate"]
    assert offered(system, "remora run box,c") == ["box,crate"]
    assert offered(system, "remora hosts check cr") == ["crate"]


def test_the_newest_jobs_are_offered(system: System) -> None:
    id = system.succeed(["submit", "box", "--", "true"])
    assert offered(system, f"remora wait {id[:6]}") == [id]
    assert id in offered(system, "remora logs ")


def test_where_no_server_is_nothing_is_offered() -> None:
    nowhere = System({"REMORA_HOME": "/nonexistent"})
    assert offered(nowhere, "remora run b") == []
