"""Notices connections whose far side has gone silent."""

import logging
import threading
import time
import weakref

from remora.ssh.transport import SafeTransport

log = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between two looks."""
PAUSE = 3.0
"""Seconds by which a look may be late before we must have been stopped ourselves."""


class Heartbeat:
    """One thread for all connections of a process; it only looks and cuts, it never sends, so nothing can block it.

    It exists only while there is something to watch.
    """

    def __init__(self) -> None:
        self._watched: weakref.WeakSet[SafeTransport] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, transport: SafeTransport) -> None:
        """Look after a connection until it ends."""
        with self._lock:
            self._watched.add(transport)
            # After a fork the thread is not alive in the child.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="ssh heartbeat", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        last = time.monotonic()
        while self._any_left():
            time.sleep(TICK)
            now = time.monotonic()
            self._look(now, stopped=now - last > TICK + PAUSE)
            last = now

    def _any_left(self) -> bool:
        with self._lock:
            self._watched = weakref.WeakSet(one for one in self._watched if one.is_active())
            if not self._watched:
                self._thread = None
            return bool(self._watched)

    def _look(self, now: float, *, stopped: bool) -> None:
        for transport in list(self._watched):
            if stopped:
                transport.forgive_silence(now)
            elif reason := transport.ailment(now):
                log.warning("A connection is given up: %s.", reason, extra={"action": "connection_given_up"})
                # Closing a tunnel writes to the connection around it, which may hang as well.
                threading.Thread(target=transport.give_up, args=(reason,), daemon=True).start()
