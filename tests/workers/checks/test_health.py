import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Settings, load
from remora.records.records import Records
from tests.support.ports import free_port
from tests.support.redis import RedisServer
from workers.assembly import open_records
from workers.checks.health import Unwell, check


@pytest.fixture
def settings(tmp_path: Path, redis_server: RedisServer) -> Settings:
    return load({"REMORA_HOME": str(tmp_path), "REMORA_REDIS_URL": redis_server.url})


@pytest.fixture
def records(settings: Settings) -> Records:
    return open_records(settings)


def test_a_worker_is_well_while_a_process_of_this_machine_holds_its_lease(settings: Settings, records: Records) -> None:
    records.renew("elsewhere-1-abc")
    with pytest.raises(Unwell, match="no worker of this machine"):
        check("worker", settings)
    records.renew(f"{socket.gethostname()}-2-def")
    assert "-2-def" in check("worker", settings)
    records.release(f"{socket.gethostname()}-2-def")
    with pytest.raises(Unwell):
        check("worker", settings)


def test_beat_is_well_after_a_tick_and_until_it_is_three_ticks_late(settings: Settings, records: Records) -> None:
    with pytest.raises(Unwell, match="never"):
        check("beat", settings)
    records.tick()
    assert "ticked" in check("beat", settings)
    with pytest.raises(Unwell, match="last tick was"):
        check("beat", settings.model_copy(update={"tick": 1e-6}))


def test_without_redis_nothing_is_well(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}/0"})
    with pytest.raises(Unwell, match="Redis cannot be asked"):
        check("worker", nowhere)


class Door(http.server.BaseHTTPRequestHandler):
    """Ready or not, as the server that holds it says."""

    def do_GET(self) -> None:
        good = self.path in self.server.good  # type: ignore[attr-defined] # given by the fixture
        self.send_response(200 if good else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def door() -> Iterator[http.server.HTTPServer]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("part", "path"), [("gateway", "/readyz"), ("flower", "/healthcheck")])
def test_a_door_is_well_while_it_says_that_it_is_ready(
    settings: Settings, door: http.server.HTTPServer, part: str, path: str
) -> None:
    at = settings.model_copy(update={"port": door.server_port, "flower_port": door.server_port})
    door.good = {path}  # type: ignore[attr-defined] # read by the handler
    assert "answers 200" in check(part, at)
    door.good = set()  # type: ignore[attr-defined] # read by the handler
    with pytest.raises(Unwell, match="answers 503"):
        check(part, at)


def test_a_door_that_nobody_keeps_is_not_well(settings: Settings) -> None:
    with pytest.raises(Unwell, match="does not answer"):
        check("gateway", settings.model_copy(update={"port": free_port()}))
