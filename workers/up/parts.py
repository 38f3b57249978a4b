"""Which parts the system has, with what words and environment they are started, and how each shows that it works."""

import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import redis

from config.home import Home
from config.settings import Settings
from workers.up.child import Part
from workers.up.embedded import EmbeddedRedis

GROUPS = (("beat", "flower", "gateway", "worker"), ("redis",))
"""The order of ending: Redis last, as the others still write to it."""

_LAST_TICK = "remora:beat"
"""Milliseconds of the last tick that a worker has carried out, by the clock of Redis (see remora/records)."""


class Parts:
    """Makes the parts of one installation."""

    def __init__(
        self,
        settings: Settings,
        *,
        program: Path,
        environ: Mapping[str, str],
        ports: Mapping[str, int],
        redis_url: str,
        notify: str,
    ) -> None:
        """Prepare what they have in common.

        Args:
            settings: Of this installation.
            program: Our console script, absolute. Not ``python -m``: a user's config.py could shadow ours.
            environ: Our environment, which they inherit but for what names another server.
            ports: Of gateway and flower.
            redis_url: With its password; handed over in the environment, which only our own user may read.
            notify: Address where they tell that they are ready.
        """
        self._settings = settings
        self._program = program
        self._home = Home(settings.home)
        self._ports = ports
        self.redis_url = redis_url
        kept = {name: value for name, value in environ.items() if name not in {"REMORA_URL", "REMORA_TOKEN"}}
        self._environment = {
            **kept,
            "REMORA_HOME": str(settings.home),
            "REMORA_REDIS_URL": redis_url,
            "REMORA_PORT": str(ports["gateway"]),
            "REMORA_FLOWER_PORT": str(ports["flower"]),
            "NOTIFY_SOCKET": notify,
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def url(self) -> str:
        """The HTTP door, as one reaches it from this machine."""
        return f"http://{_reachable(self._settings.listen)}:{self._ports['gateway']}"

    @property
    def flower_url(self) -> str:
        """Flower's pages."""
        return f"http://127.0.0.1:{self._ports['flower']}"

    def redis(self, server: EmbeddedRedis, argv: tuple[str, ...]) -> Part:
        """The embedded Redis."""
        return Part(
            "redis",
            argv,
            {name: value for name, value in self._environment.items() if not name.startswith("REMORA_")}
            | {"REMORA_HOME": str(self._settings.home)},
            self._log("redis"),
            answers=server.answers,
            progress=server.progress,
        )

    def worker(self) -> Part:
        """A worker; it is ready when it has its lease and takes messages."""
        return Part("worker", self._words("worker"), self._environment, self._log("worker"), grace=6.0)

    def beat(self) -> Part:
        """Beat; it works when a worker has carried out a tick since now."""
        before = self._last_tick()
        return Part(
            "beat",
            self._words("beat"),
            self._environment,
            self._log("beat"),
            answers=lambda: self._last_tick() > before,
        )

    def gateway(self) -> Part:
        """The HTTP door."""
        return Part(
            "gateway",
            self._words("gateway"),
            self._environment,
            self._log("gateway"),
            answers=lambda: _status(f"{self.url}/readyz") == 200,
        )

    def flower(self) -> Part:
        """Flower; it works when it asks who we are."""
        return Part(
            "flower",
            self._words("flower"),
            self._environment,
            self._log("flower"),
            answers=lambda: _status(f"{self.flower_url}/tasks") == 401,
        )

    def _words(self, verb: str) -> tuple[str, ...]:
        return sys.executable, str(self._program), verb

    def _log(self, name: str) -> Path:
        return self._home.logs / f"{name}.log"

    def _last_tick(self) -> int:
        client = redis.Redis.from_url(self.redis_url, socket_timeout=2.0, socket_connect_timeout=2.0)
        try:
            return int(client.get(_LAST_TICK) or 0)
        except redis.RedisError:
            return 0
        finally:
            client.close()


def _reachable(address: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(address, address)


def _status(url: str) -> int:
    """Give the HTTP status of a GET; 0 when nobody answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2.0) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
