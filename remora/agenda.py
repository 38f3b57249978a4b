"""What a host is to be asked about next."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from remora.remote.session import Session


class Agenda:
    """Attempts that their host told of, or all: every so often and after each break. Safe to use from many threads."""

    def __init__(self, every: float) -> None:
        """Begin with all.

        Args:
            every: seconds after which all are asked about again.
        """
        self._every = every
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._session: Session | None = None
        self._all_asked = 0.0
        self._waiting = False

    @property
    def waiting(self) -> bool:
        """Whether something was told, or an exchange failed, and none has succeeded since."""
        return self._waiting

    def add(self, names: Iterable[str]) -> None:
        """Note attempts (``JOB.ATTEMPT``) that have news; with none, only that the host wants to be asked."""
        with self._lock:
            self._names.update(names)
            self._waiting = True

    def clear(self) -> None:
        """Forget everything: the host is another process's to ask."""
        with self._lock:
            self._names.clear()
            self._session = None
            self._waiting = False

    @contextmanager
    def taken(self, session: Session) -> Iterator[list[UUID] | None]:
        """Give the jobs to ask about, None for all; they wait again if that fails.

        All are asked about on a session that is new: what was told between it and the one before was not heard.
        """
        began = time.monotonic()
        with self._lock:
            names, self._names = self._names, set()
            self._waiting = False
            everything = session is not self._session or began - self._all_asked >= self._every
        try:
            yield None if everything else [UUID(name.rpartition(".")[0]) for name in names]
        except BaseException:
            self._put_back(names, everything=everything)
            raise
        if everything:
            self._session, self._all_asked = session, began

    def _put_back(self, names: set[str], *, everything: bool) -> None:
        with self._lock:
            self._names |= names
            self._waiting = True
            if everything:
                self._session = None
