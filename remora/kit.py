"""What a worker process works with, handed down from where it was put together."""

from dataclasses import dataclass

from remora.blobs import Blobs
from remora.lease import Lease
from remora.logs.segments import Segments
from remora.ports import Bell, Post
from remora.records.records import Records
from remora.ssh.pool import Pool
from remora.watcher import Watcher


@dataclass(frozen=True)
class Limits:
    """Durations in seconds, sizes in bytes."""

    exchange: float
    """Of one exchange with a host."""
    step: float
    """Of one step."""
    probe: float
    """How often a host is asked about all its live jobs."""
    idle: float
    """A connection without live jobs is closed after this."""
    output_cap: int
    """Most bytes of each output stream that are kept."""


@dataclass(frozen=True)
class Kit:
    """The parts of a speaker."""

    records: Records
    blobs: Blobs
    segments: Segments
    pool: Pool
    lease: Lease
    watcher: Watcher
    bell: Bell
    post: Post
    limits: Limits
    installation: str
