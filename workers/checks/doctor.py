"""What ``remora doctor`` looks at. Each check gives findings; none changes anything."""

import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

import redis

from config.settings import Settings
from remora.desk import Desk
from remora.errors import RemoraError
from remora.hosts import Condition, HostRecord
from workers.checks.redis_check import Facts, faults
from workers.up.run_file import Running

DRIFT = 2.0
"""Seconds by which two clocks may differ without a word."""
LATE = 3
"""Ticks that may be missing before beat is called dead."""
LITTLE_SPACE = 1 << 30
"""Bytes below which the state directory's disk is worth a warning."""
NO_SPACE = 100 << 20


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, but somebody should look."""
    FAIL = "fail"
    """Jobs do not run, or would be lost, until somebody acts."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    level: Level
    seen: str
    advice: str = ""
    """What to do about it; empty when nothing."""


def look_at_redis(facts: Facts, settings: Settings) -> list[Finding]:
    """Judge the server as ``up`` does."""
    found = [
        Finding("redis", Level.FAIL if fault.grave else Level.WARN, fault.what, fault.advice)
        for fault in faults(facts, settings.durability)
    ]
    if any(finding.level is Level.FAIL for finding in found):
        return found
    name = facts.info.get("server_name", "redis")
    version = facts.info.get("valkey_version", facts.info.get("redis_version"))
    told = (
        f"{name} {version}, append-only file synced {facts.fsync or '(hidden)'}, {facts.info.get('maxmemory_policy')}"
    )
    return [Finding("redis", Level.OK, told), *found]


def look_at_clocks(theirs: float, ours: float) -> Finding:
    """Compare the clock of Redis with ours (seconds since the epoch); only what people read depends on them."""
    drift = ours - theirs
    if abs(drift) <= DRIFT:
        return Finding("clocks", Level.OK, f"differ by {abs(drift):.1f} s")
    side = "ahead of" if drift > 0 else "behind"
    return Finding("clocks", Level.WARN, f"this machine is {abs(drift):.0f} s {side} Redis", "let NTP set both clocks")


def look_at_workers(names: list[str]) -> Finding:
    """Judge by the leases that live."""
    if names:
        return Finding("workers", Level.OK, f"{len(names)} alive: {', '.join(sorted(names))}")
    return Finding("workers", Level.FAIL, "none is alive: jobs wait", "start `remora worker`, or `remora up`; see logs")


def look_at_beat(last_tick: float | None, now: float, tick: float) -> Finding:
    """Judge by the last tick that a worker has carried out (seconds since the epoch by the clock of Redis)."""
    advice = "start `remora beat`, or `remora up`; without a living worker nothing ticks either"
    if last_tick is None:
        return Finding("beat", Level.FAIL, "has never ticked: what is forgotten stays forgotten", advice)
    age = max(0.0, now - last_tick)
    if age > LATE * tick:
        return Finding("beat", Level.FAIL, f"its last tick was {age:.0f} s ago, not {tick:g} s", advice)
    return Finding("beat", Level.OK, f"ticked {age:.1f} s ago")


def look_at_gateway(url: str) -> Finding:
    """Ask it whether it is ready."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/readyz", timeout=5.0):
            return Finding("gateway", Level.OK, f"ready at {url}")
    except urllib.error.HTTPError as error:
        return Finding("gateway", Level.FAIL, f"answers {error.code} at {url}", "look at redis and workers first")
    except OSError as error:
        reason = getattr(error, "reason", error)
        return Finding("gateway", Level.FAIL, f"does not answer at {url}: {reason}", "start `remora gateway`; see logs")


def look_at_disk(settings: Settings) -> Finding:
    """Judge the space left for records and outputs."""
    free = shutil.disk_usage(settings.home).free
    told = f"{free / (1 << 30):.1f} GiB free at {settings.home}"
    if free < NO_SPACE:
        return Finding("disk", Level.FAIL, told, "free some, or shorten `retention`: without it no job is accepted")
    if free < LITTLE_SPACE:
        return Finding("disk", Level.WARN, told, "free some, or shorten `retention`")
    return Finding("disk", Level.OK, told)


_ADVICE = {
    Condition.NEW: (Level.WARN, "it is examined as soon as a worker is free; `remora hosts check` asks again"),
    Condition.HOST_KEY: (Level.FAIL, "compare the fingerprint with the host's own, then `remora hosts check NAME`"),
    Condition.REFUSED: (Level.FAIL, "put our public key into its authorized_keys, then `remora hosts check NAME`"),
    Condition.UNFIT: (Level.FAIL, "mend that, then `remora hosts check NAME`"),
}


def look_at_host(record: HostRecord, now: float) -> Finding:
    """Judge one host by its record."""
    what = f"host {record.host.name}"
    if record.condition is not Condition.READY:
        level, advice = _ADVICE[record.condition]
        reason = f": {record.reason}" if record.reason else ""
        return Finding(what, level, f"{record.condition.value}{reason}", advice.replace("NAME", record.host.name))
    if record.out_of_contact_since is not None:
        silent = (
            f"out of contact for {max(0.0, now - record.out_of_contact_since):.0f} s: {record.reason or 'no reason'}"
        )
        return Finding(what, Level.WARN, silent, "its jobs go on and are found again; look at network and sshd")
    if record.drained:
        return Finding(
            what, Level.WARN, f"drained, {record.waiting} waiting, {record.live} live", "resume it when done"
        )
    return Finding(what, Level.OK, f"ready, {record.waiting} waiting, {record.live} live")


@dataclass(frozen=True)
class Sources:
    """Where the facts come from."""

    settings: Settings
    running: Running | None
    """What ``remora up`` runs here."""
    desk: Callable[[], Desk]
    look: Callable[[], Facts]
    """Asks Redis."""
    redis_time: Callable[[], float]
    """Reads its clock, seconds since the epoch."""


def examine(sources: Sources) -> Iterator[Finding]:
    """Look at everything, from the ground up; what stands on something broken is left out."""
    yield look_at_disk(sources.settings)
    try:
        yield from look_at_redis(sources.look(), sources.settings)
        now = sources.redis_time()
    except (redis.RedisError, ValueError) as error:
        yield Finding("redis", Level.FAIL, f"does not answer: {error}", "start it, or set REMORA_REDIS_URL right")
        return
    yield look_at_clocks(now, time.time())
    try:
        desk = sources.desk()
        yield look_at_workers(desk.workers())
        yield look_at_beat(desk.last_tick(), now, sources.settings.tick)
        hosts = [look_at_host(record, now) for record in desk.hosts()]
    except RemoraError as error:
        yield Finding("records", Level.FAIL, str(error), "look at redis")
        return
    if sources.running:
        yield look_at_gateway(sources.running.url)
    yield from hosts
