"""A program on the far side, over one SSH channel."""

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable

import paramiko
from paramiko.buffered_pipe import BufferedPipe, PipeTimeout
from paramiko.common import cMSG_CHANNEL_WINDOW_ADJUST

from config.hosts import Host
from remora.errors import ChannelRefused, ConnectionLost, DeadlineExceeded
from remora.ssh.faults import CONNECTED, about, explain
from remora.ssh.transport import SafeTransport

CLOSE_LIMIT = 5.0
"""Seconds that saying goodbye may take before the connection counts as dead."""
ERRORS_KEPT = 4096
"""Bytes of standard error that are kept for messages."""


class SshChannel:
    """One program's standard input and output.

    Its standard error is thrown away as it comes, but for the last bytes: nobody reads it, and unread it would fill
    the window that it shares with standard output.
    """

    def __init__(
        self, raw: paramiko.Channel, transport: SafeTransport, *, host: Host, on_close: Callable[[], None]
    ) -> None:
        """Take over a freshly opened session channel.

        Args:
            raw: The channel; nothing was asked of it yet.
            transport: Its connection.
            host: For messages.
            on_close: Called once, when it is closed from this side.
        """
        self._raw = raw
        self._transport = transport
        self._host = host
        self._on_close = on_close
        self._lock = threading.Lock()
        self._bell: Bell | None = None
        self._closed = False
        self._errors = _Drain(weakref.ref(self))
        transport.give_outlet(raw)
        raw.in_stderr_buffer = self._errors

    def execute(self, command: str, deadline: float) -> None:
        """Start the program; once, before anything else.

        Raises:
            ChannelRefused: the host would not start it.
        """
        message = paramiko.Message()
        message.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
        message.add_int(self._raw.remote_chanid)
        message.add_string("exec")
        message.add_boolean(True)
        message.add_string(command)
        self._send_message(message, deadline)
        # paramiko's own exec_command waits for the answer without any limit.
        if not self._raw.event.wait(_left(deadline)):
            raise self._late("start a program")
        if not self._raw.event_ready:
            raise self._refused()

    def _refused(self) -> ChannelRefused | ConnectionLost:
        if self._transport.is_active():
            return ChannelRefused(f"{about(self._host)} would not start a program", host=self._host.name)
        return self._lost()

    def send(self, data: bytes, deadline: float) -> None:
        rest = memoryview(data)
        while rest:
            self._wait_for_window(deadline)
            try:
                with self._transport.writing_until(deadline):
                    # The window is open and this is the only writer: it does not wait.
                    sent = self._raw.send(bytes(rest[: self._raw.out_max_packet_size]))
            except (OSError, EOFError, paramiko.SSHException) as error:
                raise self._lost() from error
            if sent == 0:
                raise self._lost()
            rest = rest[sent:]

    def _wait_for_window(self, deadline: float) -> None:
        raw = self._raw
        with raw.lock:
            ready = raw.out_buffer_cv.wait_for(
                lambda: raw.closed or raw.eof_sent or raw.out_window_size > 0, timeout=_left(deadline)
            )
        if not ready:
            raise self._late("take our data")

    def receive(self, size: int, deadline: float) -> bytes:
        try:
            data: bytes = self._raw.in_buffer.read(size, _left(deadline))
        except PipeTimeout as error:
            raise self._late("send anything") from error
        self.acknowledge(len(data))
        return data

    def acknowledge(self, size: int) -> None:
        """Let the far side send ``size`` bytes more; a connection that dies meanwhile is met by the next read."""
        grant = self._raw._check_add_window(size)  # type: ignore[attr-defined]  # private
        if not grant:
            return
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
        message.add_int(self._raw.remote_chanid)
        message.add_int(grant)
        with contextlib.suppress(ConnectionLost):
            self._send_message(message, time.monotonic() + CLOSE_LIMIT)

    def _send_message(self, message: paramiko.Message, deadline: float) -> None:
        try:
            with self._transport.writing_until(deadline):
                self._raw.transport._send_user_message(message)  # type: ignore[union-attr]  # its outlet
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise explain(error, self._host, CONNECTED) from error

    @property
    def errors(self) -> bytes:
        """The last bytes of its standard error, for messages."""
        return self._errors.tail

    def fileno(self) -> int:
        with self._lock:
            if self._closed:
                raise ConnectionLost(f"{about(self._host)}: the channel is closed", host=self._host.name)
            if self._bell is None:
                self._bell = Bell()
                self._raw.in_buffer.set_event(self._bell)  # type: ignore[arg-type]  # it needs set and clear only
            return self._bell.fileno()

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        # Where that raises, the connection is dead, and so is the channel.
        dead = contextlib.suppress(OSError, EOFError, paramiko.SSHException)
        with dead, self._transport.writing_until(time.monotonic() + CLOSE_LIMIT):
            self._raw.close()
        self._raw.in_buffer.close()
        if self._bell is not None:
            self._bell.close()
        self._on_close()

    def __del__(self) -> None:
        """Close what somebody forgot; its place among the connection's channels would be lost."""
        self.close()

    def _late(self, deed: str) -> DeadlineExceeded | ConnectionLost:
        if not self._transport.is_active():
            return self._lost()
        return DeadlineExceeded(f"{about(self._host)} did not {deed} in time", host=self._host.name)

    def _lost(self) -> ConnectionLost:
        words = "the program has ended" if self._transport.is_active() else "the connection is lost"
        return ConnectionLost(f"{about(self._host)}: {words}", host=self._host.name)


class Bell:
    """A pipe that is readable while it is set.

    paramiko has one, but closes its descriptors while another thread may write to them: the byte could land in
    whatever file was opened next.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._lock = threading.Lock()
        self._ringing = False
        self._closed = False

    def fileno(self) -> int:
        """Give the descriptor to select on."""
        return self._reader

    def set(self) -> None:
        """Make it readable."""
        with self._lock:
            if not self._ringing and not self._closed:
                os.write(self._writer, b"!")
                self._ringing = True

    def clear(self) -> None:
        """Make it silent."""
        with self._lock:
            if self._ringing and not self._closed:
                os.read(self._reader, 1)
                self._ringing = False

    def close(self) -> None:
        """Close both ends; later calls do nothing."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._reader)
                os.close(self._writer)


class _Drain(BufferedPipe):  # type: ignore[type-arg]  # generic in the stubs only
    """Takes the place of a channel's buffer of standard error and keeps only its end."""

    def __init__(self, channel: "weakref.ref[SshChannel]") -> None:
        super().__init__()
        self._channel = channel
        self.tail = b""

    def feed(self, data: bytes) -> None:
        """Throw it away and let the far side go on; called by the transport's thread."""
        self.tail = (self.tail + data)[-ERRORS_KEPT:]
        channel = self._channel()
        if channel is not None:
            channel.acknowledge(len(data))


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
