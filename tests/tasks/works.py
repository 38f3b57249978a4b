"""What the tests here run on: a Redis, a worker with two threads, a beat, and one host that is ready."""

import shutil
import tempfile
from pathlib import Path
from typing import Any, Self, cast
from uuid import UUID

from celery import Celery

from config.settings import load
from remora.errors import NotFound
from remora.hosts import Condition
from remora.job import Job
from remora.state import State
from tests.support.part import Part
from tests.support.redis import RedisServer
from tests.support.sshd import Sshd
from tests.support.waiting import eventually
from workers.assembly import build_app, build_desk, open_records

HOST = "box"
QUICK = {
    "REMORA_LEASE": "4",
    "REMORA_STEP": "3",
    "REMORA_EXCHANGE": "3",
    "REMORA_PROBE": "3",
    "REMORA_TICK": "1",
    "REMORA_VISIBILITY": "8",
}
"""What happens after a fault takes multiples of these."""
PATIENCE = 45.0
"""Seconds for whatever must end after any fault."""


class Works:
    """A small Remora without its HTTP door, all of whose processes a test may kill."""

    def __init__(self, sshd: Sshd, *, broker: RedisServer | None = None) -> None:
        """Start everything; returns when the host is ready.

        Args:
            broker: what carries the messages, if that is not the Redis of the records.
        """
        self.sshd = sshd
        self.redis = RedisServer()
        self.redis.start()
        self.home = Path(tempfile.mkdtemp(prefix="remora-test-works-"))
        self.settings = {**QUICK, "REMORA_HOME": str(self.home), "REMORA_REDIS_URL": self.redis.url}
        broker_url = broker.url if broker else self.redis.url
        self.settings |= {"REMORA_BROKER_URL": broker_url} if broker else {}
        self.worker = Part(["worker", "--threads", "2"], self.settings, ready=" ready.")
        self.beat = self.new_beat()
        self.caller = Celery("caller", broker=broker_url, backend=self.redis.url, set_as_current=False)
        """An app that knows nothing of ours."""
        settings = load(self.settings)
        self._app = build_app(settings)
        self._records = open_records(settings)
        self.desk = build_desk(settings, self._app, self._records, place="gateway")
        """The counter, for looking at records and for what callers of the HTTP door ask."""
        self.desk.add_host(sshd.host(HOST))
        eventually(lambda: self.desk.host(HOST).condition is Condition.READY, timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        app: Any
        for app in (self.caller, self._app):
            app.amqp.producer_pool.force_close_all()
            app.pool.force_close_all()
            app.close()
        self._records._redis.close()  # processes of ours keep theirs until they end
        for part in (self.worker, self.beat, self.redis):
            part.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def new_beat(self) -> Part:
        """Start a further beat."""
        return Part(["beat"], self.settings, ready="beat: Starting")

    def mend(self) -> None:
        """Start again what is down, and let jobs start."""
        for part in (self.worker, self.beat):
            if not part.alive:
                part.start()
        self.desk.drain(HOST, drained=False)

    def state(self, id: str) -> State | None:
        """Give the state of a job; None if there is none."""
        try:
            return self.job(id).state
        except NotFound:
            return None

    def await_state(self, id: str, state: State) -> None:
        """Wait until a job is in a state."""
        eventually(lambda: self.state(id) is state, timeout=PATIENCE)

    def job(self, id: str) -> Job:
        """Give a job; raises NotFound."""
        return self.desk.job(UUID(id))

    def cancel(self, id: str) -> None:
        """Cancel a job, as a caller of the HTTP door does."""
        self.desk.cancel(UUID(id), by="anna")

    def parked(self, id: str) -> bytes | None:
        """Give the parked message of a job."""
        return cast("bytes | None", self.redis.client.get(f"remora:run:{id}"))

    def await_parked(self, id: str) -> bytes:
        """Wait until the message of a job is parked."""
        return eventually(lambda: self.parked(id), timeout=PATIENCE) or b""

    def await_quiet(self) -> None:
        """Wait until every message on the shared queues has been dealt with."""
        eventually(self._quiet, timeout=PATIENCE)

    def _quiet(self) -> bool:
        client = self.redis.client
        return client.exists("celery", "remora", "unacked") == 0

    def lines(self, mark: str) -> list[str]:
        """Give the lines that jobs have written to a file in their home directory."""
        file = self.sshd.home / mark
        return file.read_text().splitlines() if file.exists() else []

    def allow(self, mark: str) -> None:
        """Make a file in their home directory that jobs wait for."""
        (self.sshd.home / mark).touch()
