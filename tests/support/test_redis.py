from tests.conftest import RedisFactory
from tests.support.redis import RedisServer


def test_it_is_durable_and_never_evicts(redis_server: RedisServer) -> None:
    settings = redis_server.client.config_get("append*", "maxmemory-policy")
    assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "always")
    assert settings["maxmemory-policy"] == "noeviction"


def test_what_it_was_told_survives_its_death(make_redis: RedisFactory) -> None:
    server = make_redis()
    server.client.set("told", "before")
    server.restart()
    assert server.client.get("told") == b"before"


def test_options_go_over_its_own(make_redis: RedisFactory) -> None:
    assert make_redis({"appendfsync": "everysec"}).client.config_get("appendfsync") == {"appendfsync": "everysec"}


def test_each_test_finds_it_empty(redis_server: RedisServer) -> None:
    assert redis_server.client.dbsize() == 0
    redis_server.client.set("left", "behind")
    redis_server.flush()
    assert redis_server.client.dbsize() == 0
