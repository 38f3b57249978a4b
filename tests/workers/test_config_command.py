import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.system import PROGRAM


def config(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "REMORA_HOME": str(home), **environment}
    return subprocess.run([str(PROGRAM), "config", *words], env=given, capture_output=True, text=True, timeout=30)


def test_no_file_is_good(tmp_path: Path) -> None:
    done = config(tmp_path, "check")
    assert done.returncode == 0
    assert "the defaults hold" in done.stdout


def test_a_good_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "remora.toml").write_text('threads = 8\n[hosts.web]\naddress = "web.example"\nuser = "deploy"\n')
    assert config(tmp_path, "check").stdout == f"{tmp_path}/remora.toml: good\n"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("threads = 1\n", "threads", "greater than or equal to 2"),
        ('[hosts.web]\naddress = "web"\nuser = "x"\nbase = "jobs"\n', "hosts.web", "must be an absolute path"),
        ("lease = 10\nstep = 20\n", "step", "must be shorter than lease (10 s)"),
        ("thread = 8\n", "thread", ""),
        ("threads = \n", "", "not TOML"),
    ],
    ids=["range", "host", "relation", "unknown", "syntax"],
)
def test_a_fault_is_told_with_file_key_and_what_to_write(tmp_path: Path, text: str, place: str, words: str) -> None:
    (tmp_path / "remora.toml").write_text(text)
    done = config(tmp_path, "check")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{tmp_path}/remora.toml: {place}")
    assert words in line


def test_a_fault_in_a_variable_names_the_variable(tmp_path: Path) -> None:
    done = config(tmp_path, "check", REMORA_TICK="-1")
    assert done.returncode == 1
    assert done.stderr.startswith("REMORA_TICK: tick: ")


def test_a_variable_that_means_nothing_is_named(tmp_path: Path) -> None:
    done = config(tmp_path, "check", REMORA_THREAD="8")
    assert done.returncode == 1
    assert "REMORA_THREAD: no such setting" in done.stderr


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "remora.toml").write_text("threads = 1\nport = 70000\n")
    assert len(config(tmp_path, "check").stderr.splitlines()) == 2


def test_show_marks_what_was_changed_and_hides_passwords(tmp_path: Path) -> None:
    done = config(tmp_path, "show", REMORA_REDIS_URL="redis://:s3cret@redis.example:6379/0", REMORA_THREADS="8")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["*", "threads", "=", "8"] in lines
    assert ["tick", "=", "5.0"] in lines
    assert "redis://:***@redis.example:6379/0" in done.stdout
    assert "s3cret" not in done.stdout


def test_show_as_json_is_every_setting(tmp_path: Path) -> None:
    told = json.loads(config(tmp_path, "show", "--json").stdout)
    assert told["home"] == str(tmp_path)
    assert told["durability"] == "always"
