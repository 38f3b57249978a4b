"""paramiko's transport, made safe for many threads and for hosts that are silent, slow or hostile.

paramiko 5.1 as it comes kills whole connections when several threads use it, believes any host certificate, and never
notices that the far side is gone. Each class here says what it mends.
"""

import contextlib
import logging
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence

import paramiko
from paramiko.common import MSG_CHANNEL_CLOSE
from paramiko.packet import Packetizer

from remora.ssh.tcp import QuickSocket
from remora.ssh.wire import printable

LOGGER = "remora.ssh.paramiko"
"""paramiko tells every failure twice; what we raise says it once. Lower its level to see the protocol."""
logging.getLogger(LOGGER).setLevel(logging.CRITICAL)

BANNER_LIMIT = 64 * 1024
"""Bytes a server may send before its version line."""
PACKET_LIMIT = 256 * 1024
"""Largest packet, as in OpenSSH; paramiko would buffer up to 4 GiB."""
WRITE_GRACE = 1.0
"""Seconds by which a write may miss its deadline before the connection counts as dead."""

Send = Callable[[paramiko.Message], None]


class CarefulPacketizer(Packetizer):
    """Bounds what a server may make us hold, knows when something was last heard, and never starts a re-key.

    A re-key that we start breaks off busy connections after 512 MB: other threads' data is on its way while paramiko
    expects nothing but key exchange. Servers start their own in time, and those are safe.
    """

    REKEY_BYTES = REKEY_PACKETS = 1 << 50

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.last_heard = time.monotonic()
        """When the last message came."""
        self.on_silence: Callable[[], None] | None = None
        """Called by the transport's thread whenever nothing came for the socket's time-out."""
        self._banner_bytes = 0

    def read_message(self) -> tuple[int, paramiko.Message]:
        message = super().read_message()
        self.last_heard = time.monotonic()
        return message

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        if not 0 <= n <= PACKET_LIMIT:
            raise paramiko.SSHException(f"a packet of {n} bytes")
        return super().read_all(n, check_rekey)

    def _read_timeout(self, timeout: float) -> bytes:
        """Read a piece of the lines before the key exchange."""
        piece: bytes = super()._read_timeout(timeout)  # type: ignore[misc]  # the stubs leave out what is private
        self._banner_bytes += len(piece)
        if self._banner_bytes > BANNER_LIMIT:
            raise paramiko.SSHException(f"more than {BANNER_LIMIT} bytes before its version")
        return piece

    def _check_keepalive(self) -> None:
        """Take the place of paramiko's keepalive, which never looks for an answer."""
        if self.on_silence is not None:
            self.on_silence()


class Outlet:
    """What a channel sees of its transport: nothing of this channel leaves after its CLOSE.

    The thread that uses a channel and the transport's own thread both send for it. Data or EOF that leaves after
    CLOSE makes OpenSSH drop the whole connection or, once it has given the number to a new channel, ends up there.
    The check is made where all messages pass one by one, under paramiko's send lock.
    """

    def __init__(self, transport: "SafeTransport", *, closed: bool = False) -> None:
        self._transport = transport
        self._closed = closed

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def _send_user_message(self, message: paramiko.Message) -> None:
        """Send for this channel; called by paramiko's Channel."""
        message.outlet = self  # type: ignore[attr-defined]  # read back in SafeTransport._send_message
        self._transport.send(message)

    def admits(self, message: paramiko.Message) -> bool:
        """Tell whether the message may still leave; to be called under the send lock, once for each message."""
        if self._closed:
            return False
        self._closed = message.asbytes()[0] == MSG_CHANNEL_CLOSE
        return True


