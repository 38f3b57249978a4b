"""One line of the table of results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.stage import Stage


@dataclass(frozen=True)
class Measured:
    """What one row found; the unit is the row's."""

    remora: float
    peer: float | None = None
    """The same by the other tool, in the same run; None where there is none."""
    note: str = ""
    """Further figures, for the reader."""


@dataclass(frozen=True)
class Row:
    """One thing that is measured."""

    name: str
    unit: str
    goal: str
    """In words, as it stands in the goals."""
    met: Callable[[Measured], bool]
    measure: Callable[[Stage], Measured]
    peer_name: str | None = None
    runs: int = 5
    """How often it is measured; the medians count."""


@dataclass(frozen=True)
class Result:
    """A row with its medians."""

    row: Row
    measured: Measured

    @property
    def ratio(self) -> float | None:
        """Remora's figure over the peer's."""
        return self.measured.remora / self.measured.peer if self.measured.peer else None

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.row.met(self.measured)


def take(row: Row, stage: Stage) -> Result:
    """Measure a row as often as it says and keep the medians."""
    every = [row.measure(stage) for _ in range(row.runs)]
    peers = [one.peer for one in every if one.peer is not None]
    return Result(
        row, Measured(median([one.remora for one in every]), median(peers) if peers else None, every[-1].note)
    )


def as_json(results: Sequence[Result], *, machine: str, commit: str, date: str) -> dict[str, object]:
    """Give the results in the form that docs/reference.md fixes."""
    rows = [
        {
            "name": result.row.name,
            "unit": result.row.unit,
            "remora": result.measured.remora,
            "peer_name": result.row.peer_name,
            "peer": result.measured.peer,
            "ratio": result.ratio,
            "goal": result.row.goal,
            "met": result.met,
            "reason": "" if result.met else result.measured.note,
        }
        for result in results
    ]
    return {"machine": machine, "commit": commit, "date": date, "rows": rows}
