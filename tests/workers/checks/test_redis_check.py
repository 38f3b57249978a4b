from collections.abc import Mapping

import pytest
import redis

from tests.conftest import RedisFactory
from workers.checks.redis_check import Facts, Fault, faults, look


def found(make_redis: RedisFactory, options: Mapping[str, object]) -> list[Fault]:
    return faults(look(make_redis(options).url), "always")


def test_a_good_server_has_no_fault(make_redis: RedisFactory) -> None:
    assert found(make_redis, {}) == []


def test_a_server_without_append_only_file_is_refused(make_redis: RedisFactory) -> None:
    (fault,) = found(make_redis, {"appendonly": "no"})
    assert fault.grave
    assert "append-only file is off" in fault.what
    assert "appendonly yes" in fault.advice


def test_a_server_that_syncs_each_second_is_refused_unless_that_was_chosen(make_redis: RedisFactory) -> None:
    facts = look(make_redis({"appendfsync": "everysec"}).url)
    (fault,) = faults(facts, "always")
    assert fault.grave
    assert 'durability = "everysec"' in fault.advice
    assert faults(facts, "everysec") == []


def test_a_server_that_never_syncs_is_refused_in_any_case(make_redis: RedisFactory) -> None:
    facts = look(make_redis({"appendfsync": "no"}).url)
    assert all(faults(facts, durability)[0].grave for durability in ("always", "everysec"))


def test_a_server_that_may_evict_is_refused(make_redis: RedisFactory) -> None:
    (fault,) = found(make_redis, {"maxmemory-policy": "allkeys-lru"})
    assert fault.grave
    assert "allkeys-lru" in fault.what


def test_a_server_that_takes_no_writes_is_refused(make_redis: RedisFactory) -> None:
    primary, server = make_redis(), make_redis()
    server.client.replicaof("127.0.0.1", str(primary.port))
    fault, *_ = faults(look(server.url), "always")
    assert fault.grave
    assert "read only replica" in fault.what


def test_a_server_whose_configuration_is_hidden_is_only_warned_of(make_redis: RedisFactory) -> None:
    server = make_redis()
    server.client.acl_setuser("tenant", enabled=True, passwords=["+secret"], keys=["*"], commands=["+@all", "-config"])
    (fault,) = faults(look(server.url.replace("//", "//tenant:secret@")), "always")
    assert not fault.grave
    assert "appendfsync" in fault.what


def test_a_server_that_is_nearly_full_is_warned_of(make_redis: RedisFactory) -> None:
    server = make_redis()
    server.client.config_set("maxmemory", server.client.info("memory")["used_memory"] + 200_000)
    (fault,) = faults(look(server.url), "always")
    assert not fault.grave
    assert "of its maxmemory is used" in fault.what


def test_an_old_server_is_refused() -> None:
    (fault,) = faults(Facts({"redis_version": "6.0.16", "aof_enabled": 1}, "always"), "always")
    assert fault.grave
    assert "6.2" in fault.advice


def test_a_server_that_does_not_answer_is_an_error(make_redis: RedisFactory) -> None:
    server = make_redis()
    server.kill()
    with pytest.raises(redis.ConnectionError):
        look(server.url)
