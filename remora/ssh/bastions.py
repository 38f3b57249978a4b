"""Connections to jump hosts, shared by all hosts behind them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from config.hosts import Host
from remora.errors import DeadlineExceeded
from remora.ssh.connection import Connection


@dataclass
class _Bastion:
    """One jump host."""

    dialling: threading.Lock = field(default_factory=threading.Lock)
    """Held by the one thread that connects."""
    connection: Connection | None = None
    users: int = 0
    """Tunnels through ``connection``."""


class Bastions:
    """Keeps one connection a jump host while tunnels use it: a thousand hosts behind it are still one login there."""

    def __init__(self, dial: Callable[[Host, float], Connection]) -> None:
        """Remember how to connect.

        Args:
            dial: Connects to a host by a deadline.
        """
        self._dial = dial
        self._lock = threading.Lock()
        self._bastions: dict[str, _Bastion] = {}

    def borrow(self, host: Host, deadline: float) -> Connection:
        """Give the connection to a jump host, made now if there is none; ``give_back`` must follow."""
        with self._lock:
            bastion = self._bastions.setdefault(host.name, _Bastion())
        if not bastion.dialling.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise DeadlineExceeded(f"the jump host {host.name} was not reached in time", host=host.name)
        try:
            return self._join(bastion, host) or self._replace(bastion, self._dial(host, deadline))
        finally:
            bastion.dialling.release()

    def _join(self, bastion: _Bastion, host: Host) -> Connection | None:
        """Count one more user of a connection that is there and leads to this host as it is configured now."""
        with self._lock:
            connection = bastion.connection
            if connection is None or not connection.alive or connection.host != host:
                return None
            bastion.users += 1
            return connection

    def _replace(self, bastion: _Bastion, fresh: Connection) -> Connection:
        """Take a new connection into use; tunnels through the old one stay until they end by themselves."""
        with self._lock:
            stale, bastion.connection, bastion.users = bastion.connection, fresh, 1
        if stale is not None and not stale.alive:
            stale.close()
        return fresh

    def give_back(self, connection: Connection) -> None:
        """Say that a tunnel is closed; with the last one the connection is."""
        with self._lock:
            bastion = self._bastions.get(connection.host.name)
            if bastion is None or bastion.connection is not connection:
                return  # it was replaced
            bastion.users -= 1
            idle = bastion.users == 0
            if idle:
                bastion.connection = None
        if idle:
            connection.close()
