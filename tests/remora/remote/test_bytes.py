"""What is given reaches the program byte for byte, and no byte of it is ever run, expanded or shown.

Rows A13, A14 and P26.
"""

import json
import os
import random
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remora.errors import BadRequest
from remora.remote.operations import Order
from remora.remote.orders import ARGUMENT_MOST, UNFAITHFUL, check, interpreter
from tests.remora.remote.far import Far, new_place
from tests.support.waiting import eventually

VALUES = 400
"""Generated values in one job: 10 jobs on each of three shells make 12,000."""

TELL = """
import json, os, sys
names = json.loads(sys.argv[1])
print(json.dumps([[os.fsencode(word).hex() for word in sys.argv[2:]], [os.environb[n.encode()].hex() for n in names]]))
"""
SHELL_TALK = [
    "$(touch {})", "`touch {}`", "'; touch {}; '", '"; touch {}; "', "\n touch {}\n", "| touch {}", "&& touch {}",
    "$((0$(touch {})))", "\\'; touch {} #", "<(touch {})", "() { :; }; touch {}", "%s%n\\000\\c", "~", "*", "-n", "--",
    "[a-z]*", "?", "!!", "\x7f\x01\x81\x88", "é\u0301\u202e\U0001f600", "\r\n", "=", "", " ", "\\", "'", "\udcff\udcfe",
]  # fmt: skip
"""Texts that some shell would take for its own; where one did, there would be a file."""


def _bytes(word: str) -> bytes:
    return word.encode("utf-8", "surrogateescape")


def _tell(far: Far, words: Sequence[str], environment: dict[str, str]) -> None:
    """Have a program on the far side say what it was given, and compare."""
    names = sorted(environment)
    argv = (sys.executable, "-I", "-S", "-c", TELL, json.dumps(names), *words)
    report = far.run(Order(argv=argv, environment=environment))
    assert report.exit
    assert report.exit.code == 0, report.err
    expected = [[_bytes(word).hex() for word in words], [_bytes(environment[name]).hex() for name in names]]
    assert json.loads(report.out or b"") == expected


def _touch(far: Far, names: Sequence[str], directory: Path) -> None:
    """Have files made on the far side, and compare their names."""
    report = far.run(Order(argv=("touch", "--", *names), cwd=str(directory)))
    assert report.exit
    assert report.exit.code == 0, report.err
    assert set(os.listdir(os.fsencode(directory))) == {_bytes(name) for name in names}  # noqa: PTH208  # as bytes


def _file_name(word: str) -> str:
    return "f" + os.fsdecode(_bytes(word).replace(b"/", b"_")[:200])


def _generated(chance: random.Random, canary: str) -> str:
    kind = chance.randrange(3)
    if kind == 0:
        return chance.choice(SHELL_TALK).replace("{}", canary) + chance.choice(SHELL_TALK).replace("{}", canary)
    if kind == 1:
        return os.fsdecode(bytes(chance.randrange(1, 256) for _ in range(chance.randrange(40))))
    return "".join(chr(chance.choice([chance.randrange(1, 128), 0x2028, 0xFFFD, 0x1F4A9])) for _ in range(20))


@pytest.mark.parametrize("seed", range(10))
def test_generated_arguments_environment_and_file_names_arrive_and_nothing_is_run(
    far: Far, tmp_path: Path, seed: int
) -> None:
    """Row P26: over 10,000 generated values, identical bytes, no canary."""
    chance = random.Random(seed)
    canary = tmp_path / "canary"
    values = [_generated(chance, str(canary)) for _ in range(VALUES)]
    _tell(far, values[:250], {f"V{number}": word for number, word in enumerate(values[250:330])})
    directory = tmp_path / "files"
    directory.mkdir()
    _touch(far, list({_file_name(word) for word in values[330:]}), directory)
    assert not canary.exists()


word = st.one_of(
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30),
    st.binary(max_size=30).map(lambda data: os.fsdecode(data.replace(b"\0", b""))),
    st.text("'\"\\$`!*?[]{}()<>|&;# \t\n\r~%=-@\x01\x7f\x81\x88", max_size=12),
)
variable = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True).filter(
    lambda name: name not in UNFAITHFUL and not name.startswith(("REMORA_", "LD_", "GLIBC_", "MALLOC_", "PYTHON"))
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=st.lists(word, max_size=20), environment=st.dictionaries(variable, word, max_size=10))
def test_any_arguments_and_environment_arrive(far: Far, words: list[str], environment: dict[str, str]) -> None:
    """Rows A13 and A14: names of variables are any, values are any."""
    _tell(far, words, environment)


