"""Output of jobs, in segments named by what they hold, so that writing one twice changes nothing.

``<attempt>.<stream>/<first byte>-<end>`` holds the bytes of that half-open range. Segments may overlap; where they do,
they hold the same bytes. A short last segment is replaced by a longer one, until it has ``FULL`` bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

from remora.blobs import Blobs, write_durably

Stream = Literal["out", "err"]
FULL = 1 << 20


@dataclass(frozen=True)
class Segment:
    """One stored range of a stream."""

    first: int
    end: int

    @property
    def name(self) -> str:
        """Its file name; sorts by the first byte."""
        return f"{self.first:016d}-{self.end:016d}"


class Segments:
    """The stored output of all jobs."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def write(self, job: UUID, attempt: int, stream: Stream, offset: int, data: bytes, *, sync: bool = False) -> int:
        """Store bytes of a stream and give the offset behind them."""
        if not data:
            return offset
        folder = self._folder(job, attempt, stream)
        grown = self._short_segment(folder, offset, len(data))
        head = self._bytes(folder, grown) if grown else b""
        segment = Segment(offset - len(head), offset + len(data))
        write_durably(folder / segment.name, head + data, sync=sync)
        if grown and head:
            (folder / grown.name).unlink(missing_ok=True)
        return segment.end

    def read(self, job: UUID, attempt: int, stream: Stream, offset: int, limit: int) -> bytes:
        """Give up to ``limit`` bytes from ``offset``; fewer where the stored ones end."""
        folder = self._folder(job, attempt, stream)
        found = bytearray()
        while len(found) < limit:
            part = self._part(folder, offset + len(found), limit - len(found))
            if not part:
                break
            found += part
        return bytes(found)

    def _part(self, folder: Path, offset: int, limit: int) -> bytes:
        """Read from the longest segment that covers ``offset``; look again if it was replaced meanwhile."""
        for _ in range(100):
            covering = [s for s in _list(folder) if s.first <= offset < s.end]
            if not covering:
                return b""
            best = max(covering, key=lambda segment: segment.end)
            try:
                with (folder / best.name).open("rb") as file:
                    file.seek(offset - best.first)
                    return file.read(min(limit, best.end - offset))
            except FileNotFoundError:
                continue
        return b""

    def _short_segment(self, folder: Path, end: int, size: int) -> Segment | None:
        return next((s for s in _list(folder) if s.end == end and s.end - s.first + size <= FULL), None)

    def _bytes(self, folder: Path, segment: Segment) -> bytes:
        try:
            return (folder / segment.name).read_bytes()
        except FileNotFoundError:
            return b""

    def _folder(self, job: UUID, attempt: int, stream: Stream) -> Path:
        return self._blobs.folder(job) / f"{attempt}.{stream}"


def _list(folder: Path) -> Iterator[Segment]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        first, _, end = path.name.partition("-")
        if first.isdigit() and end.isdigit():
            yield Segment(int(first), int(end))
