"""Aliases of ~/.ssh/config mean here what they mean to ssh, or are refused by name."""

import subprocess
from pathlib import Path

import pytest

from config.ssh_config import Alias, BadSshConfig, resolve

PLAIN = """
# a comment
Host web
    HostName web.example.org
    User=deploy
    Port = 2222
    IdentityFile "~/.ssh/id web"
    IdentityFile ~/.ssh/second

Host db-* !db-old
    HostName %h.internal
    ProxyJump gate
    User root

Host *
    User everybody
    IdentityFile ~/.ssh/fallback
    ServerAliveInterval 30
    AddKeysToAgent yes
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir()
    return tmp_path


def write(home: Path, text: str, name: str = "config") -> Path:
    file = home / ".ssh" / name
    file.write_text(text)
    return file


def test_an_alias_is_resolved(home: Path) -> None:
    file = write(home, PLAIN)
    assert resolve("web", file, home=home) == Alias(
        name="web", address="web.example.org", port=2222, user="deploy", key=f"{home}/.ssh/id web"
    )


def test_patterns_tokens_and_jump_hosts_are_understood(home: Path) -> None:
    file = write(home, PLAIN)
    found = resolve("db-3", file, home=home)
    assert (found.address, found.user, found.jump) == ("db-3.internal", "root", "gate")
    excluded = resolve("db-old", file, home=home)
    assert (excluded.address, excluded.user, excluded.jump) == ("db-old", "everybody", None)


def test_a_name_that_is_not_there_stands_for_itself(home: Path) -> None:
    assert resolve("web", home / "none", home=home) == Alias(name="web", address="web")


@pytest.mark.parametrize("alias", ["web", "db-3", "db-old", "other", "Web"])
def test_ssh_itself_says_the_same(home: Path, alias: str) -> None:
    file = write(home, PLAIN)
    told = subprocess.run(["ssh", "-G", "-F", file, alias], capture_output=True, text=True, check=True).stdout
    options = [line.partition(" ")[::2] for line in told.splitlines()]
    first = dict(reversed(options))
    found = resolve(alias, file, home=home)
    assert found.address.lower() == first["hostname"]
    assert str(found.port) == first["port"]
    assert found.user == first["user"]
    assert found.jump == first.get("proxyjump")
    assert found.key == first["identityfile"].replace("~", str(home))


def test_included_files_count_where_they_are_included(home: Path) -> None:
    (home / ".ssh" / "conf.d").mkdir()
    write(home, "Host web\n HostName first.example.org\n", "conf.d/10-web")
    write(home, "Host web\n HostName second.example.org\n Port 23\n", "conf.d/20-web")
    write(home, "User only-for-db\n", "db")
    file = write(home, "Include conf.d/*\nHost db\n Include ~/.ssh/db\nHost web\n HostName third.example.org\n")
    assert resolve("web", file, home=home) == Alias(name="web", address="first.example.org", port=23)
    assert resolve("db", file, home=home).user == "only-for-db"


def test_a_file_that_includes_itself_is_refused(home: Path) -> None:
    file = write(home, "Include config\n")
    with pytest.raises(BadSshConfig, match="include itself"):
        resolve("web", file, home=home)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ProxyCommand nc %h %p", "ProxyCommand is not honoured here; use ProxyJump"),
        ("StrictHostKeyChecking no", "StrictHostKeyChecking is not honoured here; host keys are always checked"),
        ("UserKnownHostsFile /dev/null", "known_hosts in remora.toml"),
        ("Ciphers 3des-cbc", "Ciphers is not honoured here; remove the line"),
        ("BindAddress 192.0.2.7", "BindAddress"),
        ("SetEnv A=b", "give the variables with the job"),
        ("NoSuchKeyword yes", "NoSuchKeyword"),
        ("Match exec true", "Match is not honoured here"),
        ("Port ssh", "not a port"),
        ("HostName %x", "%x"),
        ("ProxyJump somebody@gate:2222", "a Host entry of its own"),
        ("ProxyJump a,b", "a Host entry of its own"),
        ('IdentityFile "open', "config:2"),
        ("User", "User needs a value"),
    ],
)
def test_what_would_connect_otherwise_is_refused_by_name(home: Path, line: str, words: str) -> None:
    file = write(home, f"Host web\n {line}\n")
    with pytest.raises(BadSshConfig, match=words):
        resolve("web", file, home=home)


def test_lines_for_other_hosts_are_nobodys_business(home: Path) -> None:
    file = write(home, "Host other\n ProxyCommand nc %h %p\nHost web\n Port 24\nMatch all\n LogLevel ERROR\n")
    assert resolve("web", file, home=home).port == 24


@pytest.mark.parametrize(
    "line", ["ProxyCommand none", "ProxyJump none", "StrictHostKeyChecking yes", "IdentityFile none"]
)
def test_lines_that_say_what_is_so_anyway_are_harmless(home: Path, line: str) -> None:
    file = write(home, f"Host web\n {line}\n")
    assert resolve("web", file, home=home) == Alias(name="web", address="web")