@pytest.mark.parametrize(
    "name",
    ["PATH", "IFS", "ENV", "BASH_ENV", "PS4", "CDPATH", "HOME", "PWD", "POSIXLY_CORRECT", "uptime", "code", "here"],
)
def test_variables_that_mean_something_to_shells_arrive_and_do_nothing(
    any_shell: Far, tmp_path: Path, name: str
) -> None:
    """Row A14: what we run around the job is not led astray by the job's own environment."""
    canary = tmp_path / "canary"
    (tmp_path / "trap").write_text(f"touch {canary}\n")
    for value in (str(tmp_path / "trap"), f"$(touch {canary})", "7"):
        _tell(any_shell, ["argument"], {name: value})
    assert not canary.exists()


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (Order(argv=("echo", "a\0b")), "argv"),
        (Order(command="echo a\0b"), "command"),
        (Order(argv=("echo",), environment={"A": "\0"}), "environment"),
        (Order(argv=("echo",), environment={"A B": "1"}), "environment"),
        (Order(argv=("echo",), environment={"BASH_FUNC_x%%": "() { :; }"}), "environment"),
        (Order(argv=("echo",), environment={"REMORA_MARK": "other"}), "environment"),
        (Order(argv=("echo",), environment={"UID": "0"}), "environment"),
        (Order(argv=("echo", "x" * (ARGUMENT_MOST + 1))), "argv"),
        (Order(argv=("echo", *["x" * 1000] * 2000)), "arguments"),
        (Order(argv=()), "argv"),
        (Order(), "command"),
        (Order(argv=("a",), command="b"), "command"),
        (Order(argv=("a",), user="root -s"), "user"),
        (Order(argv=("a",), user="-u"), "user"),
    ],
)
def test_what_no_host_could_be_given_is_refused_by_name(order: Order, field: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check(order)
    assert refused.value.facts["field"] == field


def test_the_longest_argument_that_can_be_passed_is_passed(near: Far) -> None:
    report = near.run(Order(argv=("/usr/bin/expr", "length", "x" * ARGUMENT_MOST)))
    assert report.out == f"{ARGUMENT_MOST}\n".encode()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (b"#!/bin/sh\n", ["/bin/sh"]),
        (b"#! /usr/bin/env  python3 -u \nprint()", ["/usr/bin/env", "python3 -u"]),
        (b"#!/bin/sh", ["/bin/sh"]),
        (b"#!\n", None),
        (b"echo", None),
        (b"", None),
    ],
)
def test_a_script_names_its_interpreter_as_linux_reads_it(script: bytes, words: list[str] | None) -> None:
    assert interpreter(script) == words


def test_nothing_of_an_order_is_ever_seen_in_a_list_of_processes(far: Far) -> None:
    """What the operator shows in probe 19: secrets stay out of every argument list."""
    secret = "tell-nobody-" + new_place().job
    seen: list[list[str]] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.extend(
                found.info["cmdline"] or [] for found in psutil.process_iter(["cmdline"]) if found.pid != os.getpid()
            )

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        order = Order(command=f"sleep 1 # {secret}", environment={"TOKEN": secret}, stdin=secret.encode())
        place = far.start(order)
        far.sleeping(place, 2)
        assert secret in far.members(place)[0].environ()["TOKEN"]
        far.until(place, lambda report: report.exit)
    finally:
        over.set()
        watcher.join()
    assert any(far.directory(place).name in word for words in seen for word in words)
    assert not [words for words in seen if any(secret in one for one in words)]


def test_the_files_of_a_job_are_its_accounts_alone_and_its_secrets_go_with_its_end(far: Far) -> None:
    place = far.start(Order(command="exit 0", environment={"TOKEN": "s3cret"}))
    far.until(place, lambda report: report.exit)
    directory = far.directory(place)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in directory.iterdir()} == {0}
    eventually(lambda: not [path for path in directory.iterdir() if b"s3cret" in path.read_bytes()])
