"""Deadlines as the port wants them, and reading with one."""

import time

from remora.remote.port import Channel


def within(seconds: float) -> float:
    """Give the deadline that lies so many seconds ahead."""
    return time.monotonic() + seconds


def read_all(channel: Channel, seconds: float = 20.0) -> bytes:
    """Read until the program has ended."""
    deadline = within(seconds)
    pieces = []
    while piece := channel.receive(1 << 16, deadline):
        pieces.append(piece)
    return b"".join(pieces)


def read_exactly(channel: Channel, size: int, seconds: float = 20.0) -> bytes:
    """Read so many bytes, fewer only if the program ends first."""
    deadline = within(seconds)
    read = b""
    while len(read) < size and (piece := channel.receive(size - len(read), deadline)):
        read += piece
    return read
