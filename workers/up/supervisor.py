"""The process that starts all parts, keeps them alive and ends them in order. It has one thread and no framework."""

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from types import FrameType

from workers.up.child import Child, Part
from workers.up.files import tail
from workers.up.notify import READY, Ear

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class PartFailed(Exception):
    """A part did not come up; the message says which and why."""


class Stopped(Exception):
    """Somebody asked us to end."""


class Supervisor:
    """Runs parts until it is told to end by TERM, INT or HUP."""

    def __init__(self, ear: Ear, *, tell: Callable[[str], None]) -> None:
        """Take over the signals of this process.

        Args:
            ear: Where the parts tell that they are ready.
            tell: Takes a sentence for whoever watches.
        """
        self.children: list[Child] = []
        self._ear = ear
        self._tell = tell
        self._stop = False
        self._selector = selectors.DefaultSelector()
        self._wakeup = self._watch_signals()
        self._selector.register(ear.socket, selectors.EVENT_READ)
        self._selector.register(self._wakeup, selectors.EVENT_READ)

    def _watch_signals(self) -> socket.socket:
        read, write = socket.socketpair()
        read.setblocking(False)
        write.setblocking(False)
        signal.set_wakeup_fd(write.detach(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in _ENDING:
            signal.signal(number, self._asked_to_end)
        return read

    def _asked_to_end(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True

    def bring_up(self, parts: Sequence[Part]) -> None:
        """Start parts side by side and return when all are ready.

        Raises:
            PartFailed: one ended or was too slow.
            Stopped: we were told to end meanwhile.
        """
        new = [Child(part) for part in parts]
        for child in new:
            self.children.append(child)
            child.start(time.monotonic())
        while waiting := [child for child in new if not child.look()]:
            self._pause(0.05)
            if self._stop:
                raise Stopped
            for child in waiting:
                if words := child.progress(time.monotonic()):
                    self._tell(f"{child.part.name}: {words}")
                _check(child, time.monotonic())
        self._tell(f"{', '.join(part.name for part in parts)} ready")

    def keep(self, changed: Callable[[], object]) -> None:
        """Start again what dies, until told to end.

        Args:
            changed: Called after a child died, was started or became ready again.
        """
        while not self._stop:
            # Wake-ups by a signal or a notice are immediate; the pause bounds only probes and back-off.
            self._pause(0.1 if any(not child.ready for child in self.children) else 3600.0)
            for child in self.children:
                if self._tend(child):
                    changed()

    def _tend(self, child: Child) -> bool:
        """Do what a child needs, and tell whether anything changed."""
        now = time.monotonic()
        code = child.ended()
        if code is not None:
            delay = child.bury(now)
            self._tell(f"{child.part.name} ended: {_exit_words(code)}; starting it again in {delay:g} s")
        if not child.pid and now >= child.due:
            child.start(now)
            return True
        return code is not None or (not child.ready and child.look())

    def end_all(self, order: Sequence[Sequence[str]]) -> None:
        """End the parts, group after group: TERM to all of a group, KILL to those that outlive their grace."""
        for names in order:
            group = [child for child in self.children if child.part.name in names]
            self._end([child for child in group if child.pid])

    def _end(self, group: Sequence[Child]) -> None:
        asked = time.monotonic()
        for child in group:
            child.signal(signal.SIGTERM)
        while alive := [child for child in group if child.ended() is None]:
            self._pause(0.1)
            for child in alive:
                if time.monotonic() - asked > child.part.grace:
                    self._tell(f"{child.part.name} did not end in {child.part.grace:g} s and was killed")
                    child.signal(signal.SIGKILL)

    def _pause(self, seconds: float) -> None:
        """Wait for a signal, a notice or the time."""
        self._selector.select(seconds)
        _drain(self._wakeup)
        for pid, message in self._ear.heard():
            for child in self.children:
                if pid == child.pid and READY in message.splitlines():
                    child.ready = True


def _check(child: Child, now: float) -> None:
    name, log = child.part.name, child.part.log
    if (code := child.ended()) is not None:
        raise PartFailed(f"{name} ended: {_exit_words(code)}{_last_words(child)} (all of it: {log})")
    if now - child.progressed > child.part.patience:
        raise PartFailed(f"{name} does not answer after {child.part.patience:g} s{_last_words(child)} (see {log})")


def _last_words(child: Child) -> str:
    """Give the last line of its log that speaks of an error, else the last one."""
    lines = tail(child.part.log, 20)
    errors = [line for line in lines if "error" in line.lower()]
    return f": {(errors or lines)[-1].strip()}" if lines else ""


def _exit_words(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code} ({signal.Signals(-code).name})"


def _drain(wakeup: socket.socket) -> None:
    try:
        while os.read(wakeup.fileno(), 4096):
            pass
    except BlockingIOError:
        return
