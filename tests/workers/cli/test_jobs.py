"""Jobs from the command line, through a whole running system."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.system import PROGRAM, System
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow


def test_run_gives_the_bytes_of_each_stream_and_the_exit_code(system: System) -> None:
    done = system.run(["run", "box", "--", r"printf 'a\0\377'; printf 'b\n' >&2; exit 7"])
    assert (done.returncode, done.stdout, done.stderr) == (7, b"a\0\xff", b"b\n")


def test_one_word_is_for_the_shell_and_several_are_a_program(system: System) -> None:
    assert system.run(["run", "box", "--", "echo $((1 + 1))  x"]).stdout == b"2 x\n"
    assert system.run(["run", "box", "--", "echo", "$((1 + 1))  x"]).stdout == b"$((1 + 1))  x\n"


def test_options_stand_before_or_after_the_host_and_never_behind_the_dashes(system: System) -> None:
    for words in (["--env", "A=x", "box"], ["box", "--env", "A=x"]):
        assert system.run(["run", *words, "--", 'echo "$A"']).stdout == b"x\n"
    assert system.run(["run", "box", "--", "echo", "--env", "A=x", "--"]).stdout == b"--env A=x --\n"


@pytest.mark.parametrize(
    ("command", "options", "code"),
    [
        ("exit 0", [], 0),
        ("exit 255", [], 255),
        ("kill -15 $$", [], 143),
        ("kill -9 $$", [], 137),
        ("sleep 30", ["--timeout", "0.5"], 124),
        ("sleep 30", ["--idle-timeout", "0.5"], 124),
        ("true", ["--cwd", "/no/such/directory"], 126),
    ],
)
def test_the_exit_code_tells_the_end(system: System, command: str, options: list[str], code: int) -> None:
    assert system.run(["run", "box", *options, "--", command]).returncode == code


def test_where_no_terminal_is_nothing_of_our_own_is_written_unless_asked(system: System) -> None:
    assert system.run(["run", "box", "--", "false"]).stderr == b""
    said = system.run(["run", "--verbose", "box", "--", "exit 5"]).stderr.decode()
    assert re.search(r"remora: box: job [0-9a-f-]{36}\n", said)
    assert said.endswith("remora: box: failed: exited with code 5\n")


def test_a_script_runs_under_its_first_line_with_the_words_behind_the_dashes(system: System, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:])\n")
    done = system.run(["run", "box", "--script", script, "--", "--fast", "a b"])
    assert (done.returncode, done.stdout) == (0, b"['--fast', 'a b']\n"), done.stderr


def test_standard_input_is_empty_a_file_or_ours(system: System, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"file\0")
    assert system.run(["run", "box", "--", "cat"], stdin=b"ignored").stdout == b""
    assert system.run(["run", "box", "--stdin", tmp_path / "in", "--", "cat"]).stdout == b"file\0"
    assert system.run(["run", "box", "--stdin", "-", "--", "cat"], stdin=b"\xffpipe").stdout == b"\xffpipe"


def test_several_hosts_run_at_once_and_each_line_names_its_host(system: System) -> None:
    done = system.run(["run", "box,crate", "--", "echo one; printf two; echo no >&2; exit 4"])
    assert done.returncode == 4
    assert sorted(done.stdout.splitlines()) == [b"box | one", b"box | two", b"crate | one", b"crate | two"]
    assert sorted(done.stderr.splitlines()) == [b"box | no", b"crate | no"]


def test_json_tells_the_whole_end_in_one_document(system: System) -> None:
    done = system.run(["run", "--json", "box", "--", "echo out; echo err >&2; exit 4"])
    job = json.loads(done.stdout)
    assert (done.returncode, job["exit_code"], job["state"]) == (4, 4, "failed")
    assert (job["out"], job["err"]) == ("out\n", "err\n")
    several = json.loads(system.run(["run", "--json", "box,crate", "--", "exit 1"]).stdout)
    assert [job["host"] for job in several["jobs"]] == ["box", "crate"]


def test_submit_prints_the_bare_id_and_wait_exits_as_run_would(system: System) -> None:
    id = system.succeed(["submit", "box", "--name", "nightly", "--label", "team=blue", "--", "echo done; exit 3"])
    assert str(UUID(id)) == id
    assert system.run(["wait", id]).returncode == 3
    assert system.run(["logs", id]).stdout == b"done\n"
    listed = json.loads(system.succeed(["ls", "--json", "--label", "team=blue"]))
    assert [job["id"] for job in listed["jobs"]] == [id]
    assert f"{id}  box  nightly  failed  3" in system.succeed(["ls", "--name", "nightly"])


def test_submit_to_several_hosts_prints_their_ids_in_order(system: System) -> None:
    ids = system.succeed(["submit", "crate,box", "--", "true"]).splitlines()
    told = json.loads(system.succeed(["status", "--json", *ids]))
    assert [job["host"] for job in told["jobs"]] == ["crate", "box"]
    assert system.run(["wait", *ids]).returncode == 0


def test_the_beginning_of_an_id_is_enough_where_it_names_one_job(system: System) -> None:
    id = system.succeed(["submit", "box", "--", "true"])
    assert id in system.succeed(["status", id[:13]])
    assert system.run(["wait", id[:13]]).returncode == 0
    unknown = system.run(["status", "zzzz"])
    assert (unknown.returncode, unknown.stdout) == (2, b"")
    assert b"no job" in unknown.stderr


def test_logs_follow_a_job_to_its_end(system: System) -> None:
    id = system.succeed(["submit", "box", "--", "for n in 1 2 3; do echo $n; echo e$n >&2; sleep 0.3; done"])
    assert system.run(["logs", "-f", id]).stdout == b"1\n2\n3\n"
    assert system.run(["logs", "--follow", "--stderr", id]).stdout == b"e1\ne2\ne3\n"
    assert system.run(["logs", "--stderr", id]).stdout == b"e1\ne2\ne3\n"
    assert json.loads(system.succeed(["logs", "--json", id]))["data"] == "1\n2\n3\n"


def test_cancel_returns_when_the_job_has_ended(system: System) -> None:
    id = system.succeed(["submit", "box", "--", "sleep 300"])
    system.succeed(["cancel", id])
    job = json.loads(system.succeed(["status", "--json", id]))
    assert (job["state"], job["cancel_by"]) == ("cancelled", "operator")
    assert system.run(["wait", id]).returncode == 130
    system.succeed(["cancel", id])


def test_status_tells_a_person_what_is_known(system: System) -> None:
    id = system.succeed(["submit", "box", "--", 'echo "half done" > "$STATUS_FILE"; exit 2'])
    system.run(["wait", id])
    facts = dict(re.split(r"  +", line, maxsplit=1) for line in system.succeed(["status", id]).splitlines())
    assert facts["state"] == "failed"
    assert facts["exit code"] == "2"
    assert facts["end"] == "exited with code 2"
    assert facts["progress"] == "half done"


def test_waiting_no_longer_than_asked_exits_with_124(system: System) -> None:
    id = system.succeed(["submit", "box", "--", "sleep 300"])
    assert system.run(["wait", "--timeout", "0.5", id]).returncode == 124
    system.succeed(["cancel", id])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_where_no_terminal_is_run_leaves_and_the_job_goes_on(
    system: System, number: signal.Signals, code: int
) -> None:
    running = system.start(["run", "--verbose", "box", "--", "echo ready; sleep 1; exit 6"])
    assert running.stdout is not None
    assert running.stdout.readline() == b"ready\n"
    running.send_signal(number)
    _, said = running.communicate(timeout=30)
    assert running.returncode == code
    found = re.search(rb"remora wait ([0-9a-f-]{36})\n", said)
    assert found is not None
    assert system.run(["wait", found[1].decode()]).returncode == 6


def test_when_the_reader_of_its_output_has_gone_run_leaves_quietly(system: System) -> None:
    running = system.start(["run", "box", "--", "while :; do echo x; sleep 0.1; done"])
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.readline()
    running.stdout.close()
    assert running.wait(30) == 141
    assert running.stderr.read() == b""
    running.stderr.close()
    (job,) = json.loads(system.succeed(["ls", "--json", "--state", "running"]))["jobs"]
    system.succeed(["cancel", job["id"]])


def test_a_killed_run_leaves_the_job_alone(system: System) -> None:
    running = system.start(["run", "box", "--name", "orphan", "--", "sleep 1; exit 8"])
    job = eventually(lambda: json.loads(system.succeed(["ls", "--json", "--name", "orphan"]))["jobs"])[0]
    running.kill()
    running.communicate(timeout=30)
    assert system.run(["wait", job["id"]]).returncode == 8


def test_a_wrong_token_is_not_allowed(system: System) -> None:
    url = json.loads((system.home / "run.json").read_text())["url"]
    environment = {**os.environ, "REMORA_URL": url, "REMORA_TOKEN": "wrong"}
    done = subprocess.run([PROGRAM, "ls"], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 77
    assert "no token that is valid here" in done.stderr


def test_a_login_is_checked_and_kept_for_the_commands_that_follow(system: System, tmp_path: Path) -> None:
    url = json.loads((system.home / "run.json").read_text())["url"]
    token = (system.home / "token").read_bytes()
    environment = {**os.environ, "REMORA_HOME": str(tmp_path / "mine")}

    def remora(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([PROGRAM, *words], input=stdin, capture_output=True, env=environment, timeout=60)

    assert remora("login", url, stdin=b"wrong\n").returncode == 77
    assert remora("ls").returncode == 69
    assert remora("login", url, stdin=token).returncode == 0
    assert remora("hosts", "ls").returncode == 0
    assert (tmp_path / "mine" / "login.json").stat().st_mode & 0o777 == 0o600
