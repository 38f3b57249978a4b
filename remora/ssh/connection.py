"""An authenticated connection to one host, over SSH."""

import os
import threading
import time
from collections.abc import Callable

import paramiko

from config.hosts import Host
from remora.errors import ChannelRefused, ConnectionLost, DeadlineExceeded
from remora.ssh.channel import SshChannel
from remora.ssh.faults import CONNECTED, about, explain
from remora.ssh.tcp import QuickSocket
from remora.ssh.transport import SafeTransport

MOST_CHANNELS = 4
"""Channels in use at once. sshd's MaxSessions is 10, but a session counts until its program is gone."""


class Connection:
    """A link; safe to use from several threads, dead for good once it is dead."""

    def __init__(self, host: Host, transport: SafeTransport, *, on_close: Callable[[], None] = lambda: None) -> None:
        """Take over an authenticated transport.

        Args:
            host: Whom it leads to.
            transport: The connection below.
            on_close: Called once, when it is closed from this side.
        """
        self.host = host
        self._transport = transport
        self._on_close = on_close
        self._places = threading.BoundedSemaphore(MOST_CHANNELS)
        self._lock = threading.Lock()
        self._closed = False
        self._process = os.getpid()

    @property
    def alive(self) -> bool:
        return self._transport.is_authenticated() and self._process == os.getpid()

    def open(self, command: str, deadline: float) -> SshChannel:
        if not self._places.acquire(blocking=False):
            raise ChannelRefused(
                f"{about(self.host)}: all {MOST_CHANNELS} channels of the connection are in use", host=self.host.name
            )
        try:
            raw = self._open_raw("session", deadline)
        except BaseException:
            self._places.release()
            raise
        # From here on the place is the channel's to give back.
        channel = SshChannel(raw, self._transport, host=self.host, on_close=self._places.release)
        try:
            channel.execute(command, deadline)
        except BaseException:
            channel.close()
            raise
        self._be_no_longer_eager()
        return channel

    def tunnel(self, address: str, port: int, deadline: float) -> paramiko.Channel:
        """Open a connection from this host to another address, as a jump host does.

        Raises:
            ChannelRefused: this host does not allow it, or does not reach the address.
        """
        raw = self._open_raw("direct-tcpip", deadline, to=(address, port))
        self._transport.give_outlet(raw)
        return raw

    def _open_raw(self, kind: str, deadline: float, *, to: tuple[str, int] | None = None) -> paramiko.Channel:
        source = ("127.0.0.1", 0) if to else None
        left = max(0.0, deadline - time.monotonic())
        try:
            with self._transport.writing_until(deadline):
                return self._transport.open_channel(kind, dest_addr=to, src_addr=source, timeout=left)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._why_not_open(error, deadline) from error

    def _why_not_open(self, error: Exception, deadline: float) -> Exception:
        """Tell apart what paramiko mixes up: it keeps one error for all threads, so ours may be another's."""
        if not self.alive:
            return ConnectionLost(f"{about(self.host)}: the connection is lost ({error})", host=self.host.name)
        if isinstance(error, paramiko.ChannelException):
            return explain(error, self.host, CONNECTED)
        if time.monotonic() >= deadline:
            return DeadlineExceeded(f"{about(self.host)} did not open a session in time", host=self.host.name)
        return ChannelRefused(f"{about(self.host)} opens no further session now", host=self.host.name)

    def _be_no_longer_eager(self) -> None:
        """Let the kernel delay acknowledgements again: a session exists, and sshd no longer holds packets back."""
        if isinstance(self._transport.sock, QuickSocket):
            self._transport.sock.eager = False

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._transport.close()
        self._on_close()
