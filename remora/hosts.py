"""A host as it is recorded: how to reach it, whether it can be used, what was seen there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from config.hosts import Host


class Condition(Enum):
    """Whether jobs can be started there."""

    NEW = "new"
    """Added and not examined yet."""
    READY = "ready"
    """Examined and usable; it may be out of contact for the moment."""
    HOST_KEY = "host_key"
    """Its key is unknown, changed or revoked; jobs wait until an operator acts."""
    REFUSED = "refused"
    """It does not accept our key for that user."""
    UNFIT = "unfit"
    """It was reached but cannot run jobs; ``reason`` says why."""


@dataclass(frozen=True)
class HostRecord:
    """What is recorded of a host. Times are seconds since the epoch by the clock of Redis."""

    host: Host
    condition: Condition
    reason: str | None = None
    """Why it is not ready or not in contact, in words."""
    offered_key: str | None = None
    """Fingerprint of the key it offered when that was refused."""
    out_of_contact_since: float | None = None
    drained: bool = False
    """An operator wants no further starts there."""
    speaker: str | None = None
    """The worker process that speaks with it."""
    boot_id: str | None = None
    base: str | None = None
    """Where its job directories lie, absolute."""
    examined: Mapping[str, object] = field(default_factory=dict)
    """What the examination saw: shell, setsid, /proc, free bytes, …"""
    waiting: int = 0
    """Jobs accepted and not sent."""
    live: int = 0
    """Jobs starting or running."""
