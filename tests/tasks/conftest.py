"""One Redis, one worker and one beat for all tests here; pytest-celery's fixtures stand over the same processes."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery
from celery.result import AsyncResult
from pytest_celery import CeleryBackendCluster, CeleryBrokerCluster, RedisTestBackend, RedisTestBroker

from tests.support.local_container import LocalRedis, LocalWorker
from tests.support.sshd import Sshd, new_directory
from tests.tasks.works import HOST, Works

Send = Callable[..., "AsyncResult[Any]"]

_numbers = itertools.count()


@pytest.fixture(scope="session")
def all_works() -> Iterator[Works]:
    sshd = Sshd(new_directory())
    sshd.start()
    with Works(sshd) as works:
        yield works
        # Results that are still referred to would look for their Redis for minutes when they are dropped.
        RedisTestBackend(LocalRedis(works.redis), works.caller).teardown()
    sshd.close()


@pytest.fixture
def works(all_works: Works) -> Works:
    """All that runs; a test may kill any of it, and finds it whole."""
    all_works.mend()
    return all_works


@pytest.fixture
def caller(works: Works) -> Celery:
    """A plain Celery app on the same broker."""
    return works.caller


@pytest.fixture
def send(caller: Celery) -> Send:
    """Send ``remora.run`` for the one host: ``send("exit 3", check=False)``; ``options`` are those of ``send_task``."""

    def send(command: str, *, options: dict[str, Any] | None = None, **fields: Any) -> "AsyncResult[Any]":
        kwargs = {"host": HOST, "command": command, **fields}
        return caller.send_task("remora.run", kwargs=kwargs, **(options or {}))

    return send


@pytest.fixture
def mark() -> str:
    """Name of a file of the test's own, for its jobs to write to."""
    return f"mark-{next(_numbers)}"


@pytest.fixture
def default_redis_broker(works: Works) -> LocalRedis:
    """In place of pytest-celery's container."""
    return LocalRedis(works.redis)


@pytest.fixture
def default_redis_backend(default_redis_broker: LocalRedis) -> LocalRedis:
    """One server for both, as with us."""
    return default_redis_broker


@pytest.fixture
def celery_broker_cluster(celery_redis_broker: RedisTestBroker) -> CeleryBrokerCluster:
    """Redis alone, of all brokers."""
    return CeleryBrokerCluster(celery_redis_broker)


@pytest.fixture
def celery_backend_cluster(celery_redis_backend: RedisTestBackend) -> CeleryBackendCluster:
    """Redis alone, of all backends."""
    return CeleryBackendCluster(celery_redis_backend)


@pytest.fixture
def default_worker_container(works: Works) -> LocalWorker:
    """In place of pytest-celery's container: the worker that users run."""
    return LocalWorker(works.worker)
