"""Doing the same for several things at once, while the main thread stays open to signals."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Together(Generic[Result]):
    """Work that goes on in one thread an item; the threads do not keep the process alive."""

    def __init__(self, work: Callable[[Item], Result], items: Sequence[Item]) -> None:
        """Begin at once."""
        self._results: dict[int, Result | BaseException] = {}
        self._ended = [threading.Event() for _ in items]
        for number, item in enumerate(items):
            threading.Thread(target=self._do, args=(number, work, item), daemon=True).start()

    def _do(self, number: int, work: Callable[[Item], Result], item: Item) -> None:
        try:
            self._results[number] = work(item)
        except BaseException as error:  # noqa: BLE001  # raised again where the results are asked for
            self._results[number] = error
        self._ended[number].set()

    def results(self) -> list[Result]:
        """Wait for all and give the results in the items' order, or raise the first failure in that order.

        It may be interrupted by a signal and called again; nothing is lost by that.
        """
        return [self._result(number) for number in range(len(self._ended))]

    def _result(self, number: int) -> Result:
        self._ended[number].wait()
        result = self._results[number]
        if isinstance(result, BaseException):
            raise result
        return result
