"""A real Flower over a real Redis, with a gateway that only notes what it is asked."""

import base64
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from config.home import Home
from tests.support import processes
from tests.support.ports import free_port
from tests.support.redis import RedisServer
from tests.support.system import PROGRAM
from tests.support.waiting import eventually


@dataclass
class Door:
    """Stands where the gateway would."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Authorization of each POST."""
    status: int = 200
    answer: bytes = b"{}"

    def handler(self) -> type[BaseHTTPRequestHandler]:
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                door.asked.append((self.path, self.headers.get("Authorization", "")))
                self.send_response(door.status)
                self.send_header("Content-Length", str(len(door.answer)))
                self.end_headers()
                self.wfile.write(door.answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ARG002 -- its signature
                return

        return Handler


class FlowerServer:
    """A running Flower."""

    def __init__(self, url: str, home: Home, redis_url: str, door: Door) -> None:
        self.url = url
        self.home = home
        self.door = door
        self.app = Celery(broker=redis_url, backend=redis_url, set_as_current=False)
        """A plain app on the same broker, to tell things as workers do."""
        self.password = home.flower_password()

    def ask(
        self, path: str, *, method: str = "GET", login: bool = True, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Give status and body of a request."""
        request = urllib.request.Request(self.url + path, method=method, headers=headers or {})
        if login:
            word = base64.b64encode(f"operator:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {word}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def tell(self, kind: str, *, node: str = "worker@here", **fields: Any) -> None:
        """Send one event."""
        with self.app.connection_for_write() as connection:
            self.app.events.Dispatcher(connection, hostname=node, enabled=True).send(kind, **fields)

    def tell_until_seen(self, kind: str, *, uuid: str, **fields: Any) -> None:
        """Send an event again until it has made a row: events sent before Flower listens are gone."""

        def seen() -> bool:
            self.tell(kind, uuid=uuid, **fields)
            return self.ask(f"/api/task/info/{uuid}")[0] == 200

        eventually(seen, timeout=20, interval=0.2)


@pytest.fixture(scope="session")
def _flower(session_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowerServer]:
    tmp_path, door = tmp_path_factory.mktemp("flower"), Door()
    server = HTTPServer(("127.0.0.1", 0), door.handler())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = free_port()
    environment = {
        **os.environ,
        "REMORA_HOME": str(tmp_path / "state"),
        "REMORA_REDIS_URL": session_redis.url,
        "REMORA_FLOWER_PORT": str(port),
        "REMORA_URL": f"http://127.0.0.1:{server.server_port}",
        "REMORA_TOKEN": "rmr_of-the-operator",
    }
    process = processes.spawn([PROGRAM, "flower"], log=tmp_path / "flower.log", environment=environment)
    one = FlowerServer(f"http://127.0.0.1:{port}", Home(tmp_path / "state"), session_redis.url, door)
    try:
        eventually(lambda: _answers(one, process, tmp_path / "flower.log"), timeout=30)
        yield one
    finally:
        processes.end(process)
        server.shutdown()
        server.server_close()


@pytest.fixture
def flower(_flower: FlowerServer) -> FlowerServer:
    """One Flower for all tests, each with its own ids of jobs, and a door that has been asked nothing yet."""
    door = _flower.door
    door.asked.clear()
    door.status, door.answer = 200, b"{}"
    return _flower


def _answers(one: FlowerServer, process: Any, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return one.ask("/healthcheck")[0] == 200
    except OSError:
        return False
