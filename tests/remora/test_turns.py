"""Work done by one thread at a time, and never missed."""

import threading

import pytest

from remora.turns import Turns


def test_a_call_during_the_work_makes_it_run_once_more_and_does_not_wait() -> None:
    begun, go_on, runs = threading.Event(), threading.Event(), []

    def work() -> None:
        runs.append(threading.current_thread().name)
        begun.set()
        assert go_on.wait(10)

    turns = Turns(work)
    first = threading.Thread(target=turns, name="first")
    first.start()
    assert begun.wait(10)
    turns()
    turns()
    go_on.set()
    first.join(10)
    assert runs == ["first", "first"]


def test_every_wish_is_seen_by_work_that_began_after_it() -> None:
    wishes, seen = 0, 0

    def work() -> None:
        nonlocal seen
        seen = wishes

    turns = Turns(work)
    lock = threading.Lock()

    def caller() -> None:
        nonlocal wishes
        for _ in range(500):
            with lock:
                wishes += 1
            turns()

    threads = [threading.Thread(target=caller) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == wishes == 4000


def test_work_that_fails_can_be_called_again() -> None:
    runs = []

    def work() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("once")

    turns = Turns(work)
    with pytest.raises(ValueError, match="once"):
        turns()
    turns()
    assert len(runs) == 2
