"""Where the output of jobs goes: exactly as it came, or line by line under the host's name, or into memory."""

import os
import threading
from collections import defaultdict
from typing import Protocol

from workers.console.escaping import Escaper

DESCRIPTORS = {"out": 1, "err": 2}
LONGEST_LINE = 64 * 1024
"""Bytes of a line without an end that are kept back before they are shown as a line."""


class Sink(Protocol):
    """Takes the output of one job."""

    def take(self, stream: str, data: bytes) -> None:
        """Take bytes of ``out`` or ``err``."""

    def end(self) -> None:
        """There is no more."""


class Screen:
    """Our own stdout and stderr, shared by all jobs that are shown."""

    def __init__(self, *, raw: bool = False) -> None:
        """Describe how to show.

        Args:
            raw: Escape nothing, even on a terminal.
        """
        self.lock = threading.Lock()
        """Held while something is shown; whoever holds it has the terminal for itself."""
        self._escape = {stream: not raw and os.isatty(number) for stream, number in DESCRIPTORS.items()}

    def escaper(self, stream: str) -> Escaper | None:
        """Give a new escaper for a stream that goes to a terminal."""
        return Escaper() if self._escape[stream] else None

    def show(self, stream: str, data: bytes) -> None:
        """Write all of it, at once and unbuffered."""
        with self.lock:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(DESCRIPTORS[stream], rest) :]


class _Shown:
    """What the two ways of showing share: one escaper for each stream."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._escapers = {stream: screen.escaper(stream) for stream in DESCRIPTORS}

    def _visible(self, stream: str, data: bytes, *, last: bool = False) -> bytes:
        escaper = self._escapers[stream]
        return escaper.feed(data, last=last) if escaper else data


class Plain(_Shown):
    """Shows each byte as it came."""

    def take(self, stream: str, data: bytes) -> None:
        self._screen.show(stream, self._visible(stream, data))

    def end(self) -> None:
        for stream in DESCRIPTORS:
            self._screen.show(stream, self._visible(stream, b"", last=True))


class Prefixed(_Shown):
    """Shows whole lines, each with a prefix."""

    def __init__(self, screen: Screen, prefix: str) -> None:
        super().__init__(screen)
        self._prefix = prefix.encode()
        self._rest = dict.fromkeys(DESCRIPTORS, b"")

    def take(self, stream: str, data: bytes) -> None:
        *lines, rest = (self._rest[stream] + self._visible(stream, data)).split(b"\n")
        if len(rest) > LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        self._rest[stream] = rest
        self._show(stream, lines)

    def end(self) -> None:
        for stream, rest in self._rest.items():
            last = rest + self._visible(stream, b"", last=True)
            self._show(stream, [last] if last else [])

    def _show(self, stream: str, lines: list[bytes]) -> None:
        if lines:
            self._screen.show(stream, b"".join(self._prefix + line + b"\n" for line in lines))


class Kept:
    """Keeps all of it in memory."""

    def __init__(self) -> None:
        self.streams: defaultdict[str, bytearray] = defaultdict(bytearray)

    def take(self, stream: str, data: bytes) -> None:
        self.streams[stream] += data

    def end(self) -> None:
        """Nothing is held back."""
