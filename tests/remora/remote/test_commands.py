"""What a job says and how it ends arrives as it was, whatever it is made of."""

import os

import pytest

from remora.remote.operations import Order, Phase, Probe
from tests.remora.remote.far import Far, within

ANY = object()

EXACT = {
    "exit 0": (Order(command="exit 0"), 0, b"", b""),
    "exit 3, which is no end of our bookkeeping": (Order(command="exit 3"), 3, b"", b""),
    "exit 255": (Order(command="exit 255"), 255, b"", b""),
    "exit in the middle": (Order(command="echo before\nexit 7\necho after"), 7, b"before\n", b""),
    "set -e": (Order(command="set -e\nfalse\necho after"), 1, b"", b""),
    "here-document at the end": (Order(command="cat <<EOF\nhello\nEOF"), 0, b"hello\n", b""),
    "many lines": (Order(command="echo first\necho second\necho third"), 0, b"first\nsecond\nthird\n", b""),
    "two commands in a line": (Order(command="echo a; echo b"), 0, b"a\nb\n", b""),
    "trailing comment": (Order(command="echo hi # comment"), 0, b"hi\n", b""),
    "blank last line of an indented text": (Order(command="\n    echo x\n    false\n    "), 1, b"x\n", b""),
    "no newline at the end": (Order(command="printf tail"), 0, b"tail", b""),
    "both streams": (Order(command="echo out; echo err >&2"), 0, b"out\n", b"err\n"),
    "every sort of quote": (
        Order(command="printf '%s|' 'a \"b\"' \"c'd\" \"$((1 + 2))\" '$HOME' 'x\\y' \"ü€😀\""),
        0,
        'a "b"|c\'d|3|$HOME|x\\y|ü€😀|'.encode(),
        b"",
    ),
    "arguments of a command": (
        Order(command='printf "%s|" "$@"', arguments=("a b", "", "$x")),
        0,
        b"a b||$x|",
        b"",
    ),
    "argv without a shell": (
        Order(argv=("printf", "%s|", "a b", "*", "$HOME", "`id`", "\n", "-n", "a=b")),
        0,
        b"a b|*|$HOME|`id`|\n|-n|a=b|",
        b"",
    ),
    "program whose name looks like an assignment": (Order(argv=("a=b",)), 127, b"", ANY),
    "program whose name looks like an option": (Order(argv=("-x",)), 127, b"", ANY),
    "no such program": (Order(argv=("/no/such/program",)), 127, b"", ANY),
    "no such command": (Order(command="no-such-command"), 127, b"", ANY),
    "standard input that was given": (Order(command="cat; echo done", stdin=b"one\ntwo"), 0, b"one\ntwodone\n", b""),
    "standard input with every byte": (
        Order(argv=("cat",), stdin=bytes(range(256)) * 3),
        0,
        bytes(range(256)) * 3,
        b"",
    ),
    "standard input that was not given": (Order(command="cat; echo done"), 0, b"done\n", b""),
    "script under its own line": (
        Order(script=b"#!/bin/cat\nthe script reads itself\n"),
        0,
        b"#!/bin/cat\nthe script reads itself\n",
        b"",
    ),
    "script with an option on its line": (Order(script=b"#!/bin/sh -e\nfalse\necho after\n"), 1, b"", b""),
    "script through env": (Order(script=b"#!/usr/bin/env sh\necho $1 $#\n", arguments=("a", "b")), 0, b"a 2\n", b""),
    "script without a line of its own": (Order(script=b"echo $#; exit 4", arguments=("a b",)), 4, b"1\n", b""),
    "script whose interpreter is missing": (Order(script=b"#!/no/such/interpreter\n"), 127, b"", ANY),
    "environment with quotes and newlines": (
        Order(command='printf "%s" "$A$B"', environment={"A": 'it\'s "q"\n', "B": "$HOME\\`id`\n\n"}),
        0,
        b'it\'s "q"\n$HOME\\`id`\n\n',
        b"",
    ),
    "a PATH without anything": (Order(argv=("/bin/echo", "hi"), environment={"PATH": "/none"}), 0, b"hi\n", b""),
    "an IFS of its own": (Order(argv=("/bin/echo", "a b:c"), environment={"IFS": ": "}), 0, b"a b:c\n", b""),
    "working directory": (Order(command="pwd", cwd="/usr"), 0, b"/usr\n", b""),
    "a shell of its own": (Order(command="echo ${BASH_VERSION:+bash}", shell="/bin/bash"), 0, b"bash\n", b""),
}


@pytest.mark.parametrize("case", EXACT)
def test_code_and_output_arrive_as_they_were(any_shell: Far, case: str) -> None:
    order, code, out, err = EXACT[case]
    report = any_shell.run(order)
    assert (report.exit and report.exit.code, report.out) == (code, out)
    assert report.err if err is ANY else report.err == err
    assert report.exit
    assert report.exit.never_started is None


