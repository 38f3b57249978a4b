"""Ring again for every due step that nobody has under way, and remove what is past its retention."""

from remora.blobs import Blobs
from remora.ports import Bell
from remora.records.records import Records


def tick(records: Records, bell: Bell, blobs: Blobs) -> int:
    """Do it once; any number of processes may do it at the same time. Give how many bells were rung."""
    due, purge = records.tick()
    for member in due:
        step, _, subject = member.partition(":")
        bell.ring(step, subject)
    for job in purge:
        blobs.remove(job)
    records.purge(purge)
    return len(due)
