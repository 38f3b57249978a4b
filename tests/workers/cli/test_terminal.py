"""The command line on a terminal: what is escaped, what is said, what Ctrl-C asks."""

import re
from pathlib import Path

import pytest

from tests.support.sshd import Sshd
from tests.support.system import System
from tests.workers.cli.terminal import CTRL_C, Terminal

pytestmark = pytest.mark.slow

ASKED = b"[d]etach (the job goes on), [c]ancel it, or Enter to go on watching: "


def job_id(seen: bytes) -> str:
    found = re.search(rb"job ([0-9a-f-]{36})", seen)
    assert found is not None, seen
    return found[1].decode()


def test_what_a_job_writes_steers_no_terminal_unless_asked(system: System) -> None:
    """A61"""
    command = r"printf '\033[31mred\n'; printf '\033]0;title\007\n' >&2"
    with Terminal(system, ["run", "box", "--", command]) as terminal:
        assert terminal.end() == 0
    assert rb"\x1b[31mred" in terminal.seen
    assert rb"\x1b]0;title\x07" in terminal.seen
    assert b"\x1b" not in terminal.seen
    with Terminal(system, ["run", "--raw", "box", "--", command]) as terminal:
        assert terminal.end() == 0
    assert b"\x1b[31mred" in terminal.seen


def test_on_a_terminal_the_job_and_a_bad_end_are_told(system: System) -> None:
    with Terminal(system, ["run", "box", "--", "exit 5"]) as terminal:
        assert terminal.end() == 5
    assert job_id(terminal.seen)
    assert b"remora: box: failed: exited with code 5" in terminal.seen


def test_ctrl_c_and_c_cancel_the_job(system: System) -> None:
    with Terminal(system, ["run", "box", "--", "echo ready; sleep 300"]) as terminal:
        terminal.wait_for(b"ready")
        terminal.type(CTRL_C)
        terminal.wait_for(ASKED)
        terminal.type(b"c\n")
        assert terminal.end() == 130
    assert b"cancelled" in system.succeed(["status", job_id(terminal.seen)]).encode()


def test_ctrl_c_and_d_leave_the_job_running(system: System) -> None:
    with Terminal(system, ["run", "box", "--", "echo ready; sleep 1; exit 6"]) as terminal:
        terminal.wait_for(b"ready")
        terminal.type(CTRL_C)
        terminal.wait_for(ASKED)
        terminal.type(b"d\n")
        assert terminal.end() == 130
    assert b"remora wait" in terminal.seen
    assert system.run(["wait", job_id(terminal.seen)]).returncode == 6


def test_a_second_ctrl_c_leaves_the_job_running(system: System) -> None:
    with Terminal(system, ["run", "box", "--", "echo ready; sleep 1; exit 6"]) as terminal:
        terminal.wait_for(b"ready")
        terminal.type(CTRL_C)
        terminal.wait_for(ASKED)
        terminal.type(CTRL_C)
        assert terminal.end() == 130
    assert system.run(["wait", job_id(terminal.seen)]).returncode == 6


def test_ctrl_c_and_enter_go_on_watching(system: System) -> None:
    with Terminal(system, ["run", "box", "--", "echo ready; sleep 1; echo later; exit 7"]) as terminal:
        terminal.wait_for(b"ready")
        terminal.type(CTRL_C)
        terminal.wait_for(ASKED)
        terminal.type(b"\n")
        assert terminal.end() == 7
    assert b"later" in terminal.seen


def test_a_key_that_nobody_knows_is_shown_and_accepted_by_a_person_only(system: System, own_sshd: Sshd) -> None:
    words: list[str | Path] = [
        "hosts",
        "add",
        "asked",
        f"{own_sshd.user}@127.0.0.1:{own_sshd.port}",
        "--key",
        own_sshd.client_key.path,
    ]
    for answer, code in ((b"n\n", 1), (b"y\n", 0)):
        with Terminal(system, words) as terminal:
            terminal.wait_for(b"Is it the right one? [y/N]: ")
            assert own_sshd.host_key.fingerprint.encode() in terminal.seen
            terminal.type(answer)
            assert terminal.end() == code
    system.succeed(["hosts", "rm", "asked"])


def test_a_listing_has_titles_and_short_ids_that_are_enough(system: System) -> None:
    id = system.succeed(["submit", "box", "--name", "listed", "--", "true"])
    system.succeed(["wait", id])
    with Terminal(system, ["ls", "--name", "listed"]) as terminal:
        assert terminal.end() == 0
    title, row = terminal.seen.decode().splitlines()
    assert title.split()[:3] == ["ID", "HOST", "NAME"]
    assert row.split()[0] == id[:8]
    system.succeed(["status", id[:8]])
