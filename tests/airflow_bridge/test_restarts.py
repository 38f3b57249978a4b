"""The gateway is killed and started again while a client reads along and waits."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from airflow_bridge.answers import Change, Output
from airflow_bridge.client import RemoraClient
from tests.gateway.processes import DoorProcess
from tests.gateway.stage import Stage
from tests.support.redis import RedisServer


@pytest.fixture
def stage_and_door(redis_server: RedisServer, tmp_path: Path) -> Iterator[tuple[Stage, DoorProcess]]:
    """A stage whose door is a process."""
    stage = Stage(redis_server.url, tmp_path)
    stage.open()
    door = DoorProcess(stage, redis_server.url)
    door.start()
    yield stage, door
    door.kill()
    stage.close()


@pytest.mark.slow
def test_a_killed_gateway_costs_a_follower_no_byte_and_tells_none_twice(
    stage_and_door: tuple[Stage, DoorProcess],
) -> None:
    stage, door = stage_and_door
    chance = random.Random(2)
    out = chance.randbytes(8 << 20)
    with RemoraClient(door.url, door.token, patience=60.0) as client:
        id = UUID(client.submit({"host": "web", "command": "true"})["id"])
        stage.start(id)
        stage.write(id, "out", out[: 4 << 20])
        received = bytearray()
        kills = sorted(chance.sample(range(1, len(out)), 3))
        end = None
        for event in client.events(str(id)):
            if isinstance(event, Change):
                end = event.job
                continue
            assert isinstance(event, Output)
            assert event.offset == len(received)
            received += event.data
            if kills and len(received) >= kills[0]:
                del kills[0]
                door.kill()
                door.start()
            if len(received) == 4 << 20:
                stage.write(id, "out", out[4 << 20 :])
                stage.end(id, 5)
    assert not kills
    assert bytes(received) == out
    assert end is not None
    assert end["exit_code"] == 5


@pytest.mark.slow
def test_a_killed_gateway_does_not_end_a_wait(stage_and_door: tuple[Stage, DoorProcess]) -> None:
    stage, door = stage_and_door
    with RemoraClient(door.url, door.token, patience=60.0) as client:
        id = UUID(client.submit({"host": "web", "command": "true"})["id"])
        stage.start(id)
        ends: list[int | None] = []
        waiter = threading.Thread(target=lambda: ends.append(client.wait(str(id))["exit_code"]))
        waiter.start()
        door.kill()
        stage.end(id, 9)
        door.start()
        waiter.join(60)
    assert ends == [9]
