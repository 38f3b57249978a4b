"""Brings the output of followed jobs ten times a second, one read for all of them at a host."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from remora.errors import ChannelRefused, RecordsUnavailable, RemoraError
from remora.logs.segments import Segments, Stream
from remora.records.records import Records
from remora.remote.operations import Place
from remora.remote.session import Session
from remora.state import State

log = logging.getLogger(__name__)

PAUSE = 0.1
"""Seconds between two reads."""
TURN = 1.0
"""Seconds between two looks at who is followed, and before going on after Redis did not answer."""
PIECE = 256 * 1024
"""Most bytes of one stream in one read: what a slow link must carry before the next can be asked for."""
STREAMS: tuple[Stream, Stream] = ("out", "err")


@dataclass
class Tail:
    """How far one running job has been read."""

    id: UUID
    attempt: int
    sizes: dict[Stream, int]


class Follower:
    """Reads along at one host, in a thread of its own that lives while somebody follows."""

    def __init__(
        self,
        host: str,
        records: Records,
        segments: Segments,
        *,
        session: Callable[[], Session | None],
        broken: Callable[[Session], None],
        told: Callable[[set[str]], None],
    ) -> None:
        """Prepare.

        Args:
            session: gives the open session, if there is one.
            broken: called with a session that is of no more use.
            told: called once a second with the followed attempts (``JOB.ATTEMPT``), whose progress is wanted too.
        """
        self._host = host
        self._records = records
        self._segments = segments
        self._session = session
        self._broken = broken
        self._told = told
        self._lock = threading.Lock()
        self._running = False
        self._woken = False

    def wake(self) -> None:
        """Read along if somebody follows and nobody reads yet."""
        with self._lock:
            self._woken = True
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name=f"follow {self._host}", daemon=True).start()

    def _run(self) -> None:
        tails: dict[UUID, Tail] = {}
        while self._wanted(tails):
            try:
                tails = self._refresh(tails)
                until = time.monotonic() + TURN
                while tails and time.monotonic() < until:
                    self._read(list(tails.values()))
                    time.sleep(PAUSE)
            except (RecordsUnavailable, ChannelRefused) as error:
                log.info("Reading along at %s pauses: %s", self._host, error, extra={"action": "follow"})
                self._woken = True
                time.sleep(TURN)
            except RemoraError as error:
                log.info("Reading along at %s stops: %s", self._host, error, extra={"action": "follow"})
                tails = {}
            except Exception:
                # Without this nobody could read along at this host again.
                log.exception("Reading along at %s failed.", self._host, extra={"action": "follow"})
                tails = {}

    def _wanted(self, tails: dict[UUID, Tail]) -> bool:
        """Decide under the lock whether the thread ends, so that a call to wake it is never missed."""
        with self._lock:
            self._running = self._woken or bool(tails)
            self._woken = False
            return self._running

    def _refresh(self, tails: dict[UUID, Tail]) -> dict[UUID, Tail]:
        """Look once a second who is followed and running; nobody ends the thread."""
        jobs = self._records.read(self._records.followed(self._host))
        running = [job for job in jobs if job.state in (State.STARTING, State.RUNNING)]
        if running:
            self._told({f"{job.id}.{job.attempt}" for job in running})
        fresh = {}
        for job in running:
            known = tails.get(job.id)
            same = known is not None and known.attempt == job.attempt
            fresh[job.id] = (
                known if known and same else Tail(job.id, job.attempt, {"out": job.out_size, "err": job.err_size})
            )
        return fresh

    def _read(self, tails: Sequence[Tail]) -> None:
        session = self._session()
        if session is None:
            return
        wanted = [
            (Place(str(tail.id), tail.attempt), stream, tail.sizes[stream], PIECE)
            for tail in tails
            for stream in STREAMS
        ]
        pieces = iter(self._read_from(session, wanted))
        grown = [tail for tail in tails if self._store(tail, [next(pieces) for _ in STREAMS])]
        if grown:
            self._records.grow([(tail.id, tail.attempt, tail.sizes["out"], tail.sizes["err"]) for tail in grown])

    def _read_from(self, session: Session, wanted: Sequence[tuple[Place, str, int, int]]) -> list[bytes]:
        try:
            return session.read_many(wanted, time.monotonic() + 10.0)
        except ChannelRefused:
            raise
        except RemoraError:
            self._broken(session)
            raise

    def _store(self, tail: Tail, pieces: Sequence[bytes]) -> bool:
        for stream, piece in zip(STREAMS, pieces, strict=True):
            tail.sizes[stream] = self._segments.write(tail.id, tail.attempt, stream, tail.sizes[stream], piece)
        return any(pieces)
