"""A process's proof of life: one key in Redis, renewed while the process runs."""

import logging
import threading
import time
from collections.abc import Callable

from remora.errors import RecordsUnavailable
from remora.records.records import Records

log = logging.getLogger(__name__)


class Lease:
    """Keeps a worker process alive in the records; whoever speaks for a host holds one."""

    def __init__(self, records: Records, process: str, duration: float, *, beside: Callable[[], None]) -> None:
        """Prepare it.

        Args:
            duration: seconds that one renewal lasts.
            beside: called at every renewal, for small regular duties.
        """
        self._records = records
        self._duration = duration
        self._beside = beside
        self._renewed = float("-inf")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self.process = process

    @property
    def fresh(self) -> bool:
        """Whether something new may be sent: less than two thirds of the lease have passed since it was renewed."""
        return time.monotonic() - self._renewed < self._duration * 2 / 3

    def start(self) -> None:
        """Take the lease and keep it from now on."""
        self._renew()
        self._thread.start()

    def end(self) -> None:
        """Give it up, so that other processes take over at once."""
        self._ended.set()
        self._thread.join(timeout=2.0)
        self._renewed = float("-inf")
        try:
            self._records.release(self.process)
        except RecordsUnavailable:
            log.info("The lease could not be given up; it will lapse.", extra={"action": "lease"})

    def _keep(self) -> None:
        while not self._ended.wait(self._duration / 5):
            self._renew()
            try:
                self._beside()
            except RecordsUnavailable as error:
                log.info("A regular duty waits: %s", error, extra={"action": "lease"})
            except Exception:
                log.exception("A regular duty failed.", extra={"action": "lease"})

    def _renew(self) -> None:
        # The reading is taken before the call: a renewal that took long is worth less.
        before = time.monotonic()
        try:
            self._records.renew(self.process)
            self._renewed = before
        except RecordsUnavailable as error:
            log.warning("The lease could not be renewed: %s", error, extra={"action": "lease"})
