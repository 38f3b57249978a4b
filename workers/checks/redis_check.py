"""Whether a Redis can hold the records: what ``up`` insists on and ``doctor`` tells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import redis

from workers.up.embedded import OLDEST

FULL = 0.8
"""Share of maxmemory from which on the gateway takes no new jobs."""


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with a Redis."""

    what: str
    """What was seen."""
    advice: str
    """What to do."""
    grave: bool = True
    """Whether starting is refused because of it."""


@dataclass(frozen=True)
class Facts:
    """What a server says of itself."""

    info: Mapping[str, Any]
    """``INFO``."""
    fsync: str | None
    """``CONFIG GET appendfsync``; None where the command is forbidden, as hosted servers do."""
    writes: str | None = None
    """Why it takes no writes; None when it does."""


def look(url: str) -> Facts:
    """Ask a server.

    Raises:
        redis.RedisError: it does not answer, or not to us.
    """
    client = redis.Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=5.0, decode_responses=True)
    try:
        return Facts(client.info(), _fsync(client), _refusal(client))
    finally:
        client.close()


def _fsync(client: redis.Redis) -> str | None:
    try:
        return client.config_get("appendfsync").get("appendfsync")
    except redis.ResponseError:
        return None


def _refusal(client: redis.Redis) -> str | None:
    try:
        client.set("remora:doctor", "writes", px=1000)
    except redis.ResponseError as error:
        return str(error)
    return None


def faults(facts: Facts, durability: Literal["always", "everysec"]) -> list[Fault]:
    """Tell what is wrong with a server that is to keep its word to this durability."""
    found = [*_version(facts), *_writes(facts), *_append(facts, durability), *_memory(facts)]
    return sorted(found, key=lambda fault: not fault.grave)


def _version(facts: Facts) -> Iterator[Fault]:
    version = str(facts.info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        yield Fault(f"its version is {version}", f"use Redis {oldest} or later, or any Valkey")


def _writes(facts: Facts) -> Iterator[Fault]:
    if facts.writes:
        yield Fault(f"it takes no writes: {facts.writes}", "point REMORA_REDIS_URL at the primary, or free its disk")


def _append(facts: Facts, durability: Literal["always", "everysec"]) -> Iterator[Fault]:
    if not facts.info.get("aof_enabled"):
        yield Fault("its append-only file is off: accepted jobs would be lost", "set `appendonly yes` there")
        return
    if facts.info.get("aof_last_write_status", "ok") != "ok":
        yield Fault("it could not write its append-only file", "free its disk and look into its log")
    fsync = facts.fsync
    if fsync is None:
        yield Fault("it does not let us read appendfsync", f"make sure that it is {durability}", grave=False)
    elif fsync == "no" or (fsync == "everysec" and durability == "always"):
        advice = "set `appendfsync always` there"
        if fsync == "everysec":
            advice += ', or accept the loss of about a second in a power cut: durability = "everysec"'
        yield Fault(f"its appendfsync is {fsync}", advice)


def _memory(facts: Facts) -> Iterator[Fault]:
    policy = facts.info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield Fault(f"it may evict our records: maxmemory-policy is {policy}", "set `maxmemory-policy noeviction`")
    limit, used = int(facts.info.get("maxmemory", 0)), int(facts.info.get("used_memory", 0))
    if limit and used > FULL * limit:
        share = f"{used / limit:.0%} of its maxmemory is used"
        yield Fault(share, "raise maxmemory, or shorten `retention`", grave=False)
