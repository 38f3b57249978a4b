"""The engine without Celery: records in a real Redis, and speakers whose bells are answered by threads."""

import logging
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from cryptography.fernet import Fernet
from redis import Redis

from config.hosts import Host
from remora.blobs import Blobs
from remora.desk import Desk
from remora.errors import RecordsUnavailable, RemoraError
from remora.hosts import Condition
from remora.job import Job, JobRequest
from remora.kit import Kit, Limits
from remora.lease import Lease
from remora.logs.segments import Segments
from remora.records.records import Records, Terms
from remora.roster import Roster
from remora.speaker import Speaker
from remora.ssh.dialer import SshDialer
from remora.ssh.keys import Keyring
from remora.ssh.pool import Pool
from remora.steps.reconcile import tick
from remora.watcher import Watcher
from tests.support.redis import RedisServer
from tests.support.waiting import eventually

log = logging.getLogger(__name__)

THREADS = 4
"""That answer bells."""
TICK = 0.2
"""Seconds."""


class QueueBell:
    """Rings as the real one does, into a queue of this process; counts what was rung."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.rung: queue.SimpleQueue[tuple[str, str, str] | None] = queue.SimpleQueue()
        self.counts: dict[str, int] = {}

    def ring(self, step: str, subject: str) -> None:
        try:
            speaker = self._records.claim_bell(f"{step}:{subject}")
        except RecordsUnavailable:
            return
        if speaker is not None:
            self.counts[step] = self.counts.get(step, 0) + 1
            self.rung.put((step, subject, speaker))


class Told:
    """Keeps what was told of each job."""

    def __init__(self) -> None:
        self.states: dict[UUID, list[str]] = {}

    def tell(self, id: UUID, state: str, facts: Mapping[str, object]) -> None:  # noqa: ARG002 -- the port's words
        self.states.setdefault(id, []).append(state)


class MortalLease(Lease):
    """A lease that can stop being renewed without being given up, as by kill -9."""

    def die(self) -> None:
        self._ended.set()
        self._thread.join(timeout=2.0)


class Engine:
    """Everything but the processes: a desk, a reconciler, and as many speakers as a test wants."""

    def __init__(self, server: RedisServer, directory: Path, *, lease: float = 2.0, probe: float = 15.0) -> None:
        self.server = server
        self.lease = lease
        self.probe = probe
        self.records = self.open_records()
        self.blobs = Blobs(directory, Fernet.generate_key())
        self.segments = Segments(self.blobs)
        self.bell = QueueBell(self.records)
        self.post = Told()
        roster = Roster(directory.with_suffix(".json"))
        self.desk = Desk(self.records, self.blobs, self.segments, roster=roster, bell=self.bell, post=self.post)
        self.speakers: dict[str, Speaker] = {}
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._answer) for _ in range(THREADS)]
        self._threads.append(threading.Thread(target=self._tick))

    def open_records(self, kind: type[Records] = Records) -> Records:
        """Open the records once more, perhaps by a kind of them that makes trouble."""
        redis = Redis.from_url(self.server.url, decode_responses=True)
        return kind(redis, Terms(retention=60.0, probe=self.probe, lease=self.lease))

    def start(self) -> None:
        """Answer bells and tick from now on."""
        for thread in self._threads:
            thread.start()

    def speaker(self, name: str = "one", *, records: Records | None = None, hears: bool = True) -> Speaker:
        """Start a speaker.

        Args:
            name: of its process.
            records: what it reads and writes; the engine's own unless given.
            hears: whether bells are brought to it; the test itself calls its steps otherwise.
        """
        records = records or self.records
        dialer = SshDialer([], Keyring(), find_host=lambda host: records.host(host).host)
        speaker: Speaker

        def tidy() -> None:
            speaker.tidy()

        kit = Kit(
            records=records,
            blobs=self.blobs,
            segments=self.segments,
            pool=Pool(dialer),
            lease=MortalLease(records, name, self.lease, beside=tidy),
            watcher=Watcher(),
            bell=self.bell,
            post=self.post,
            limits=Limits(exchange=10.0, step=20.0, probe=self.probe, idle=300.0, output_cap=1 << 30),
            installation="tests",
        )
        speaker = Speaker(kit)
        speaker.start()
        if hears:
            self.speakers[name] = speaker
        return speaker

    def kill(self, name: str) -> Speaker:
        """Have a speaker fall silent, as by kill -9: nothing is given up and no bell is answered any more."""
        speaker = self.speakers.pop(name)
        assert isinstance(speaker.kit.lease, MortalLease)
        speaker.kit.lease.die()
        return speaker

    def add_host(self, host: Host, *, examined: bool = True) -> None:
        """Register a host; it is ready when this returns, if it is to be examined."""
        self.desk.add_host(host)
        if examined:
            self.until_host(host.name, Condition.READY)

    def until_host(self, name: str, condition: Condition, timeout: float = 10.0) -> None:
        """Wait until a host is in a condition."""
        eventually(lambda: self.desk.host(name).condition is condition, timeout)

    def submit(self, host: str, command: str, **fields: object) -> Job:
        """Accept one job."""
        request = JobRequest.model_validate({"host": host, "command": command, **fields})
        return self.desk.accept([request], identity="anna").jobs[0]

    def run(self, host: str, command: str, **fields: object) -> Job:
        """Run one job to its end."""
        return self.end_of(self.submit(host, command, **fields))

    def end_of(self, job: Job, timeout: float = 60.0) -> Job:
        """Wait until a job is final."""
        return eventually(lambda: (now := self.desk.job(job.id)).state.final and now, timeout)  # type: ignore[return-value]

    def until(self, job: Job, state: str, timeout: float = 10.0) -> Job:
        """Wait until a job is in a state."""
        return eventually(lambda: (now := self.desk.job(job.id)).state.value == state and now, timeout)  # type: ignore[return-value]

    def output(self, job: Job) -> bytes:
        """Give what a job wrote to standard output, as it is stored here."""
        return self.desk.log(job.id, "out", limit=1 << 30)

    def end(self) -> None:
        """Stop everything."""
        self._ended.set()
        for _ in range(THREADS):
            self.bell.rung.put(None)
        for thread in self._threads:
            if thread.ident:
                thread.join(30.0)
        for speaker in self.speakers.values():
            speaker.end()

    def _answer(self) -> None:
        while message := self.bell.rung.get():
            step, host, name = message
            speakers = [self.speakers.get(name)] if name else list(self.speakers.values())
            if speakers and speakers[0] and step != "run":
                try:
                    speakers[0].step(step, host)
                except RemoraError as error:
                    log.info("%s at %s did not finish: %s", step, host, error)

    def _tick(self) -> None:
        while not self._ended.wait(TICK):
            try:
                tick(self.records, self.bell, self.blobs)
            except RemoraError as error:
                log.info("A tick did not finish: %s", error)


@contextmanager
def running(engine: Engine) -> Iterator[Engine]:
    """Run an engine for the time of a test."""
    engine.start()
    try:
        yield engine
    finally:
        engine.end()
