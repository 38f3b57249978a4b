"""Whether one part of the system lives, asked from beside it: for the health checks of containers and units."""

import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

from redis import Redis

from config.settings import Settings
from remora.errors import RecordsUnavailable
from remora.records.records import Records, Terms
from workers.up.files import read_json

LATE = 3
"""Ticks that may be missing before beat is called dead."""


class Unwell(Exception):
    """The part does not do its work; the message says what was seen."""


def _worker(settings: Settings) -> str:
    """Look for the lease of a worker process of this machine or container, which its lease thread renews."""
    here = [name for name in _records(settings).processes() if name.startswith(f"{socket.gethostname()}-")]
    if not here:
        raise Unwell("no worker of this machine holds a lease")
    return f"lease held by {', '.join(sorted(here))}"


def _beat(settings: Settings) -> str:
    """Look at the last tick that a worker has carried out; without a living worker nothing ticks either."""
    records = _records(settings)
    last = records.last_tick()
    if last is None:
        raise Unwell("beat has never ticked")
    age = max(0.0, records.now() / 1000 - last)
    if age > LATE * settings.tick:
        raise Unwell(f"the last tick was {age:.0f} s ago, not {settings.tick:g} s")
    return f"ticked {age:.1f} s ago"


def _gateway(settings: Settings) -> str:
    return _get(f"http://127.0.0.1:{settings.port or _kept_port(settings, 'gateway')}/readyz")


def _flower(settings: Settings) -> str:
    return _get(f"http://127.0.0.1:{settings.flower_port or _kept_port(settings, 'flower')}/healthcheck")


PARTS: Mapping[str, Callable[[Settings], str]] = {
    "worker": _worker,
    "beat": _beat,
    "gateway": _gateway,
    "flower": _flower,
}
"""Each tells what it saw, or raises ``Unwell``."""


def check(part: str, settings: Settings) -> str:
    """Tell what was seen of a part that lives.

    Raises:
        Unwell: it does not, or Redis cannot be asked about it.
    """
    try:
        return PARTS[part](settings)
    except RecordsUnavailable as error:
        raise Unwell(f"Redis cannot be asked: {error}") from error


def _records(settings: Settings) -> Records:
    # Not the assembly's: that imports Celery and paramiko, which doubles the computing of every check.
    redis = Redis.from_url(settings.redis_url or "", decode_responses=True, socket_timeout=5, socket_connect_timeout=5)
    return Records(redis, Terms(settings.retention, settings.probe, settings.lease))


def _kept_port(settings: Settings, name: str) -> int:
    return int((read_json(settings.home / "ports.json") or {}).get(name, 0))


def _get(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5.0) as answer:
            return f"{url} answers {answer.status}"
    except urllib.error.HTTPError as error:
        raise Unwell(f"{url} answers {error.code}") from error
    except OSError as error:
        raise Unwell(f"{url} does not answer: {getattr(error, 'reason', error)}") from error
