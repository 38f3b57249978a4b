"""One host's far side as the tests see it, whatever link leads there."""

import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from config.hosts import Host
from remora.remote.operations import Operation, Order, Phase, Place, Probe, Report, Start, Started
from remora.remote.port import Link
from remora.remote.protocol import name_of
from remora.remote.session import Session
from tests.support import processes
from tests.support.waiting import eventually

INLINE = 64 * 1024
HOST = Host(name="box", address="127.0.0.1", user="me")


def within(seconds: float = 30.0) -> float:
    return time.monotonic() + seconds


def new_place() -> Place:
    return Place(str(uuid.uuid4()), 1)


class Far:
    """An open session, and the few verbs that most tests need."""

    def __init__(self, name: str, connect: Callable[[], Link], host: Host = HOST) -> None:
        self.name = name
        self.connect = connect
        self.host = host
        self.session = self.new_session()

    def new_session(self) -> Session:
        """Open another session over a link of its own."""
        session = Session(self.connect(), self.host, "tests")
        self.base = Path(session.open(within()).base)
        return session

    def directory(self, place: Place) -> Path:
        return self.base / name_of(place)

    def ask(self, *operations: Operation) -> list[Report]:
        return list(self.session.exchange(operations, within()).reports)

    def start(self, order: Order, place: Place | None = None) -> Place:
        place = place or new_place()
        self.started(order, place)
        return place

    def started(self, order: Order, place: Place) -> Started:
        return self.session.exchange([Start(place, order)], within()).started[0]

    def report(self, place: Place) -> Report:
        return self.ask(Probe(place, inline=INLINE))[0]

    def until(self, place: Place, condition: Callable[[Report], object], timeout: float = 20.0) -> Report:
        """Probe until the report is as it should be, and give it."""

        def probed() -> Report | None:
            report = self.report(place)
            return report if condition(report) else None

        return eventually(probed, timeout) or self.report(place)

    def until_phase(self, place: Place, *phases: Phase) -> Report:
        return self.until(place, lambda report: report.phase in phases)

    def run(self, order: Order) -> Report:
        """Start it and give the report of its end, with its output."""
        return self.until_phase(self.start(order), Phase.ENDED)

    def run_all(self, orders: Sequence[Order]) -> list[Report]:
        """Do the same for many at once; the reports are in their order."""
        places = [new_place() for _ in orders]
        self.session.exchange([Start(place, order) for place, order in zip(places, orders, strict=True)], within())
        return [self.until_phase(place, Phase.ENDED) for place in places]

    def members(self, place: Place) -> list[psutil.Process]:
        """Give the attempt's living processes."""
        mark = f"{name_of(place)}:"
        return processes.those(lambda process: process.environ().get("REMORA_MARK") == mark)

    def supervisor(self, place: Place) -> psutil.Process:
        """Give its supervisor, once it has claimed the start."""
        return psutil.Process(int(eventually(lambda: _first_word(self.directory(place) / "start"))))

    def sleeping(self, place: Place, count: int = 1) -> None:
        """Wait until so many of its processes are there."""
        eventually(lambda: len(self.members(place)) >= count)

    def close(self) -> None:
        self.session.close()


def _first_word(path: Path) -> str:
    try:
        return path.read_text().split(" ")[0]
    except FileNotFoundError:
        return ""
