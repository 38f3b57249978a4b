"""Bells are best effort: whoever rings one goes on, whatever becomes of the message."""

from pathlib import Path

from celery import Celery

from config.settings import load
from remora.records.records import Records
from tasks.bell import CeleryBell
from tests.conftest import RedisFactory
from tests.support.redis import RedisServer
from workers.assembly import open_records


def records_in(server: RedisServer, home: Path) -> Records:
    return open_records(load({"REMORA_HOME": str(home), "REMORA_REDIS_URL": server.url, "REMORA_LEASE": "21"}))


def messages(server: RedisServer) -> int:
    return int(server.client.llen("remora"))


def test_a_bell_is_rung_once_until_it_is_answered(redis_server: RedisServer, tmp_path: Path) -> None:
    records = records_in(redis_server, tmp_path)
    bell = CeleryBell(Celery(broker=redis_server.url, set_as_current=False), records)
    for _ in range(3):
        bell.ring("submit", "web")
    assert messages(redis_server) == 1
    records.answer_bell("submit:web")
    bell.ring("submit", "web")
    assert messages(redis_server) == 2


def test_ringing_does_not_fail_for_a_broker_that_is_away(
    make_redis: RedisFactory, redis_server: RedisServer, tmp_path: Path
) -> None:
    broker = make_redis()
    bell = CeleryBell(Celery(broker=broker.url, set_as_current=False), records_in(redis_server, tmp_path))
    bell.ring("submit", "web")
    assert messages(broker) == 1
    broker.kill()
    bell.ring("poll", "web")
    broker.start()
    bell.ring("poll", "web")
    assert messages(broker) == 2


def test_ringing_does_not_fail_for_records_that_are_away(make_redis: RedisFactory, tmp_path: Path) -> None:
    server = make_redis()
    bell = CeleryBell(Celery(broker=server.url, set_as_current=False), records_in(server, tmp_path))
    server.kill()
    bell.ring("submit", "web")
    server.start()
    bell.ring("submit", "web")
    assert messages(server) == 1
