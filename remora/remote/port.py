"""What the engine needs of a way to a host; SSH is one, a local process another.

Every ``deadline`` is a reading of ``time.monotonic()`` in seconds. All calls raise
``DeadlineExceeded`` when it passes and ``ConnectionLost`` when the connection is dead.
"""

from typing import Protocol

from config.hosts import Host


class Channel(Protocol):
    """A byte stream to one program on the far side. One thread writes, one thread reads."""

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of ``data`` to the program's standard input."""

    def receive(self, size: int, deadline: float) -> bytes:
        """Wait for 1 to ``size`` bytes of its standard output; ``b""`` when it has ended or the connection is dead."""

    def fileno(self) -> int:
        """Give a descriptor that ``select`` finds readable when ``receive`` would not wait."""

    def close(self) -> None:
        """Let go of it; may be called twice. The program sees its standard input end."""


class Link(Protocol):
    """An authenticated connection to one host, safe to use from several threads."""

    @property
    def alive(self) -> bool:
        """Whether it is believed to be usable."""

    def open(self, command: str, deadline: float) -> Channel:
        """Run ``command`` under the account's login shell and give the channel to it.

        Raises:
            ChannelRefused: the host opens no further session now.
        """

    def close(self) -> None:
        """Close it with all its channels; may be called twice."""


class Dialer(Protocol):
    """Makes links."""

    def dial(self, host: Host, deadline: float) -> Link:
        """Connect, verify the host's key, authenticate.

        Raises:
            HostUnreachable: no connection, or no authentication answer in time.
            HostKeyRefused: before anything was authenticated.
            AuthenticationRefused: the host does not accept our key.
        """
