"""A counter over a real Redis, with a host whose speaker is the test itself."""

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.home import Home
from config.hosts import Host
from remora.blobs import Blobs
from remora.cause import Cause, Kind
from remora.desk import Desk
from remora.hosts import Condition
from remora.logs.segments import Segments, Stream
from remora.records.mapping import cause_text
from remora.records.plan import Change, Grant
from remora.records.records import Records, Terms
from remora.roster import Roster
from remora.state import State

HOST = Host(name="web", address="127.0.0.1", port=2222, user="deploy")


class Silence:
    """A bell that rings nobody, and a post that nobody reads: the test does all the work itself."""

    def ring(self, step: str, subject: str) -> None:
        """Ring nobody."""

    def tell(self, id: UUID, state: str, facts: Mapping[str, object]) -> None:
        """Tell nobody."""


class Stage:
    """The counter, and what a worker would do with its jobs."""

    def __init__(self, url: str, directory: Path) -> None:
        """Stand over that Redis, with ``directory`` as state directory."""
        self.home = Home(directory)
        self.redis = Redis.from_url(
            url, decode_responses=True, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1)
        )
        self.records = Records(self.redis, Terms(retention=600, probe=15, lease=600))
        blobs = Blobs(self.home.blobs, self.home.seal_key())
        self.segments = Segments(blobs)
        self.desk = Desk(
            self.records,
            blobs,
            self.segments,
            roster=Roster(directory / "hosts.json"),
            bell=Silence(),
            post=Silence(),
        )

    def open(self) -> None:
        """Add the host and become its speaker."""
        self.desk.add_host(HOST)
        self.records.renew("test")
        self.examined(Condition.READY)

    @property
    def grant(self) -> Grant:
        """Our right to write about the host."""
        grant = self.records.speak("web", "test")
        assert grant is not None
        return grant

    def examined(self, condition: Condition, **facts: str) -> None:
        """Write down what an examination saw."""
        self.records.settle(self.grant, facts={"condition": condition.value, **facts}, unset=("examine",), contact=True)

    def start(self, *ids: UUID) -> None:
        """Start what is due, and have the host acknowledge these jobs."""
        self.records.plan(self.grant, boot_id="boot", base="/base", starts=64, look_at=())
        changes = [Change(id, self._attempt(id), State.RUNNING, stamps=("started",)) for id in ids]
        assert self.records.settle(self.grant, changes).applied == set(ids)

    def write(self, id: UUID, stream: Stream, data: bytes) -> None:
        """Bring output of a job here."""
        job = self.records.job(id)
        offset = job.out_size if stream == "out" else job.err_size
        self.segments.write(id, job.attempt, stream, offset, data)
        sizes = {"out": job.out_size, "err": job.err_size, stream: offset + len(data)}
        self.records.grow([(id, job.attempt, sizes["out"], sizes["err"])])

    def progress(self, id: UUID, text: str) -> None:
        """Have a job tell its progress."""
        self.records.settle(self.grant, [Change(id, self._attempt(id), None, {"progress": text})])

    def end(self, id: UUID, code: int = 0) -> None:
        """End a job with an exit code."""
        cause = Cause(Kind.EXITED, code)
        fields = {"exit_code": str(code), "cause": cause_text(cause)}
        change = Change(id, self._attempt(id), cause.state(), fields, stamps=("ended",), leaves=True)
        assert self.records.settle(self.grant, [change]).applied

    def retry(self, id: UUID) -> None:
        """End an attempt and have the next one wait."""
        job = self.records.job(id)
        removed = ("out_size", "err_size", "started", "ended", "exit_code", "cause")
        fields = {"attempt": str(job.attempt + 1)}
        change = Change(id, job.attempt, State.ACCEPTED, fields, remove=removed, leaves=True)
        assert self.records.settle(self.grant, [change]).applied

    def close(self) -> None:
        """Let go of Redis."""
        self.redis.close()

    def _attempt(self, id: UUID) -> int:
        return self.records.job(id).attempt
