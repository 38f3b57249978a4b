"""A second channel on which a host tells by itself which attempts have news: that they run, that they ended."""

import select

from remora.remote.protocol import place_of
from remora.remote.shell import HeldShell


class Watch:
    """What it tells are hints: news that was not heard is found by the next probe."""

    def __init__(self, shell: HeldShell) -> None:
        """Take over a shell that runs the watch."""
        self._shell = shell
        self._rest = b""

    def fileno(self) -> int:
        """Give the descriptor that is readable when there are names, or the watch is over."""
        return self._shell.fileno()

    def names(self) -> set[str]:
        """Give the names (``JOB.ATTEMPT``) told since the last call, without waiting.

        Raises:
            ConnectionLost: the watch is over: the connection died, or a newer watch took its place.
        """
        found: set[str] = set()
        while self._has_more():
            *lines, self._rest = (self._rest + self._shell.overhear()).split(b"\n")
            found.update(line.decode("ascii", "replace") for line in lines)
        return {name for name in found if place_of(name)}

    def _has_more(self) -> bool:
        waiting = select.poll()
        waiting.register(self._shell.fileno(), select.POLLIN)
        return bool(waiting.poll(0))

    def close(self) -> None:
        """Let go of it; its program on the host ends."""
        self._shell.close()
