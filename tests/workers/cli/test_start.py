"""What needs no server: version, help, completion, usage, and being told that there is none."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.system import PROGRAM
from workers.cli import VERBS

ALL_VERBS = [verb for verbs in VERBS.values() for verb in verbs]


def remora(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "REMORA_HOME": environment.pop("home", "/nonexistent/remora"), **environment}
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, env=given, timeout=60)


def test_the_version_is_told_on_one_line() -> None:
    done = remora("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, "remora 0.1.0\n", "")


def test_a_cold_start_imports_no_verb_and_no_library_of_one() -> None:
    program = (
        "import sys\n"
        "from workers.cli import cli\n"
        "try: cli(['--version'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parents[3]
    )
    loaded = set(done.stdout.split())
    assert "click" in loaded
    assert not {"httpx", "celery", "redis", "fastapi", "paramiko", "pydantic", "cryptography", "rich"} & loaded
    assert not [name for name in loaded if name.startswith("workers.commands.")]


def test_a_cold_start_takes_a_few_times_as_long_as_python_alone() -> None:
    """Under 0.2 seconds where ``python -c pass`` takes 0.02; as a ratio, as machines differ."""
    ours = min(_duration([PROGRAM, "--version"]) for _ in range(5))
    alone = min(_duration([sys.executable, "-c", "pass"]) for _ in range(5))
    assert ours < 20 * alone


def _duration(argv: list[str | Path]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, capture_output=True, check=True)
    return time.perf_counter() - began


def test_help_lists_every_verb_with_what_it_does() -> None:
    shown = remora("--help").stdout
    for verbs in VERBS.values():
        for verb, sentence in verbs.items():
            assert verb in shown
            assert sentence in shown


@pytest.mark.parametrize("verb", ALL_VERBS)
def test_every_listed_verb_teaches_itself(verb: str) -> None:
    done = remora(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: remora {verb}")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run"], "name the host"),
        (["run", "web"], "give a command after --"),
        (["run", "web", "--"], "give a command after --"),
        (["run", "web", "uptime"], "put -- before the command: web -- uptime"),
        (["run", "web", "--timeout", "soon", "--", "true"], "write for example 90, 90s, 15m"),
        (["run", "web", "--env", "A", "--", "true"], "'A' is not NAME=VALUE"),
        (["run", "web", "--script", "/no/such/file"], "/no/such/file"),
        (["run", "web", "--no-such-option", "--", "true"], "--no-such-option"),
        (["hosts", "add", "web", "deploy@::1"], "IPv6"),
        (["logs", "-f", "--json", "x"], "--follow goes with"),
        (["nothing"], "nothing"),
    ],
)
def test_a_wrong_use_exits_with_2_and_says_what_to_write(words: list[str], told: str) -> None:
    done = remora(*words)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("words", [["ls"], ["run", "web", "--", "true"], ["wait", "x"], ["hosts", "ls"]])
def test_without_a_server_one_is_told_how_to_get_one(words: list[str]) -> None:
    done = remora(*words)
    assert done.returncode == 69
    assert done.stderr.splitlines() == [
        "Error: no server: none runs here and REMORA_URL is not set",
        "Run `remora up --detach`; for a server elsewhere, `remora login URL`.",
    ]


def test_a_server_that_does_not_answer_is_told_with_its_address() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = remora("ls", REMORA_URL=url, REMORA_TOKEN="x")
    assert done.returncode == 69
    assert f"No server answers at {url}" in done.stderr


def test_a_note_of_a_server_that_has_died_is_no_server(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    (tmp_path / "run.json").write_text(f'{{"url": "http://127.0.0.1:{free_port()}", "supervisor": {gone.pid}}}')
    done = remora("ls", home=str(tmp_path))
    assert done.returncode == 69
    assert "no server" in done.stderr


def test_a_token_of_one_server_is_not_sent_to_another(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("rmr_secret\n")
    (tmp_path / "run.json").write_text('{"url": "http://127.0.0.1:1"}')
    done = remora("ls", home=str(tmp_path), REMORA_URL="http://127.0.0.1:2")
    assert done.returncode == 77
    assert "no token for http://127.0.0.1:2" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_the_program_to_the_shell(shell: str) -> None:
    done = remora("completion", shell)
    assert done.returncode == 0, done.stderr
    assert "_REMORA_COMPLETE" in done.stdout


def test_completion_in_bash_completes_verbs_and_options() -> None:
    words = {"COMP_WORDS": "remora run --id", "COMP_CWORD": "2", "_REMORA_COMPLETE": "bash_complete"}
    assert remora(**words).stdout == "plain,--idle-timeout\n"
    words = {"COMP_WORDS": "remora sub", "COMP_CWORD": "1", "_REMORA_COMPLETE": "bash_complete"}
    assert remora(**words).stdout == "plain,submit\n"
