"""A stage and its door, over the real Redis of the tests."""

from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.door import Door
from tests.gateway.stage import Stage
from tests.support.redis import RedisServer


@pytest.fixture(scope="session")
def session_stage(session_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One counter for all tests."""
    stage = Stage(session_redis.url, tmp_path_factory.mktemp("stage"))
    yield stage
    stage.close()


@pytest.fixture(scope="session")
def session_door(session_stage: Stage, session_redis: RedisServer) -> Iterator[Door]:
    """One door for all tests."""
    door = Door(session_stage.desk, session_redis.url)
    yield door
    door.close()


@pytest.fixture
def stage(session_stage: Stage, redis_server: RedisServer) -> Stage:  # noqa: ARG001  # which empties Redis
    """A counter with one host, ``web``, that is ready, and no jobs."""
    session_stage.open()
    return session_stage


@pytest.fixture
def door(session_door: Door, stage: Stage) -> Door:  # noqa: ARG001  # which must be set first
    """The HTTP door before that counter."""
    return session_door


@pytest.fixture
def http(door: Door) -> httpx.Client:
    """A client of that door."""
    return door.http
