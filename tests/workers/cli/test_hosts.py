"""Hosts from the command line: added after a look at their keys, or not at all."""

import json
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.sshd import Sshd
from tests.support.system import System

pytestmark = pytest.mark.slow


def account(sshd: Sshd) -> str:
    return f"{sshd.user}@127.0.0.1:{sshd.port}"


def names(system: System) -> list[str]:
    return [host["name"] for host in json.loads(system.succeed(["hosts", "ls", "--json"]))["hosts"]]


def test_an_added_host_is_shown_examined_and_can_be_removed(system: System, own_sshd: Sshd) -> None:
    key, fingerprint = own_sshd.client_key.path, own_sshd.host_key.fingerprint
    words: list[str | Path] = [
        "hosts",
        "add",
        "third",
        account(own_sshd),
        "--key",
        key,
        "--fingerprint",
        fingerprint,
        "--max-jobs",
        "3",
    ]
    shown = json.loads(system.succeed([*words, "--label", "team=blue", "--json"]))
    assert (shown["condition"], shown["config"]["max_jobs"], shown["config"]["labels"]) == (
        "ready",
        3,
        {"team": "blue"},
    )
    assert shown["examined"]
    assert account(own_sshd) in system.succeed(["hosts", "show", "third"])
    assert "ready" in system.succeed(["hosts", "check", "third"])
    system.succeed(["hosts", "rm", "third"])
    assert "third" not in names(system)


def test_without_a_terminal_a_missing_fingerprint_is_an_error_that_shows_the_key(
    system: System, own_sshd: Sshd
) -> None:
    done = system.run(["hosts", "add", "unknown", account(own_sshd), "--key", own_sshd.client_key.path])
    assert done.returncode == 1
    assert own_sshd.host_key.fingerprint in done.stderr.decode().splitlines()[-1]
    assert "unknown" not in names(system)


def test_another_fingerprint_than_the_host_s_is_refused_and_nothing_is_added(system: System, own_sshd: Sshd) -> None:
    wrong = "SHA256:" + "A" * 43
    words: list[str | Path] = [
        "hosts",
        "add",
        "liar",
        account(own_sshd),
        "--key",
        own_sshd.client_key.path,
        "--fingerprint",
        wrong,
    ]
    done = system.run(words)
    assert done.returncode == 1
    assert own_sshd.host_key.fingerprint in done.stderr.decode().splitlines()[-1]
    assert "liar" not in names(system)


def test_a_host_that_nobody_reaches_is_not_added_and_the_last_line_is_the_reason(system: System) -> None:
    done = system.run(["hosts", "add", "away", f"deploy@127.0.0.1:{free_port()}", "--key", "/dev/null"])
    assert done.returncode in (1, 2)
    port = free_port()
    done = system.run(["hosts", "add", "away", f"deploy@127.0.0.1:{port}"])
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1]
    assert "away" not in names(system)


def test_an_alias_of_the_ssh_config_is_enough(system: System, own_sshd: Sshd) -> None:
    config = system.directory / ".ssh" / "config"
    config.parent.mkdir(exist_ok=True)
    lines = f"HostName 127.0.0.1\nPort {own_sshd.port}\nUser {own_sshd.user}\nIdentityFile {own_sshd.client_key.path}\n"
    config.write_text(f"Host aliased\n{lines}")
    system.succeed(["hosts", "add", "aliased", "--fingerprint", own_sshd.host_key.fingerprint])
    assert system.succeed(["run", "aliased", "--", "echo here"]) == "here"
    system.succeed(["hosts", "rm", "aliased"])
    config.write_text("Host aliased\nProxyCommand nc %h %p\n")
    refused = system.run(["hosts", "add", "aliased"])
    assert refused.returncode == 2
    assert b"ProxyCommand" in refused.stderr


def test_a_drained_host_keeps_what_comes_until_it_is_resumed(system: System) -> None:
    system.succeed(["hosts", "drain", "crate"])
    id = system.succeed(["submit", "crate", "--", "exit 3"])
    assert "drained" in system.succeed(["status", id])
    assert system.run(["wait", "--timeout", "0.5", id]).returncode == 124
    system.succeed(["hosts", "resume", "crate"])
    assert system.run(["wait", id]).returncode == 3


def test_a_host_with_live_jobs_is_not_forgotten(system: System) -> None:
    id = system.succeed(["submit", "crate", "--", "sleep 300"])
    refused = system.run(["hosts", "rm", "crate"])
    assert refused.returncode == 2
    assert b"not final" in refused.stderr
    system.succeed(["cancel", id])


def test_the_host_that_a_job_names_must_be_known(system: System) -> None:
    done = system.run(["run", "nowhere", "--", "true"])
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"nowhere" in done.stderr


def test_a_key_file_is_told_by_its_whole_path(system: System, own_sshd: Sshd, tmp_path: Path) -> None:
    done = system.run(["hosts", "add", "keyless", account(own_sshd), "--key", tmp_path / "missing"])
    assert done.returncode == 2
    assert b"no key file" in done.stderr
