"""Ends are told at once, at no cost while nothing ends."""

import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remora.errors import ChannelRefused, ConnectionLost
from remora.remote.operations import Order, Phase, Place, Report
from remora.remote.protocol import name_of
from remora.remote.watch import Watch
from tests.remora.remote.far import Far, within
from tests.support import processes
from tests.support.waiting import eventually


def _told(watch: Watch, seconds: float = 10.0) -> set[str]:
    assert select.select([watch], [], [], seconds)[0], "nothing was told"
    return watch.names()


def _hear_end(far: Far, watch: Watch, place: Place) -> Report:
    """Wait for news until they are that it has ended."""
    while name_of(place) not in _told(watch) or far.report(place).phase is not Phase.ENDED:
        pass
    return far.report(place)


@pytest.fixture
def far_watch(far: Far) -> Iterator[Watch]:
    watch = far.session.watch(within())
    yield watch
    watch.close()


@pytest.fixture
def near_watch(near: Far) -> Iterator[Watch]:
    watch = near.session.watch(within())
    yield watch
    watch.close()


def test_start_and_end_of_a_job_are_told_by_name(far: Far, far_watch: Watch) -> None:
    place = far.start(Order(command="sleep 1"))
    assert _told(far_watch) == {name_of(place)}
    assert far.report(place).phase is Phase.RUNNING
    assert _told(far_watch) == {name_of(place)}
    assert far.report(place).phase is Phase.ENDED


def test_ends_of_many_jobs_are_all_told(far: Far, far_watch: Watch) -> None:
    unheard = {name_of(place): place for place in [far.start(Order(command="sleep 0.1")) for _ in range(5)]}
    while unheard:
        for name in _told(far_watch) & set(unheard):
            if far.report(unheard[name]).phase is Phase.ENDED:
                del unheard[name]


def test_an_end_is_told_soon(near: Far, near_watch: Watch) -> None:
    delays = []
    for _ in range(10):
        report = _hear_end(near, near_watch, near.start(Order(command="sleep 0.05")))
        delays.append(float(Path("/proc/uptime").read_text().split()[0]) - (report.ended or 0.0))
    assert sorted(delays)[5] < 0.2


def test_a_newer_watch_ends_the_older_one(far: Far, far_watch: Watch) -> None:
    newer = far.session.watch(within())
    with pytest.raises(ConnectionLost):
        _told(far_watch)
    assert _hear_end(far, newer, far.start(Order(command="true"))).exit
    newer.close()


def test_a_watch_that_is_let_go_leaves_nothing_on_the_host(far: Far) -> None:
    watch = far.session.watch(within())
    bells = far.base / "bells"
    (bell,) = bells.iterdir()
    watch.close()
    eventually(lambda: not list(bells.iterdir()))
    eventually(lambda: not processes.those(lambda process: process.pid == int(bell.name.partition(".")[0])))


def test_jobs_do_not_wait_for_a_watcher_that_hangs(near: Far, near_watch: Watch) -> None:
    (bell,) = (near.base / "bells").iterdir()
    watcher = int(bell.name.partition(".")[0])
    os.kill(watcher, signal.SIGSTOP)
    begun = time.monotonic()
    place = near.start(Order(command="true"))
    near.until_phase(place, Phase.ENDED)
    assert time.monotonic() - begun < 5.0
    os.kill(watcher, signal.SIGCONT)
    assert name_of(place) in _told(near_watch)


def test_a_quiet_watch_gives_no_names(near_watch: Watch) -> None:
    assert near_watch.names() == set()


def test_what_a_job_writes_into_a_bell_is_no_name(near: Far, near_watch: Watch) -> None:
    (bell,) = (near.base / "bells").iterdir()
    bell.write_text("../../etc/passwd.1\n\x00\n")
    place = near.start(Order(command="true"))
    heard: set[str] = set()
    while not heard:
        heard |= _told(near_watch)
    assert heard == {name_of(place)}


def test_where_no_bell_can_be_made_the_watch_is_refused(near: Far) -> None:
    bells = near.base / "bells"
    bells.rename(bells.with_name("away"))
    try:
        with pytest.raises(ChannelRefused, match="FIFO"):
            near.session.watch(within(5))
    finally:
        bells.with_name("away").rename(bells)
