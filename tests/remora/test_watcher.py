"""One thread hears all hosts, whatever one of them does."""

import os
from collections.abc import Iterator
from typing import cast

import pytest

from remora.errors import ConnectionLost
from remora.remote.watch import Watch
from remora.watcher import Watcher
from tests.support.waiting import eventually


class Pipe:
    """A watch over a pipe of this machine."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.closed = False

    def say(self, name: str) -> None:
        os.write(self.writer, name.encode() + b"\n")

    def fileno(self) -> int:
        if self.closed:
            raise ConnectionLost("the channel is closed")
        return self.reader

    def names(self) -> set[str]:
        said = os.read(self.fileno(), 4096)
        if not said:
            raise ConnectionLost("the watch is over")
        return set(said.decode().split())

    def close(self) -> None:
        self.closed = True
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    watcher.start()
    yield watcher
    watcher.end()


def add(watcher: Watcher, pipe: Pipe) -> list[set[str]]:
    heard: list[set[str]] = []
    watcher.add(cast(Watch, pipe), heard.append)
    return heard


def test_what_a_host_tells_is_passed_on(watcher: Watcher) -> None:
    pipe = Pipe()
    heard = add(watcher, pipe)
    pipe.say("a.1")
    eventually(lambda: heard == [{"a.1"}])
    watcher.remove(cast(Watch, pipe))
    pipe.close()


def test_a_watch_that_ends_is_told_once_and_then_left_alone(watcher: Watcher) -> None:
    pipe = Pipe()
    heard = add(watcher, pipe)
    os.close(pipe.writer)
    eventually(lambda: heard == [set()])
    os.close(pipe.reader)
    other = Pipe()  # it takes the numbers that have become free
    told = add(watcher, other)
    watcher.remove(cast(Watch, pipe))
    other.say("b.1")
    eventually(lambda: told == [{"b.1"}])
    assert heard == [set()]
    watcher.remove(cast(Watch, other))
    other.close()


def test_a_channel_that_is_closed_while_it_is_heard_does_not_deafen_the_process(watcher: Watcher) -> None:
    """The connection died: its conversation closes the channel at the moment when this thread turns to it."""
    dying, living = Pipe(), Pipe()
    heard, told = add(watcher, dying), add(watcher, living)
    dying.closed = True
    dying.say("never read")
    eventually(lambda: heard == [set()])
    living.say("b.1")
    eventually(lambda: told == [{"b.1"}])
    for pipe in (dying, living):
        watcher.remove(cast(Watch, pipe))
        pipe.close()


def test_a_listener_that_fails_does_not_deafen_the_process(watcher: Watcher, caplog: pytest.LogCaptureFixture) -> None:
    bad, good = Pipe(), Pipe()

    def fail(names: set[str]) -> None:
        raise RuntimeError(f"cannot pass on {names}")

    watcher.add(cast(Watch, bad), fail)
    told = add(watcher, good)
    bad.say("a.1")
    eventually(lambda: "could not be passed on" in caplog.text)
    good.say("b.1")
    eventually(lambda: told == [{"b.1"}])
    for pipe in (bad, good):
        watcher.remove(cast(Watch, pipe))
        pipe.close()
