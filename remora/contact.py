"""The open line to one host: made when needed, dropped when it breaks."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from remora.errors import ChannelRefused, ConnectionLost, DeadlineExceeded, HostUnfit
from remora.kit import Kit
from remora.remote.operations import Ground
from remora.remote.session import Session
from remora.remote.watch import Watch


class Contact:
    """A session with a host and the watch beside it; safe to use from several threads."""

    def __init__(self, host: str, kit: Kit, told: Callable[[set[str]], None]) -> None:
        """Prepare.

        Args:
            told: called with the attempts that have news; with none when the watch is over.
        """
        self._host = host
        self._kit = kit
        self._told = told
        self._lock = threading.RLock()
        self._watch: Watch | None = None
        self._watch_over: Watch | None = None
        self._session: Session | None = None
        self._ground: Ground | None = None
        self.used = time.monotonic()

    @property
    def session(self) -> Session | None:
        """The session if one is open."""
        return self._session

    @contextmanager
    def open(self, deadline: float) -> Iterator[tuple[Session, Ground]]:
        """Give the session, dialling if there is none; it is dropped if what is done with it breaks it.

        Raises:
            Transient: the host cannot be reached now.
            Permanent: somebody must change something first.
        """
        session, ground = self._ready(deadline)
        try:
            yield session, ground
        except (ConnectionLost, DeadlineExceeded, HostUnfit):
            self.drop(session)
            raise

    def drop(self, session: Session | None = None) -> None:
        """Close what is open; the next use dials again if the connection is dead.

        Args:
            session: the one that is broken; if another has taken its place meanwhile, that one is left alone.
        """
        with self._lock:
            if session is not None and session is not self._session:
                return
            watch, dropped = self._watch, self._session
            self._watch = self._watch_over = self._session = self._ground = None
        if watch is not None:
            self._kit.watcher.remove(watch)
            watch.close()
        if dropped is not None:
            dropped.close()

    def _ready(self, deadline: float) -> tuple[Session, Ground]:
        self.used = time.monotonic()
        with self._lock:
            if self._watch is not None and self._watch is self._watch_over:
                self.drop()
            if self._session is None or self._ground is None:
                self._session, self._ground = self._open(deadline)
            return self._session, self._ground

    def _open(self, deadline: float) -> tuple[Session, Ground]:
        record = self._kit.records.host(self._host)
        link = self._kit.pool.link(record.host, deadline)
        session = Session(link, record.host, self._kit.installation, base=record.base)
        try:
            ground = session.open(deadline)
            self._listen(session, deadline)
        except Exception:
            session.close()
            raise
        return session, ground

    def _listen(self, session: Session, deadline: float) -> None:
        """Open the watch; without one the host is asked every now and then."""
        try:
            watch = session.watch(deadline)
        except (ChannelRefused, HostUnfit):
            return
        self._watch = watch
        self._kit.watcher.add(watch, partial(self._heard, watch))

    def _heard(self, watch: Watch, names: set[str]) -> None:
        if not names:
            # It is closed by whoever needs the session next: closing may wait for a connection that hangs, and this
            # thread listens to all hosts.
            self._watch_over = watch
        self._told(names)