def test_a_syntax_error_ends_the_job_and_is_told_on_standard_error(any_shell: Far) -> None:
    report = any_shell.run(Order(command="echo 'never closed"))
    assert report.exit
    assert report.exit.code in (1, 2, 3)
    assert report.err


def test_the_job_has_the_umask_of_the_account_and_not_ours(any_shell: Far) -> None:
    before = any_shell.run(Order(command="umask; ulimit -n"))
    assert before.out
    assert int(before.out.split()[0], 8) == _own_umask()


def _own_umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def test_a_missing_directory_keeps_the_program_from_running(any_shell: Far) -> None:
    report = any_shell.run(Order(command="echo ran", cwd="/no/such/place"))
    assert report.exit
    assert (report.exit.code, report.exit.never_started, report.out) == (126, "cwd", b"")


def test_the_job_starts_at_home_and_knows_its_own_files(any_shell: Far) -> None:
    place = any_shell.start(Order(command='pwd; echo "$REMORA_JOB_ID"; cat "$PID_FILE"; echo $$; echo "$LOG_FILE"'))
    report = any_shell.until_phase(place, Phase.ENDED)
    home, job, pid, own, log = (report.out or b"").decode().splitlines()
    assert (home, job, pid, log) == (
        str(any_shell.base.parents[2]),
        place.job,
        own,
        str(any_shell.directory(place) / "out"),
    )
    assert report.pid == int(pid)


@pytest.mark.parametrize("line", ["half way", "50%", '{"progress": 0.4, "message": "…"}'])
def test_progress_is_the_first_line_of_the_status_file(any_shell: Far, line: str) -> None:
    report = any_shell.run(Order(command='printf "%s\\nmore\\n" "$1" > "$STATUS_FILE"', arguments=(line,)))
    assert report.progress == line


def test_progress_of_a_job_that_writes_too_much_is_cut(near: Far) -> None:
    report = near.run(Order(command='head -c 5000000 /dev/zero | tr "\\0" x > "$STATUS_FILE"'))
    assert report.progress == "x" * 300


def test_a_status_file_cannot_speak_for_another_job(near: Far) -> None:
    """Row A9: what a job forges affects itself only."""
    other = near.start(Order(command="exec sleep 30"))
    near.until_phase(other, Phase.RUNNING)
    forged = f"\n==> {other.job}.1/exit <==\nverdict 0 exit - 0 0 0 1.00 -\n"
    forger = near.start(Order(command='printf "%s" "$1" > "$STATUS_FILE"; exec sleep 30', arguments=(forged,)))
    near.until(forger, lambda _: (near.directory(forger) / "status").exists())
    from_both = near.ask(*(Probe(place) for place in (forger, other)))
    assert [report.phase for report in from_both] == [Phase.RUNNING, Phase.RUNNING]


def test_a_command_of_a_million_bytes_arrives(any_shell: Far) -> None:
    report = any_shell.run(Order(command=": '" + "x" * 1_000_000 + "'\necho done"))
    assert (report.exit and report.exit.code, report.out) == (0, b"done\n")


def test_a_large_standard_input_arrives(any_shell: Far) -> None:
    data = bytes(range(256)) * 8192
    report = any_shell.run(Order(command="wc -c; cksum", stdin=data))
    assert report.out
    assert report.out.split()[0] == str(len(data)).encode()


@pytest.mark.parametrize(("number", "name"), [(9, "KILL"), (15, "TERM"), (6, "ABRT")])
def test_a_signal_is_told_apart_from_an_exit_with_the_same_code(any_shell: Far, number: int, name: str) -> None:
    by_signal, by_exit = any_shell.run_all(
        [Order(command=f"ulimit -c 0; kill -{name} $$"), Order(command=f"exit {128 + number}")]
    )
    assert by_signal.exit
    assert by_exit.exit
    assert by_signal.exit.code == by_exit.exit.code == 128 + number
    assert by_signal.exit.signal == number
    assert by_exit.exit.signal is None


def test_where_the_shell_does_not_tell_the_exit_is_said_to_be_ambiguous(any_shell: Far) -> None:
    by_exit = any_shell.run(Order(command="exit 130"))
    assert by_exit.exit
    assert (by_exit.exit.code, by_exit.exit.signal, by_exit.exit.ambiguous) == (130, None, True)


def test_a_job_can_be_interrupted(any_shell: Far) -> None:
    if not any_shell.session.examine(within()).default_signals:
        pytest.skip("this host cannot give a background job SIGINT back")
    report = any_shell.run(Order(command="kill -INT $$; echo still here"))
    assert (report.exit and report.exit.code, report.out) == (130, b"")
