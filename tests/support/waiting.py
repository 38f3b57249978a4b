"""Waiting for something to become true."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], timeout: float = 10.0, *, interval: float = 0.02) -> T:
    """Call ``condition`` until its answer is true and give that answer.

    Args:
        condition: What is awaited; what it raises is not caught.
        timeout: Seconds until it is an ``AssertionError``.
        interval: Seconds between two calls.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"{_name(condition)} not true after {timeout:g} seconds; it last gave {answer!r}")
        time.sleep(interval)


def _name(condition: Callable[[], object]) -> str:
    return getattr(condition, "__qualname__", repr(condition))