class SafeTransport(paramiko.Transport):
    """A client's transport that judges host keys before anything else and can tell that the far side is gone."""

    _preferred_kex = tuple(
        name
        for name in (
            "mlkem768x25519-sha256",
            "curve25519-sha256@libssh.org",
            "ecdh-sha2-nistp256",
            "ecdh-sha2-nistp384",
            "ecdh-sha2-nistp521",
            "diffie-hellman-group16-sha512",
            "diffie-hellman-group-exchange-sha256",
            "diffie-hellman-group14-sha256",
        )
        if name in paramiko.Transport._kex_info  # type: ignore[attr-defined]  # what the cryptography library can do
    )
    # aes128-gcm first: half as fast again as paramiko's own choice.
    _preferred_ciphers = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
    _preferred_macs = (
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
    )

    packetizer: CarefulPacketizer

    def __init__(
        self,
        sock: socket.socket | paramiko.Channel,
        *,
        host_key_algorithms: Sequence[str],
        judge: Callable[[bytes], None],
    ) -> None:
        """Prepare; nothing is sent before ``start_client``.

        Args:
            sock: An open connection to the host.
            host_key_algorithms: What to ask for, best first.
            judge: Called with the host's key as it came; raises if it must not be believed.
        """
        self._host_key_algorithms = tuple(host_key_algorithms)
        super().__init__(sock, packetizer_class=CarefulPacketizer)
        self.set_log_channel(LOGGER)
        self._judge = judge
        self._judged: bytes | None = None
        self._write_deadlines: dict[int, float] = {}
        self._silence_limit = float("inf")
        _of_this_process.add(self)

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        return self._host_key_algorithms

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        """Check the signature, then the key itself, before the new keys are taken into use.

        On a re-key the host must show the same key again: paramiko would accept any.
        """
        super()._verify_key(host_key, sig)  # type: ignore[misc]  # private
        if self._judged is None:
            self._judge(host_key)
            self._judged = host_key
        elif host_key != self._judged:
            raise paramiko.SSHException("the host changed its key in the middle of a connection")

    def _parse_disconnect(self, message: paramiko.Message) -> None:
        """Keep the host's reason, which paramiko only logs."""
        message.get_int()
        self.saved_exception = paramiko.SSHException(f"the host closed it, saying “{printable(message.get_string())}”")

    def _parse_channel_open_success(self, message: paramiko.Message) -> None:
        """Close a channel for which nobody waits any more: it would fill one of the host's session slots for ever."""
        start = message.packet.tell()
        number, theirs = message.get_int(), message.get_int()
        message.packet.seek(start)
        wanted = self._channels.get(number)  # type: ignore[attr-defined]  # private
        if wanted is not None:
            super()._parse_channel_open_success(message)  # type: ignore[misc]  # private
            return
        close = paramiko.Message()
        close.add_byte(bytes([MSG_CHANNEL_CLOSE]))
        close.add_int(theirs)
        self.send(close)

    def _send_message(self, data: paramiko.Message) -> None:
        """Send one message; where it belongs to a channel, the send lock is held."""
        outlet: Outlet | None = getattr(data, "outlet", None)
        if outlet is None or outlet.admits(data):
            super()._send_message(data)  # type: ignore[misc]  # private

    def send(self, message: paramiko.Message) -> None:
        """Send a message as soon as no key exchange is under way."""
        self._send_user_message(message)  # type: ignore[attr-defined]  # private

    def give_outlet(self, channel: paramiko.Channel) -> None:
        """Put an ``Outlet`` between a new channel and this transport."""
        channel.transport = Outlet(self)  # type: ignore[assignment]  # it stands in for it
        if channel.closed:  # its CLOSE may have left before the outlet was there
            channel.transport = Outlet(self, closed=True)  # type: ignore[assignment]

    @contextlib.contextmanager
    def writing_until(self, deadline: float) -> Iterator[None]:
        """Have the connection given up if what this thread sends now is still stuck ``WRITE_GRACE`` past ``deadline``.

        A write into a full socket cannot be called back; only closing the connection ends it.
        """
        thread = threading.get_ident()
        self._write_deadlines[thread] = deadline
        try:
            yield
        finally:
            # A finaliser may have closed another channel in the middle of this thread's write.
            self._write_deadlines.pop(thread, None)

    def settle(self, *, ping: float, silence: float) -> None:
        """Begin the quiet life of an authenticated connection.

        paramiko wakes ten times a second to look whether it should end; with this it wakes once every ``ping``
        seconds, asks the host for a sign of life, and ``ailment`` can tell.

        Args:
            ping: Seconds of silence after which the host is asked for an answer.
            silence: Seconds of silence after which it counts as gone.
        """
        self.packetizer.last_heard = time.monotonic()
        self._silence_limit = silence
        self.packetizer.on_silence = self._ping
        self.sock.settimeout(ping)

    def _ping(self) -> None:
        """Ask for any answer; hosts refuse this request, and the refusal is the answer."""
        # In a key exchange the send would wait for this very thread.
        if not self.clear_to_send.is_set():
            return
        message = paramiko.Message()
        message.add_byte(paramiko.common.cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        with self.writing_until(time.monotonic() + self._silence_limit):
            self.send(message)

    def ailment(self, now: float) -> str | None:
        """Say why the connection must be given up; None while it is well. Takes no lock, so it never waits."""
        if now - self.packetizer.last_heard > self._silence_limit:
            return f"nothing heard for {now - self.packetizer.last_heard:.0f} seconds"
        if any(now > deadline + WRITE_GRACE for deadline in list(self._write_deadlines.values())):
            return "it takes no data"
        return None

    def give_up(self, reason: str) -> None:
        """Cut the connection; every thread that waits on it gets an error."""
        if self.saved_exception is None:
            self.saved_exception = paramiko.SSHException(reason)
        self.close()

    def forgive_silence(self, now: float) -> None:
        """Count silence from ``now``: until then it was us who did not listen."""
        self.packetizer.last_heard = now

    def leave_to_parent(self) -> None:
        """After a fork: let go of the socket without a word, as the connection belongs to the parent."""
        self.active = False
        if isinstance(self.sock, QuickSocket):
            self.sock.close()


_of_this_process: "weakref.WeakSet[SafeTransport]" = weakref.WeakSet()
_of_the_parent: list[SafeTransport] = []
"""Kept for ever: paramiko's finalisers would write into the parent's connections."""


def _leave_all_to_parent() -> None:
    _of_the_parent.extend(_of_this_process)
    _of_this_process.clear()
    for transport in _of_the_parent:
        transport.leave_to_parent()


os.register_at_fork(after_in_child=_leave_all_to_parent)
