"""A held shell on a host: it is asked, it answers, and neither trusts anything between the two."""

import secrets
import time

from remora.errors import ConnectionLost, HostUnfit
from remora.remote.port import Channel

PIECE = 256 * 1024
"""Bytes taken from the channel at once."""
REPLY_MOST = 64 * 1024 * 1024
"""Bytes of one reply beyond which the host is not listened to."""
SAID_MOST = 300
"""Bytes kept of what a host says out of turn, for messages."""


def new_nonce() -> str:
    """Give a word that no host can guess."""
    return secrets.token_hex(12)


class HeldShell:
    """One channel with a shell behind it. One thread asks at a time; after any error it is of no more use."""

    def __init__(self, channel: Channel) -> None:
        """Take over a channel that runs ``exec /bin/sh -s``."""
        self._channel = channel
        self.said = b""
        """The last that was received outside a reply: a banner, or why there is no shell."""

    def ask(
        self, request: bytes, *, nonce: str, deadline: float, payload: bytes | None = None, until: str = "end"
    ) -> bytes:
        """Send a request and give the reply up to its last section.

        Args:
            request: A brace group.
            nonce: The one in the request.
            deadline: Reading of ``time.monotonic()``.
            payload: Bytes to send once the host says ``ready``: until then its shell might read them as commands.
            until: The last section, which says nothing but its name.

        Raises:
            ConnectionLost: the shell has ended; what was asked may have been done.
            DeadlineExceeded: the same may be true.
        """
        self._channel.send(request, deadline)
        ready = b""
        if payload is not None:
            ready = self._receive_until(f"\n{nonce} ready\n".encode(), deadline)
            self._channel.send(payload, deadline)
        return ready + self._receive_until(f"\n{nonce} {until}\n".encode(), deadline)

    def _receive_until(self, trailer: bytes, deadline: float) -> bytes:
        reply = bytearray()
        while not reply.endswith(trailer):
            data = self._channel.receive(PIECE, deadline)
            if not data:
                self.said = bytes(reply[:SAID_MOST])
                raise ConnectionLost("the shell on the host has ended")
            reply += data
            if len(reply) > REPLY_MOST:
                raise HostUnfit(f"the host answered with more than {REPLY_MOST} bytes")
        return bytes(reply)

    def fileno(self) -> int:
        """Give the descriptor that is readable when the host has said something."""
        return self._channel.fileno()

    def overhear(self) -> bytes:
        """Give what the host says unasked; call it when ``fileno`` is readable.

        Raises:
            ConnectionLost: it says no more.
        """
        data = self._channel.receive(PIECE, time.monotonic() + 1.0)
        if not data:
            raise ConnectionLost("the shell on the host has ended")
        return data

    def close(self) -> None:
        """Let go of it; the shell ends when its input does."""
        self._channel.close()
