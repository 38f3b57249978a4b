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
"""Called with the names of attempts that have news; with none when the watch is over. It must not wait for a host."""


class Watcher:
    """Waits on the watch channels of many hosts at no cost while they are quiet."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._waker, self._wake_end = os.pipe()
        os.set_blocking(self._waker, False)
        self._selector.register(self._waker, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._descriptors: dict[Watch, int] = {}
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
            descriptor = watch.fileno()
            self._selector.register(descriptor, selectors.EVENT_READ, (watch, told))
            self._descriptors[watch] = descriptor
        os.write(self._wake_end, b".")

    def remove(self, watch: Watch) -> None:
        """Wait for it no longer; call it before the watch is closed. May be called twice."""
        with self._lock, suppress(KeyError, ValueError):
            # By the number it came with: a closed watch has none, and a later one may have been given the same.
            self._selector.unregister(self._descriptors.pop(watch))

    def _run(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(self._waker, 4096)
                else:
                    self._hear(*key.data)

    def _hear(self, watch: Watch, told: Told) -> None:
        try:
            told(self._names(watch))
        except Exception:
            # Whatever it was, the other hosts still have to be heard.
            log.exception("What a host told could not be passed on.", extra={"action": "watch"})

    def _names(self, watch: Watch) -> set[str]:
        try:
            return watch.names()
        except RemoraError as error:
            log.info("A watch is over: %s", error, extra={"action": "watch"})
            self.remove(watch)
            return set()
