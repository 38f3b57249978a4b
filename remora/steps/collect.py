"""Fetch the output of ended jobs, piece by piece, each piece recorded before the next."""

from collections.abc import Callable

from remora.cause import Cause, Kind
from remora.errors import Permanent
from remora.logs.segments import Segments, Stream
from remora.records.plan import Due

PIECE = 1 << 20
"""Bytes fetched at once."""
LIMIT = 3600.0
"""Seconds after which a job is final without the rest of its output."""


class Missing(Permanent):
    """Output that was there is there no more."""


Read = Callable[[Due, Stream, int, int], bytes]
"""Reads from the host: (job, stream, offset, most bytes)."""


def fetch_piece(due: Due, segments: Segments, read: Read) -> tuple[int, int] | None:
    """Fetch one further piece of what is missing; the sizes then, or None if nothing is missing.

    Raises:
        Missing: the host has less than it said.
    """
    sizes: dict[Stream, int] = {"out": due.out_size, "err": due.err_size}
    totals: dict[Stream, int] = {"out": due.out_host, "err": due.err_host}
    for stream, have in sizes.items():
        if have >= totals[stream]:
            continue
        data = read(due, stream, have, min(PIECE, totals[stream] - have))
        if not data:
            raise Missing(f"{stream} of job {due.id} ends at {have} of {totals[stream]} bytes on the host")
        sizes[stream] = segments.write(due.id, due.attempt, stream, have, data, sync=True)
        return sizes["out"], sizes["err"]
    return None


def cause_of(due: Due) -> Cause:
    """Give the cause that was recorded when the attempt ended."""
    return due.cause or Cause(Kind.SUPERVISOR_KILLED)


def overdue(due: Due, now: float) -> bool:
    """Tell whether a job has waited for its output for too long; ``now`` by the clock of Redis, seconds."""
    return due.ended is not None and now - due.ended > LIMIT
