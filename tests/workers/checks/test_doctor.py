import json
from pathlib import Path
from typing import Any

import pytest

from config.hosts import Host
from config.settings import Settings, load
from remora.hosts import Condition, HostRecord
from tests.conftest import RedisFactory
from tests.support.ports import free_port
from tests.support.redis import RedisServer
from tests.support.system import System
from workers import assembly
from workers.checks.doctor import (
    Finding,
    Level,
    Sources,
    examine,
    look_at_beat,
    look_at_clocks,
    look_at_disk,
    look_at_gateway,
    look_at_host,
    look_at_redis,
    look_at_workers,
)
from workers.checks.redis_check import look


@pytest.fixture
def settings(tmp_path: Path, redis_server: RedisServer) -> Settings:
    return load({"REMORA_HOME": str(tmp_path), "REMORA_REDIS_URL": redis_server.url})


def record(condition: Condition = Condition.READY, **fields: Any) -> HostRecord:
    host = Host(name="web", address="web.example", user="deploy")
    return HostRecord(host, condition, **{"reason": None, **fields})


def worst(findings: list[Finding]) -> Finding:
    return max(findings, key=lambda finding: list(Level).index(finding.level))


def test_a_good_redis_is_named_with_what_matters(settings: Settings, redis_server: RedisServer) -> None:
    (finding,) = look_at_redis(look(redis_server.url), settings)
    assert finding.level is Level.OK
    assert "append-only file synced always, noeviction" in finding.seen


def test_a_redis_that_could_lose_jobs_is_a_fault(settings: Settings, make_redis: RedisFactory) -> None:
    found = look_at_redis(look(make_redis({"appendonly": "no"}).url), settings)
    assert worst(found).level is Level.FAIL
    assert "appendonly yes" in worst(found).advice


@pytest.mark.parametrize(
    ("ours", "level", "words"),
    [(1001.0, Level.OK, "differ"), (1060.0, Level.WARN, "60 s ahead of"), (940.0, Level.WARN, "60 s behind")],
)
def test_clocks_that_differ_are_told(ours: float, level: Level, words: str) -> None:
    finding = look_at_clocks(1000.0, ours)
    assert finding.level is level
    assert words in finding.seen


def test_no_worker_is_a_fault() -> None:
    assert look_at_workers([]).level is Level.FAIL
    assert look_at_workers(["b", "a"]).seen == "2 alive: a, b"


@pytest.mark.parametrize(("last", "level"), [(None, Level.FAIL), (980.0, Level.FAIL), (996.0, Level.OK)])
def test_a_beat_that_is_late_is_a_fault(last: float | None, level: Level) -> None:
    assert look_at_beat(last, 1000.0, 5.0).level is level


def test_a_gateway_that_does_not_answer_is_a_fault() -> None:
    finding = look_at_gateway(f"http://127.0.0.1:{free_port()}")
    assert finding.level is Level.FAIL
    assert "Connection refused" in finding.seen


@pytest.mark.parametrize(
    ("free", "level"), [(50 << 20, Level.FAIL), (500 << 20, Level.WARN), (5 << 30, Level.OK)], ids=["50M", "500M", "5G"]
)
def test_a_full_disk_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, level: Level) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free}))
    assert look_at_disk(settings).level is level


@pytest.mark.parametrize(
    ("host", "level", "words"),
    [
        (record(), Level.OK, "ready"),
        (record(Condition.NEW), Level.WARN, "new"),
        (record(Condition.HOST_KEY, reason="its key has changed"), Level.FAIL, "its key has changed"),
        (record(Condition.REFUSED, reason="key refused"), Level.FAIL, "key refused"),
        (record(Condition.UNFIT, reason="no space"), Level.FAIL, "no space"),
        (record(out_of_contact_since=900.0, reason="no route"), Level.WARN, "out of contact for 100 s: no route"),
        (record(drained=True, waiting=3), Level.WARN, "drained, 3 waiting"),
    ],
    ids=lambda value: value.condition.value if isinstance(value, HostRecord) else str(value),
)
def test_each_condition_of_a_host_is_told(host: HostRecord, level: Level, words: str) -> None:
    finding = look_at_host(host, 1000.0)
    assert finding.level is level
    assert words in finding.seen
    assert bool(finding.advice) is (level is not Level.OK)


def test_nothing_is_said_about_what_stands_on_a_dead_redis(settings: Settings, make_redis: RedisFactory) -> None:
    server = make_redis()
    server.kill()
    sources = Sources(settings, None, lambda: assembly.desk(settings), lambda: look(server.url), lambda: 0.0)
    assert [(one.what, one.level) for one in examine(sources)] == [("disk", Level.OK), ("redis", Level.FAIL)]


def test_a_redis_without_workers_shows_both_faults_at_once(settings: Settings, redis_server: RedisServer) -> None:
    sources = Sources(settings, None, lambda: assembly.desk(settings), lambda: look(redis_server.url), lambda: 0.0)
    failed = {one.what for one in examine(sources) if one.level is Level.FAIL}
    assert failed == {"workers", "beat"}


@pytest.mark.slow
def test_a_healthy_system_passes_and_a_planted_fault_does_not() -> None:
    with System({"REMORA_LEASE": "2", "REMORA_STEP": "1.5", "REMORA_TICK": "1"}) as system:
        healthy = json.loads(system.succeed(["doctor", "--json"]))
        assert {one["what"]: one["level"] for one in healthy} == dict.fromkeys(
            ("disk", "redis", "clocks", "workers", "beat", "gateway"), "ok"
        )
        system.succeed(["down"])
        done = system.run(["doctor"])
        assert done.returncode == 1
        assert b"remora up --detach" in done.stdout
