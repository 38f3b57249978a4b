"""How long and how often a request is sent again."""

import random
import time

FIRST_PAUSE = 0.1
"""Seconds: the most that is waited before the second try; each further one may wait twice as long."""
LONGEST_PAUSE = 3.0
"""Seconds."""


def pause(turn: int, *, chance: float) -> float:
    """Give the seconds to wait after ``turn`` tries that failed (full jitter).

    Args:
        turn: From 1.
        chance: A number from 0 to 1.
    """
    return chance * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (turn - 1))


class Patience:
    """The tries of one request; the time counts from the first one that fails."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Forget all failures: the server was heard."""
        self._turn = 0
        self._deadline: float | None = None

    def rest(self) -> bool:
        """Sleep before the next try; False, at once, if that would take longer than we are patient."""
        self._turn += 1
        if self._deadline is None:
            self._deadline = time.monotonic() + self._seconds
        length = pause(self._turn, chance=random.random())
        if time.monotonic() + length > self._deadline:
            return False
        time.sleep(length)
        return True
