"""What is due at a host, and what an exchange with it changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from remora.cause import Cause
from remora.job import Attempt
from remora.records.mapping import attempts_from, cause_from
from remora.remote.operations import Place
from remora.state import State


@dataclass(frozen=True)
class Grant:
    """Who speaks with a host. Writes need both to be the current ones."""

    host: str
    process: str
    epoch: str


@dataclass(frozen=True)
class Due:
    """A job to be looked at, as recorded when the plan was made."""

    id: UUID
    state: State
    attempt: int
    out_size: int
    err_size: int
    boot_id: str | None
    """The host's boot id when the start was about to be sent."""
    base: str | None
    """The base directory at that moment."""
    retries: int
    attempts: tuple[Attempt, ...]
    success_codes: frozenset[int]
    skip_codes: frozenset[int]
    cancel_by: str | None
    grace: float
    name: str
    started: float | None
    """Seconds since the epoch; None until the start was acknowledged."""
    ended: float | None
    """Seconds since the epoch; when its end was learnt."""
    progress: str | None
    payload: str
    """Which of the payloads under this id it runs."""
    out_host: int
    """Bytes of standard output on the host when it had ended."""
    err_host: int
    identity: str
    """Who asked for it."""
    cause: Cause | None
    """Why it ended; recorded while its output is still being fetched."""

    @property
    def place(self) -> Place:
        """Where this attempt lies on the host."""
        return Place(str(self.id), self.attempt)


@dataclass(frozen=True)
class Plan:
    """All that is due at a host."""

    starts: tuple[Due, ...] = ()
    """Jobs that became ``starting`` with this plan."""
    live: tuple[Due, ...] = ()
    """Other jobs to be asked about; a ``starting`` one among them may have been sent already."""
    cancels: tuple[Due, ...] = ()
    forgets: tuple[Place, ...] = ()
    ended: tuple[Due, ...] = ()
    """Jobs whose output is still to be fetched, oldest end first, 64 at most."""
    followed: bool = False
    """Somebody reads along."""


@dataclass(frozen=True)
class Change:
    """What an exchange says about one job."""

    id: UUID
    attempt: int
    to: State | None = None
    """None changes only the fields."""
    fields: Mapping[str, str] = field(default_factory=dict)
    stamps: tuple[str, ...] = ()
    """Fields that take the time of Redis at the write, ms."""
    remove: tuple[str, ...] = ()
    leaves: bool = False
    """This attempt is over: its directory may go when the record does."""
    delay: float = 0.0
    """Seconds before a new attempt may start."""


@dataclass(frozen=True)
class Settled:
    """What a write did."""

    applied: frozenset[UUID] = frozenset()
    released: tuple[UUID, ...] = ()
    """Jobs whose parked ``remora.run`` waits for its message now."""
    startable: bool = False
    """Further jobs may be started at once."""


def due_from(stored: Mapping[str, str]) -> Due:
    """Read a job as ``plan.lua`` gives it."""
    return Due(
        id=UUID(stored["id"]),
        state=State(stored["state"]),
        attempt=int(stored["attempt"]),
        out_size=int(stored.get("out_size") or 0),
        err_size=int(stored.get("err_size") or 0),
        boot_id=stored.get("boot_id"),
        base=stored.get("base"),
        retries=int(stored.get("retries") or 0),
        attempts=attempts_from(stored.get("attempts")),
        success_codes=_codes(stored.get("success_codes")),
        skip_codes=_codes(stored.get("skip_codes")),
        cancel_by=stored.get("cancel_by"),
        grace=float(stored.get("grace") or 5.0),
        name=stored.get("name", ""),
        started=int(stored["started"]) / 1000 if stored.get("started") else None,
        ended=int(stored["ended"]) / 1000 if stored.get("ended") else None,
        progress=stored.get("progress"),
        payload=stored.get("payload", ""),
        out_host=int(stored.get("out_host") or 0),
        err_host=int(stored.get("err_host") or 0),
        identity=stored.get("identity", ""),
        cause=cause_from(stored["cause"]) if stored.get("cause") else None,
    )


def _codes(text: str | None) -> frozenset[int]:
    return frozenset(int(code) for code in (text or "").strip("[]").split(",") if code.strip())


def place_from(text: str) -> Place:
    """Read ``<id>.<attempt>``."""
    job, _, attempt = text.rpartition(".")
    return Place(job, int(attempt))
