"""An engine over a real Redis, and hosts behind a real sshd."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from config.hosts import Host
from tests.remora.engine import Engine, running
from tests.support.redis import RedisServer
from tests.support.sshd import Sshd

_numbers = count(1)


@pytest.fixture
def engine(redis_server: RedisServer, tmp_path: Path) -> Iterator[Engine]:
    """An engine without a speaker; ``engine.speaker()`` starts one."""
    with running(Engine(redis_server, tmp_path / "blobs")) as engine:
        yield engine


@pytest.fixture
def eager(redis_server: RedisServer, tmp_path: Path) -> Iterator[Engine]:
    """One that asks about all jobs every second."""
    with running(Engine(redis_server, tmp_path / "blobs", probe=1.0)) as engine:
        yield engine


@pytest.fixture
def host(sshd: Sshd) -> Host:
    """A host of the test's own on the shared server: nobody else has its name, and so its base directory."""
    return sshd.host(f"box{next(_numbers)}")
