"""One connection a host, shared by all who need it."""

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import random

from config.hosts import Host
from remora.errors import DeadlineExceeded, HostUnreachable, Permanent, RemoraError
from remora.remote.port import Dialer, Link

HANDSHAKES = 2
"""Handshakes under way at one address; sshd's MaxStartups begins to drop at ten, counting everybody's."""
FIRST_PAUSE = 0.5
"""Seconds; the longest pause after the first failure."""
LONGEST_PAUSE = 20.0
"""Seconds."""


def pause(failures: int, chance: float) -> float:
    """Say how many seconds to leave a host alone after failing to connect.

    Anywhere between nothing and twice as long each time: at most 0.5, 1, 2, 4 … 20 seconds. Full jitter: a
    thousand hosts that fell silent together are not tried together.

    Args:
        failures: Failures in a row, 1 or more.
        chance: A random number from 0 to 1.
    """
    return chance * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 32))


@dataclass
class _Entry:
    """What is known of one host; guarded by the pool's lock."""

    host: Host
    link: Link | None = None
    dialling: bool = False
    """One thread is connecting."""
    failures: int = 0
    """Failures to connect in a row."""
    retry_at: float = 0.0
    """No attempt before this reading of the clock."""
    failure: RemoraError | None = None
    """Why the last attempt failed; a permanent one stays until ``reset``."""
    used: float = 0.0
    """When the link was last given to somebody."""
    outdated: list[Link] = field(default_factory=list)
    """Links to the host as it was configured before; closed before the next is made."""

    def take_links(self) -> list[Link]:
        """Give all its links away, to be closed without the lock."""
        taken = [*self.outdated, *([self.link] if self.link else [])]
        self.link, self.outdated = None, []
        return taken


class Pool:
    """Gives out links and makes them when needed; safe to use from several threads and after a fork.

    Nobody waits for a host that is known not to answer: while it is left alone, asking for it fails at once.
    """

    def __init__(
        self, dialer: Dialer, *, clock: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random
    ) -> None:
        """Start empty.

        Args:
            dialer: Makes the links.
            clock: Seconds; deadlines are readings of it.
            chance: Random numbers from 0 to 1.
        """
        self._dialer = dialer
        self._clock = clock
        self._chance = chance
        self.start_over()
        _pools.add(self)

    def start_over(self) -> None:
        """Begin with nothing, as after a fork: the links, and the locks that others held, belong to the parent."""
        self._changed = threading.Condition()
        self._entries: dict[str, _Entry] = {}
        self._gates: dict[tuple[str, int], threading.BoundedSemaphore] = {}
        self._closed = False

    def link(self, host: Host, deadline: float) -> Link:
        """Give the live link to a host; one caller connects, the others wait for it.

        Raises:
            HostUnreachable: connecting failed, now or so shortly before that it is not tried again yet; then
                ``facts["retry_at"]`` is the reading of the clock from which on it is.
            DeadlineExceeded: another caller is still connecting.
            Permanent: the host or our key was refused; nothing is tried until ``reset``.
        """
        with self._changed:
            entry = self._settled(host, deadline)
            if entry.link is not None and entry.link.alive:
                entry.used = self._clock()
                return entry.link
            self._refuse_early(entry)
            entry.dialling = True
            leftovers = entry.take_links()
        try:
            _close_all(leftovers)
            return self._connect(entry, deadline)
        finally:
            with self._changed:
                entry.dialling = False
                self._changed.notify_all()

    def _settled(self, host: Host, deadline: float) -> _Entry:
        """Give what is known of the host as it is configured now, once nobody is connecting to it."""
        while not self._closed:
            entry = self._entries.get(host.name)
            if entry is None or entry.host != host:
                entry = self._entries[host.name] = _Entry(host, outdated=entry.take_links() if entry else [])
            if not entry.dialling:
                return entry
            if not self._changed.wait(deadline - self._clock()):
                raise DeadlineExceeded(f"{host.name}: still connecting", host=host.name)
        raise HostUnreachable("the connections are being closed", host=host.name)

    def _refuse_early(self, entry: _Entry) -> None:
        failure = entry.failure
        if isinstance(failure, Permanent):
            raise _again(failure)
        if failure is not None and self._clock() < entry.retry_at:
            raise HostUnreachable(str(failure), **failure.facts)

    def _connect(self, entry: _Entry, deadline: float) -> Link:
        """Dial, with nothing locked, and record how that ended."""
        with self._turn(entry.host, deadline):
            try:
                link = self._dialer.dial(entry.host, deadline)
            except RemoraError as error:
                self._record_failure(entry, error)
                raise
        with self._changed:
            if self._entries.get(entry.host.name) is entry:
                entry.link, entry.failures, entry.failure, entry.used = link, 0, None, self._clock()
                return link
        link.close()
        raise HostUnreachable(f"{entry.host.name}: was changed or removed meanwhile", host=entry.host.name)

    @contextmanager
    def _turn(self, host: Host, deadline: float) -> Iterator[None]:
        """Wait for a turn at the host's address."""
        with self._changed:
            gate = self._gates.setdefault((host.address, host.port), threading.BoundedSemaphore(HANDSHAKES))
        if not gate.acquire(timeout=max(0.0, deadline - self._clock())):
            raise DeadlineExceeded(f"{host.name}: others are still connecting to {host.address}", host=host.name)
        try:
            yield
        finally:
            gate.release()

    def _record_failure(self, entry: _Entry, failure: RemoraError) -> None:
        with self._changed:
            entry.failures += 1
            entry.retry_at = self._clock() + pause(entry.failures, self._chance())
            failure.facts["retry_at"] = entry.retry_at
            entry.failure = _again(failure)

    def reset(self, name: str) -> None:
        """Forget that a host refused us or did not answer; a link that is there stays."""
        with self._changed:
            entry = self._entries.get(name)
            if entry is not None:
                entry.failures, entry.retry_at, entry.failure = 0, 0.0, None

    def forget(self, name: str) -> None:
        """Close a host's link and forget all about it."""
        with self._changed:
            entry = self._entries.pop(name, None)
            links = entry.take_links() if entry else []
        _close_all(links)

    def close_idle(self, now: float, *, after: float = 300.0) -> int:
        """Close links that nobody has asked for during the last ``after`` seconds, and tell how many.

        Whoever keeps channels open should therefore ask for the link at each use; that costs next to nothing.
        """
        with self._changed:
            idle = [entry for entry in self._entries.values() if entry.link and now - entry.used > after]
            links = [link for entry in idle for link in entry.take_links()]
        _close_all(links)
        return len(idle)

    def close(self) -> None:
        """Close all links; nothing can be had afterwards. May be called twice."""
        with self._changed:
            self._closed = True
            links = [link for entry in self._entries.values() for link in entry.take_links()]
            self._entries.clear()
            self._changed.notify_all()
        _close_all(links)


_pools: "weakref.WeakSet[Pool]" = weakref.WeakSet()


def _start_all_over() -> None:
    for pool in _pools:
        pool.start_over()


os.register_at_fork(after_in_child=_start_all_over)


def _close_all(links: Iterable[Link]) -> None:
    for link in links:
        link.close()


def _again(failure: RemoraError) -> RemoraError:
    """Make the same error anew: one that is kept or raised twice drags the stacks of its threads along."""
    return type(failure)(str(failure), **failure.facts)
