"""The records: what callers and workers read and write, each change one atomic script."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError

from config.hosts import Host
from remora.cause import Cause
from remora.errors import Conflict, NotFound
from remora.hosts import Condition, HostRecord
from remora.job import Job
from remora.records.mapping import cause_text, host_from, job_from
from remora.records.plan import Change, Grant, Plan, Settled, due_from, place_from
from remora.records.scripts import Scripts, ours
from remora.remote.operations import Place
from remora.state import State, may_follow

P = "remora:"
CHANGES = P + "changes"
"""Channel on which every change is told, one JSON message each."""


@dataclass(frozen=True)
class Terms:
    """Durations that the scripts need, seconds."""

    retention: float
    probe: float
    lease: float


@dataclass(frozen=True)
class NewJob:
    """A job to be recorded."""

    id: UUID
    host: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Key:
    """An idempotency key and what the request was, so that another request under the same key is noticed."""

    key: str
    fingerprint: str


class Records:
    """The truth, in Redis. Safe to use from many threads.

    Every method raises ``RecordsUnavailable`` when Redis does not answer; then it is unknown whether a write happened.
    """

    def __init__(self, redis: Redis, terms: Terms) -> None:
        self._redis = redis
        self._terms = terms
        self._run = Scripts(redis)

    # What callers ask

    def create(self, jobs: Sequence[NewJob], key: Key | None = None) -> bool:
        """Record jobs, all or none; durable on return. Tell whether they are new rather than recorded before.

        Raises:
            NotFound: there is no such host; nothing was recorded.
            Conflict: the key was used with another request.
        """
        request = {
            "retention": _ms(self._terms.retention),
            "probe": _ms(self._terms.probe),
            "jobs": [{"id": str(job.id), "host": job.host, "fields": dict(job.fields)} for job in jobs],
        }
        if key:
            request |= {"key": key.key, "fingerprint": key.fingerprint}
        outcome, *told = self._run("create", json.dumps(request))
        if outcome == "no_host":
            raise NotFound(f"there is no host {told[0]!r}; `remora hosts add` makes one", host=told[0])
        if outcome == "conflict":
            raise Conflict("this idempotency key was used with another request; use a new key for a new request")
        return bool(outcome == "created")

    def job(self, id: UUID) -> Job:
        """Read one job.

        Raises:
            NotFound: it was never there, or its retention is over.
        """
        found = self.read([id])
        if not found:
            raise NotFound(f"there is no job {id}; it may have been removed after its retention", job=str(id))
        return found[0]

    def read(self, ids: Iterable[UUID]) -> list[Job]:
        """Read those of these jobs that are there, in their order."""
        ids = list(ids)
        pipe = self._redis.pipeline(transaction=False)
        for id in ids:
            pipe.hgetall(f"{P}job:{id}")
        hashes = [(id, fields) for id, fields in zip(ids, self._guard(pipe.execute), strict=True) if fields]
        hosts = self._held_facts({fields["host"] for _, fields in hashes})
        return [job_from(id, fields, hosts[fields["host"]]) for id, fields in hashes]

    def ids(self, *, before: float | None, limit: int) -> list[tuple[UUID, float]]:
        """Give job ids with their place in the order of acceptance, newest first, from before a place."""
        top = "+inf" if before is None else f"({before:.0f}"
        found = self._guard(
            lambda: self._redis.zrange(
                f"{P}jobs", top, "-inf", byscore=True, desc=True, offset=0, num=limit, withscores=True
            )
        )
        return [(UUID(id), score) for id, score in found]

    def cancel(self, id: UUID, *, by: str, cause: Cause) -> tuple[bool, bool]:
        """Store the wish to end a job; with ``cause`` it is final at once if nothing was sent.

        Returns:
            Whether its host must be told, and whether a parked ``remora.run`` is released.
        """
        told = self._run("cancel", str(id), by, cause_text(cause), _ms(self._terms.retention), _ms(self._terms.probe))
        if not told:
            raise NotFound(f"there is no job {id}; it may have been removed after its retention", job=str(id))
        return bool(told[2]), bool(told[3])

    def payload(self, id: UUID) -> str:
        """Tell which of the payloads under this id the job runs."""
        told = self._guard(lambda: self._redis.hget(f"{P}job:{id}", "payload"))
        if told is None:
            raise NotFound(f"there is no job {id}; it may have been removed after its retention", job=str(id))
        return str(told)

    def follow(self, id: UUID, host: str, *, lasting: float) -> bool:
        """Note that somebody reads along for so many seconds; tell whether nobody did before."""
        place, now = f"{P}follow:{host}", self.now()
        pipe = self._redis.pipeline()
        pipe.zscore(place, str(id))
        pipe.zadd(place, {str(id): now + _ms(lasting)})
        pipe.zremrangebyscore(place, "-inf", now)
        before, *_ = self._guard(pipe.execute)
        return before is None or before < now

    def followed(self, host: str) -> tuple[UUID, ...]:
        """Give the jobs at a host whose output somebody reads along now."""
        found = self._guard(lambda: self._redis.zrange(f"{P}follow:{host}", str(self.now()), "+inf", byscore=True))
        return tuple(UUID(id) for id in found)

    def now(self) -> int:
        """Read the clock of Redis, ms."""
        seconds, micros = self._guard(self._redis.time)
        return int(seconds) * 1000 + int(micros) // 1000

    # Hosts

    def write_host(self, host: Host, *, create: bool, condition: Condition = Condition.NEW) -> bool:
        """Record a host and ask for its examination; false if it exists and should not, or the other way round."""
        facts = {
            "spec": host.model_dump_json(),
            "condition": condition.value,
            "max_jobs": str(host.max_jobs),
            "examine": "1",
        }
        return self.change_host(host.name, facts, unset=("reason", "offered_key", "retry_at"), create=create)

    def change_host(
        self, name: str, facts: Mapping[str, str], *, unset: Sequence[str] = (), create: bool = False
    ) -> bool:
        """Write fields of a host; false if there is no such host (or, with ``create``, if there is one)."""
        news = {"facts": dict(facts), "unset": list(unset), "create": create, "probe": _ms(self._terms.probe)}
        return bool(self._run("host", name, json.dumps(news)))

    def host(self, name: str) -> HostRecord:
        """Read one host.

        Raises:
            NotFound: there is none of that name.
        """
        found = self._hosts([name])
        if not found:
            raise NotFound(f"there is no host {name!r}; `remora hosts add` makes one", host=name)
        return found[0]

    def hosts(self) -> list[HostRecord]:
        """Read all hosts, by name."""
        return self._hosts(sorted(self._guard(lambda: self._redis.smembers(f"{P}hosts"))))

    def remove_host(self, name: str) -> None:
        """Remove a host.

        Raises:
            NotFound: there is none of that name.
            Conflict: it has jobs that are not final.
        """
        busy = self._run("remove_host", name)
        if busy < 0:
            raise NotFound(f"there is no host {name!r}", host=name)
        if busy > 0:
            raise Conflict(f"host {name} has {busy} jobs that are not final; cancel them or wait", host=name)

    # What workers do

    def renew(self, process: str) -> None:
        """Keep this process alive for another lease."""
        self._guard(lambda: self._redis.set(f"{P}lease:{process}", "1", px=_ms(self._terms.lease)))

    def release(self, process: str) -> None:
        """Give up the lease, so that others take over at once."""
        self._guard(lambda: self._redis.delete(f"{P}lease:{process}"))

    def processes(self) -> list[str]:
        """Name the worker processes that live."""
        return [
            key.removeprefix(f"{P}lease:") for key in self._guard(lambda: list(self._redis.scan_iter(f"{P}lease:*")))
        ]

    def speak(self, host: str, process: str) -> Grant | None:
        """Become the speaker of a host; None if there is no such host. The grant may name another process."""
        told = self._run("speak", host, process)
        return Grant(host, told[0], told[1]) if told else None

    def plan(self, grant: Grant, *, boot_id: str, base: str, starts: int, look_at: Sequence[UUID] | None) -> Plan:
        """Take what is due; jobs to start are ``starting``, durably, when this returns.

        Args:
            look_at: live jobs to ask about; None means all.

        Raises:
            Fenced: another process speaks for the host.
        """
        chosen = "all" if look_at is None else json.dumps([str(id) for id in look_at])
        stored = json.loads(
            self._run(
                "plan", grant.host, grant.process, grant.epoch, boot_id, base, starts, chosen, _ms(self._terms.probe)
            )
        )
        return Plan(
            starts=tuple(due_from(job) for job in stored["starts"]),
            live=tuple(due_from(job) for job in stored["live"]),
            cancels=tuple(due_from(job) for job in stored["cancels"]),
            forgets=tuple(place_from(text) for text in stored["forgets"]),
            ended=tuple(due_from(job) for job in stored["ended"]),
            followed=stored["followed"],
        )

    def settle(
        self,
        grant: Grant,
        changes: Sequence[Change] = (),
        *,
        forgotten: Sequence[Place] = (),
        cancelled: Sequence[UUID] = (),
        facts: Mapping[str, str] | None = None,
        unset: Sequence[str] = (),
        contact: bool | None = None,
        retry_in: float | None = None,
    ) -> Settled:
        """Write down what an exchange told, in one turn.

        Args:
            contact: whether the host was reached; None leaves that as it is.
            retry_in: seconds during which the host is left alone.

        Raises:
            Fenced: another process speaks for the host; nothing was written.
        """
        news: dict[str, object] = {
            "changes": [self._change(change) for change in changes],
            "forgotten": [f"{place.job}.{place.attempt}" for place in forgotten],
            "cancelled": [str(id) for id in cancelled],
            "facts": dict(facts or {}),
            "unset": list(unset),
            "probe": _ms(self._terms.probe),
            "tell_host": bool(facts),
        }
        if contact is not None:
            news["contact"] = contact
        if retry_in is not None:
            news["retry_in"] = _ms(retry_in)
        told = json.loads(self._run("settle", grant.host, grant.process, grant.epoch, json.dumps(news)))
        return Settled(
            applied=frozenset(UUID(id) for id in told["applied"]),
            released=tuple(UUID(id) for id in told["released"]),
            startable=told["startable"],
        )

    def live(self, host: str) -> int:
        """Count the jobs that are starting or running at a host."""
        return int(self._guard(lambda: self._redis.zcard(f"{P}live:{host}")))

    def grow(self, sizes: Sequence[tuple[UUID, int, int, int]]) -> None:
        """Tell how many bytes of output can be read here: (job, attempt, out, err)."""
        rows = [{"id": str(id), "attempt": n, "out_size": out, "err_size": err} for id, n, out, err in sizes]
        self._run("grow", json.dumps(rows))

    # Bells

    def claim_bell(self, member: str) -> str | None:
        """Claim the right to ring; None if a message is on its way, else the speaker ('' for nobody)."""
        told = self._run("ring", member, _ms(self._terms.lease))
        return told[0] if told else None

    def answer_bell(self, member: str) -> None:
        """Note that the message has arrived, so that the next wish rings again."""
        self._guard(lambda: self._redis.delete(f"{P}bell:{member}"))

    def hasten(self, host: str) -> None:
        """Have a host polled at the next tick, if it is to be polled at all."""
        self._guard(lambda: self._redis.zadd(f"{P}due", {f"poll:{host}": self.now()}, xx=True))

    def tick(self) -> tuple[list[str], list[UUID]]:
        """Give the members of the due-index that nobody rings, and the jobs whose retention is over."""
        silent, purge = self._run("tick", 10_000)
        return silent, [UUID(id) for id in purge]

    def purge(self, ids: Sequence[UUID]) -> None:
        """Remove final jobs."""
        if ids:
            self._run("purge", *(str(id) for id in ids))

    def park(self, id: UUID, message: str) -> bool:
        """Keep the message of a ``remora.run`` until its job ends; false if it has ended, and nothing is kept."""
        return bool(self._run("park", str(id), message))

    def parked(self, id: UUID) -> str | None:
        """Read a parked message."""
        parked: str | None = self._guard(lambda: self._redis.get(f"{P}run:{id}"))
        return parked

    def unpark(self, id: UUID) -> None:
        """Drop a parked message after its task has given the result."""
        pipe = self._redis.pipeline()
        pipe.delete(f"{P}run:{id}")
        pipe.zrem(f"{P}due", f"run:{id}")
        self._guard(pipe.execute)

    def last_tick(self) -> float | None:
        """Tell when beat last ticked, seconds since the epoch."""
        told = self._guard(lambda: self._redis.get(f"{P}beat"))
        return int(told) / 1000 if told else None

    # Inside

    def _change(self, change: Change) -> dict[str, object]:
        reachable = [s.value for s in State if not s.final and (change.to is None or may_follow(s, change.to))]
        stored: dict[str, object] = {
            "id": str(change.id),
            "attempt": change.attempt,
            "from": reachable,
            "keep": _ms(self._terms.retention),
            "delay": _ms(change.delay),
            "leaves": change.leaves,
            "set": dict(change.fields),
            "stamp": list(change.stamps),
            "unset": list(change.remove),
        }
        return stored | ({"to": change.to.value} if change.to else {})

    def _held_facts(self, names: set[str]) -> dict[str, dict[str, str]]:
        pipe = self._redis.pipeline(transaction=False)
        ordered = sorted(names)
        for name in ordered:
            pipe.hgetall(f"{P}host:{name}")
            pipe.zcard(f"{P}live:{name}")
        told = self._guard(pipe.execute)
        return {
            name: {**facts, "live": str(live)} for name, facts, live in zip(ordered, told[::2], told[1::2], strict=True)
        }

    def _hosts(self, names: Sequence[str]) -> list[HostRecord]:
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            pipe.hgetall(f"{P}host:{name}")
            pipe.zcard(f"{P}accepted:{name}")
            pipe.zcard(f"{P}live:{name}")
        told = self._guard(pipe.execute)
        rows = zip(told[::3], told[1::3], told[2::3], strict=True)
        return [host_from(fields, waiting=waiting, live=live) for fields, waiting, live in rows if fields]

    def _guard(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except RedisError as error:
            raise ours(error) from error


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
