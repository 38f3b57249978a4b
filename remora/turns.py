"""Work that is done by one thread at a time, without anybody waiting for it."""

import threading
from collections.abc import Callable


class Turns:
    """Runs a piece of work once at a time; a call that comes meanwhile makes it run once more and returns at once."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._busy = threading.Lock()
        self._wanted = False

    def __call__(self) -> None:
        """Have the work done after this call began, by this thread or the one that is at it."""
        self._wanted = True
        # Looking again after the lock is free closes the gap between another's last look and its release.
        while self._wanted and self._busy.acquire(blocking=False):
            try:
                self._wanted = False
                self._work()
            finally:
                self._busy.release()
