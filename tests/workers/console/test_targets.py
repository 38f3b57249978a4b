"""What a user writes to name a machine and a key."""

import getpass
from pathlib import Path

import click
import pytest

from workers.console.targets import Target, key_of, read_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("deploy@web.example.org", Target("deploy", "web.example.org")),
        ("deploy@10.0.0.1:2222", Target("deploy", "10.0.0.1", 2222)),
        ("deploy@[fe80::1%eth0]", Target("deploy", "fe80::1%eth0")),
        ("deploy@[::1]:2222", Target("deploy", "::1", 2222)),
    ],
)
def test_an_account_is_read(text: str, target: Target) -> None:
    assert read_target(text) == target


@pytest.mark.parametrize("text", ["deploy@", "@web", "deploy@::1", "deploy@web:", "deploy@web:ssh", "a@b@c"])
def test_what_is_no_account_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match=r"USER@ADDRESS\[:PORT\]"):
        read_target(text)


def test_an_alias_is_looked_up_in_the_ssh_config(ssh_config: Path) -> None:
    key = ssh_config.parent / "id_web"
    key.touch()
    ssh_config.write_text(
        f"Host web\n HostName 10.0.0.7\n User deploy\n Port 2200\n IdentityFile {key}\n ProxyJump gate\n"
    )
    assert read_target("web") == Target("deploy", "10.0.0.7", 2200, str(key), "gate")


def test_a_name_that_the_ssh_config_does_not_know_is_an_address_for_ourselves(ssh_config: Path) -> None:
    ssh_config.write_text("Host other\n User nobody\n IdentityFile ~/.ssh/none\n")
    assert read_target("web.example.org") == Target(getpass.getuser(), "web.example.org")


def test_a_line_that_cannot_be_honoured_is_refused_by_name(ssh_config: Path) -> None:
    ssh_config.write_text("Host web\n ProxyCommand nc %h %p\n")
    with pytest.raises(click.UsageError, match="ProxyCommand"):
        read_target("web")


def test_a_key_file_is_told_by_its_whole_path_and_never_to_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "id").touch()
    monkeypatch.chdir(tmp_path)
    assert key_of("id", server_here=True) == str(tmp_path / "id")
    assert key_of("./id", server_here=True) == str(tmp_path / "id")
    assert key_of("deploy", server_here=False) == "deploy"
    with pytest.raises(click.UsageError, match="never leaves it"):
        key_of("id", server_here=False)
    with pytest.raises(click.UsageError, match="no key file"):
        key_of("./missing", server_here=True)


@pytest.fixture
def ssh_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path / ".ssh" / "config"
