"""Fixtures for all tests: a clean environment, a real sshd, a real Redis, throw-away accounts."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.support.redis import RedisServer
from tests.support.sshd import Sshd, new_directory
from tests.support.users import User
from tests.support.users import make_user as new_user

SshdFactory = Callable[..., Sshd]
RedisFactory = Callable[..., RedisServer]
UserFactory = Callable[..., User]

FOREIGN = ("REMORA_", "SSH_", "XDG_", "CELERY_", "FLOWER_")
"""Openings of variables that would carry the developer's own set-up into a test."""
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
"""Loopback must not be looked for behind a proxy."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip by name what needs root."""
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """Run all tests, and the servers they start, without the developer's own settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(FOREIGN) or name.lower() in PROXIES:
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give each test an empty home directory."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """One sshd for all tests that leave it as it was; it must not be stopped or counted on to be quiet."""
    yield from _served(None)


@pytest.fixture
def make_sshd() -> Iterator[SshdFactory]:
    """Start further servers: ``make_sshd({"MaxSessions": 2})``; they end with the test."""
    with ExitStack() as stack:

        def make(options: Mapping[str, object] | None = None) -> Sshd:
            server = Sshd(new_directory(), options)
            server.start()
            stack.callback(server.close)
            return server

        yield make


def _served(options: Mapping[str, object] | None) -> Iterator[Sshd]:
    server = Sshd(new_directory(), options)
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def session_redis() -> Iterator[RedisServer]:
    """One Redis for all tests that leave it running; use ``redis_server`` to find it empty."""
    server = RedisServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
def redis_server(session_redis: RedisServer) -> RedisServer:
    """The one Redis, emptied before the test; it must not be killed: see ``make_redis``."""
    session_redis.flush()
    return session_redis


@pytest.fixture
def make_redis() -> Iterator[RedisFactory]:
    """Start further servers, which a test may kill: ``make_redis({"maxmemory": "20mb"})``; they end with the test."""
    with ExitStack() as stack:

        def make(options: Mapping[str, object] | None = None) -> RedisServer:
            server = RedisServer(options)
            server.start()
            stack.callback(server.close)
            return server

        yield make


@pytest.fixture
def make_user() -> Iterator[UserFactory]:
    """Make accounts: ``make_user("/usr/bin/fish")``; they are removed with the test. Needs the ``root`` marker."""
    with ExitStack() as stack:

        def make(shell: str = "/bin/sh") -> User:
            user = new_user(shell)
            stack.callback(user.remove)
            return user

        yield make
