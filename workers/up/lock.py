"""The lock that lets one supervisor run in a state directory, and tells others which process that is."""

import fcntl
import os
from pathlib import Path


class Held(Exception):
    """Another process holds the lock; ``pid`` is that process, 0 while it has not signed."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"held by process {pid}")
        self.pid = pid


class Lock:
    """An flock on a file: it ends with its process, however that ends."""

    def __init__(self, file: Path) -> None:
        """Open the file; ``acquire`` takes the lock."""
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire(self) -> None:
        """Take the lock, which nobody has signed then.

        Raises:
            Held: by somebody else.
        """
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Held(self._holder()) from error
        os.ftruncate(self._descriptor, 0)

    def sign(self) -> None:
        """Write our pid into the file: we are the process to talk to."""
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def _holder(self) -> int:
        return int(os.pread(self._descriptor, 32, 0) or b"0")

    def release(self) -> None:
        """Let the next one in; the file stays, as removing it would let two in."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
