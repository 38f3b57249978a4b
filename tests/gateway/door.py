"""The HTTP door, served by a real uvicorn: in a thread of the tests."""

import threading

import httpx
import uvicorn

from gateway.app import create_app
from gateway.identities import Identities
from remora.desk import Desk
from tests.support.ports import free_port
from tests.support.waiting import eventually

TOKEN = "rmr_of-a-test"
IDENTITIES = Identities.of({"anna": TOKEN, "berta": "rmr_of-another"})


class Door:
    """One door on a free loopback port."""

    def __init__(self, desk: Desk, redis_url: str, *, port: int | None = None) -> None:
        """Open it; it answers when this returns."""
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        app = create_app(desk, identities=IDENTITIES, changes_url=redis_url)
        self._server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=self.port, log_config=None, timeout_graceful_shutdown=1)
        )
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        eventually(lambda: self._server.started)
        self.http = self.client()

    def client(self, token: str = TOKEN) -> httpx.Client:
        """Give a plain HTTP client with a token."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def close(self) -> None:
        """End it, with whoever still waits."""
        self.http.close()
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()
