"""What callers may ask: the one counter behind the HTTP door and the task ``remora.run``."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4, uuid5

from config.hosts import Host
from remora.blobs import Blobs
from remora.cause import Cause, Kind
from remora.errors import BadRequest, Conflict
from remora.hosts import Condition, HostRecord
from remora.job import Job, JobRequest
from remora.logs.segments import Segments, Stream
from remora.ports import Bell, Post
from remora.records.mapping import new_job_fields
from remora.records.records import Key, NewJob, Records
from remora.roster import Roster
from remora.state import State

NAMESPACE = UUID("6f0c4a5e-8a61-5f3e-9d0b-3a1f6f0d5c11")
"""Under which job ids are derived from idempotency keys."""
FOLLOWING = 10.0
"""Seconds for which one call to ``follow`` counts."""
TAIL = 4096
"""Bytes of output in a result."""
PAGE = 500
"""Most jobs on a page."""


@dataclass(frozen=True)
class Accepted:
    """Jobs that are on disk."""

    jobs: tuple[Job, ...]
    replayed: bool
    """They had been accepted before, under the same key."""


@dataclass(frozen=True)
class Page:
    """A part of a listing, newest first."""

    jobs: tuple[Job, ...]
    next: str | None
    """Cursor of the next page; None at the end."""


@dataclass(frozen=True)
class Filter:
    """Which jobs to list; None lets everything pass."""

    state: State | None = None
    host: str | None = None
    name: str | None = None
    run_id: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def admits(self, job: Job) -> bool:
        """Tell whether a job is among them."""
        wanted = ((self.state, job.state), (self.host, job.host), (self.name, job.name), (self.run_id, job.run_id))
        return all(want is None or want == is_ for want, is_ in wanted) and self.labels.items() <= job.labels.items()


class Desk:
    """Takes what callers ask and answers from the records. Safe to use from many threads."""

    def __init__(
        self, records: Records, blobs: Blobs, segments: Segments, *, roster: Roster, bell: Bell, post: Post
    ) -> None:
        self._records = records
        self._blobs = blobs
        self._segments = segments
        self._roster = roster
        self._bell = bell
        self._post = post

    # Jobs

    def accept(
        self,
        requests: Sequence[JobRequest],
        *,
        identity: str,
        key: str | None = None,
        ids: Sequence[UUID] | None = None,
    ) -> Accepted:
        """Accept jobs, all or none; on disk when this returns.

        Args:
            key: idempotency key within the identity; the same key and requests give the same jobs.
            ids: the jobs' ids, where the caller has chosen them.

        Raises:
            NotFound: a host is not known.
            Conflict: the key was used with other requests.
            RecordsUnavailable: try again with the same key; the jobs may have been accepted.
        """
        if ids is None:
            ids = [uuid5(NAMESPACE, f"{identity}\n{key}\n{n}") if key else uuid4() for n in range(len(requests))]
        new = [self._prepare(id, request, identity) for id, request in zip(ids, requests, strict=True)]
        fingerprint = _digest("\n".join(job.fields["payload"] for job in new))
        created = self._records.create(new, Key(f"{identity}:{key}", fingerprint) if key else None)
        jobs = tuple(self._records.read(ids))
        if created:
            for job in jobs:
                self._post.tell(job.id, job.state.value, {"host": job.host, "name": job.name, "attempt": 1})
        for host in {request.host for request in requests}:
            self._bell.ring("submit", host)
        return Accepted(jobs, replayed=not created)

    def job(self, id: UUID) -> Job:
        """Give one job.

        Raises:
            NotFound: there is none, or its retention is over.
        """
        return self._records.job(id)

    def jobs(self, wanted: Filter, *, limit: int = 50, after: str | None = None) -> Page:
        """List jobs, newest first, from behind the cursor ``after``."""
        before = _cursor(after)
        found: list[Job] = []
        while rows := self._records.ids(before=before, limit=PAGE):
            places = dict(rows)
            for job in self._records.read(places):
                if wanted.admits(job):
                    found.append(job)
                if len(found) == min(limit, PAGE):
                    return Page(tuple(found), f"{places[job.id]:.0f}")
            before = rows[-1][1]
        return Page(tuple(found), None)

    def request(self, id: UUID) -> JobRequest:
        """Give what was asked, unsealed."""
        payload = self._blobs.get(id, self._records.payload(id))
        return JobRequest.model_validate_json(payload)

    def cancel(self, id: UUID, *, by: str) -> Job:
        """Wish a job to end; final at once if nothing was sent to its host yet. May be asked again."""
        cause = Cause(Kind.CANCELLED, evidence={"by": by, "started": "no"})
        told, released = self._records.cancel(id, by=by, cause=cause)
        job = self._records.job(id)
        if told:
            self._bell.ring("cancel", job.host)
        elif job.state is State.CANCELLED:
            self._post.tell(id, job.state.value, {"host": job.host, "name": job.name, "attempt": job.attempt})
        if released:
            self._bell.ring("run", str(id))
        return job

    def log(
        self, id: UUID, stream: Stream, *, offset: int = 0, limit: int = 1 << 20, attempt: int | None = None
    ) -> bytes:
        """Give output that is here already, of the present attempt unless another is named."""
        return self._segments.read(id, attempt or self._records.job(id).attempt, stream, offset, limit)

    def follow(self, id: UUID) -> None:
        """Say that somebody reads along, for the next ten seconds."""
        job = self._records.job(id)
        if not job.state.final and self._records.follow(id, job.host, lasting=FOLLOWING):
            self._bell.ring("poll", job.host)

    def park(self, id: UUID, message: str) -> bool:
        """Keep the message that is to be published when the job has ended; false if it has ended already."""
        return self._records.park(id, message)

    def parked(self, id: UUID) -> bool:
        """Tell whether a message is kept: nobody has been given the result since."""
        return self._records.parked(id) is not None

    def unpark(self, id: UUID) -> None:
        """Drop the message, as the result is given."""
        self._records.unpark(id)

    def result(self, job: Job) -> dict[str, Any]:
        """Give what a finished job came to, as JSON values, with the last part of its output."""
        tail = self.log(job.id, "out", offset=max(0, job.out_size - TAIL), limit=TAIL)
        return {
            "job_id": str(job.id),
            "state": job.state.value,
            "cause": job.cause.kind.value if job.cause else None,
            "message": job.message,
            "exit_code": job.exit_code,
            "host": job.host,
            "attempts": job.attempt,
            "skip": job.skip,
            "output_tail": tail.decode(errors="replace"),
            "output_incomplete": job.output_incomplete,
            "truncated": job.truncated,
        }

    # Hosts

    def add_host(self, host: Host) -> HostRecord:
        """Record a host and have it examined; the same host may be added again.

        Raises:
            Conflict: another host has that name.
        """
        if not self._records.write_host(host, create=True):
            if self._records.host(host.name).host != host:
                raise Conflict(f"host {host.name} exists with other values; remove it first or choose another name")
            self._records.write_host(host, create=False)
        self._note_hosts()
        self._bell.ring("examine", host.name)
        return self._records.host(host.name)

    def recall_hosts(self) -> None:
        """Record the hosts of the copy again if none is recorded, as after Redis was wiped."""
        if not self._records.hosts():
            for host in self._roster.recall():
                self.change_host(host)

    def change_host(self, host: Host) -> None:
        """Record a host as it is now configured and have it examined; nothing happens if it is the same."""
        known = {record.host.name: record.host for record in self._records.hosts()}
        if known.get(host.name) != host and self._records.write_host(host, create=host.name not in known):
            self._bell.ring("examine", host.name)

    def host(self, name: str) -> HostRecord:
        """Give one host; raises NotFound."""
        return self._records.host(name)

    def hosts(self) -> list[HostRecord]:
        """Give all hosts, by name."""
        return self._records.hosts()

    def trust(self, name: str, fingerprint: str) -> HostRecord:
        """Accept a host key (``SHA256:…``) for a host and examine it again."""
        if not fingerprint.startswith("SHA256:"):
            raise BadRequest("a fingerprint looks like SHA256:…; `ssh-keygen -lf FILE` prints it", field="fingerprint")
        host = self._records.host(name).host
        self._records.write_host(
            host.model_copy(update={"host_keys": tuple({*host.host_keys, fingerprint})}), create=False
        )
        self._note_hosts()
        self._bell.ring("examine", name)
        return self._records.host(name)

    def examine(self, name: str) -> None:
        """Have a host examined afresh; its condition is ``new`` until that is done."""
        self._records.write_host(self._records.host(name).host, create=False)
        self._bell.ring("examine", name)

    def drain(self, name: str, *, drained: bool) -> HostRecord:
        """Start nothing more there, or start again."""
        record = self._records.host(name)
        self._records.change_host(name, {"drained": str(int(drained))})
        if not drained and record.condition is Condition.READY:
            self._bell.ring("submit", name)
        return self._records.host(name)

    def remove_host(self, name: str) -> None:
        """Forget a host; raises Conflict while it has jobs that are not final."""
        self._records.remove_host(name)
        self._note_hosts()

    # The system

    def workers(self) -> list[str]:
        """Name the worker processes that live; raises RecordsUnavailable."""
        return self._records.processes()

    def last_tick(self) -> float | None:
        """Tell when beat last ticked, seconds since the epoch by the clock of Redis."""
        return self._records.last_tick()

    def _note_hosts(self) -> None:
        self._roster.keep(record.host for record in self._records.hosts())

    def _prepare(self, id: UUID, request: JobRequest, identity: str) -> NewJob:
        payload = request.model_dump_json(exclude_defaults=True)
        version = _digest(payload)[:16]
        self._blobs.put(id, version, payload.encode())
        return NewJob(id, request.host, new_job_fields(request, identity) | {"payload": version})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _cursor(after: str | None) -> float | None:
    if after is None:
        return None
    if not after.isdigit():
        raise BadRequest("is no cursor; give the `next` of the page before", field="after")
    return float(after)
