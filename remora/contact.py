"""The open line to one host: made when needed, dropped when it breaks."""

import threading
import time
from collections.abc import Callable

from remora.errors import ChannelRefused, HostUnfit, RemoraError
from remora.kit import Kit
from remora.remote.operations import Ground
from remora.remote.session import Session
from remora.remote.watch import Watch


class Contact:
    """A session with a host and the watch beside it; safe to use from several threads."""

    def __init__(self, host: str, kit: Kit, told: Callable[[set[str]], None]) -> None:
        self._host = host
        self._kit = kit
        self._told = told
        self._lock = threading.RLock()
        self._watch: Watch | None = None
        self._session: Session | None = None
        self.ground: Ground | None = None
        self.used = time.monotonic()

    @property
    def session(self) -> Session | None:
        """The session if one is open."""
        return self._session

    def ready(self, deadline: float) -> tuple[Session, Ground]:
        """Give the open session, dialling if there is none.

        Raises:
            Transient: the host cannot be reached now.
            Permanent: somebody must change something first.
        """
        self.used = time.monotonic()
        with self._lock:
            if self._session is None or self.ground is None:
                self._session, self.ground = self._open(deadline)
            return self._session, self.ground

    def drop(self) -> None:
        """Close what is open; the next ``ready`` dials again if the connection is dead."""
        with self._lock:
            watch, session = self._watch, self._session
            self._watch = self._session = self.ground = None
        if watch is not None:
            self._kit.watcher.remove(watch)
            watch.close()
        if session is not None:
            session.close()

    def _open(self, deadline: float) -> tuple[Session, Ground]:
        record = self._kit.records.host(self._host)
        link = self._kit.pool.link(record.host, deadline)
        session = Session(link, record.host, self._kit.installation, base=record.base)
        try:
            ground = session.open(deadline)
            self._listen(session, deadline)
        except RemoraError:
            session.close()
            raise
        return session, ground

    def _listen(self, session: Session, deadline: float) -> None:
        """Open the watch; without one the host is asked every now and then."""
        try:
            self._watch = session.watch(deadline)
        except (ChannelRefused, HostUnfit):
            return
        self._kit.watcher.add(self._watch, self._told)
