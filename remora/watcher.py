"""One thread that waits for what all hosts of a process tell by themselves."""

import logging
import os
import selectors
import threading
from collections.abc import Callable
from contextlib import suppress

from remora.errors import RemoraError
from remora.remote.watch import Watch

log = logging.getLogger(__name__)

Told = Callable[[set[str]], None]
"""Called with the names of attempts that have news; with none when the watch is over."""


class Watcher:
    """Waits on the watch channels of many hosts at no cost while they are quiet."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._waker, self._wake_end = os.pipe()
        os.set_blocking(self._waker, False)
        self._selector.register(self._waker, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin to wait."""
        self._thread.start()

    def end(self) -> None:
        """Stop waiting; the watches themselves are left as they are."""
        self._ended = True
        os.write(self._wake_end, b".")
        self._thread.join(timeout=2.0)

    def add(self, watch: Watch, told: Told) -> None:
        """Wait for a watch too."""
        with self._lock:
            self._selector.register(watch.fileno(), selectors.EVENT_READ, (watch, told))
        os.write(self._wake_end, b".")

    def remove(self, watch: Watch) -> None:
        """Wait for it no longer; may be called twice."""
        with self._lock, suppress(KeyError, ValueError):
            self._selector.unregister(watch.fileno())

    def _run(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(self._waker, 4096)
                else:
                    self._hear(*key.data)

    def _hear(self, watch: Watch, told: Told) -> None:
        try:
            names = watch.names()
        except RemoraError as error:
            log.info("A watch is over: %s", error, extra={"action": "watch"})
            self.remove(watch)
            names = set()
        try:
            told(names)
        except Exception:
            log.exception("What a host told could not be passed on.", extra={"action": "watch"})
