"""The table that ``make peers`` prints."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tests.peers.probe import Probe, Verdict

WIDTH = 150
"""Columns of the table where the output is no terminal."""


@dataclass(frozen=True)
class Row:
    """One probe and what each contender did with it, in the order of the columns."""

    probe: Probe
    verdicts: Sequence[Verdict]


def show(names: Sequence[str], rows: Sequence[Row]) -> None:
    """Print all rows side by side, then one line a contender with its count; the last contender's is last."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    table = Table("#", "probe", "right outcome", *names, show_lines=True)
    for row in rows:
        cells = [cell(verdict) for verdict in row.verdicts]
        table.add_row(str(row.probe.number), row.probe.title, row.probe.right, *cells)
    console.print(table, markup=False)
    for column, name in enumerate(names):
        console.print(f"{name}: {count([row.verdicts[column] for row in rows])}", markup=False)


def cell(verdict: Verdict) -> str:
    """Write one verdict."""
    return f"{'ok' if verdict.right else 'WRONG'}: {verdict.seen}"


def count(verdicts: Sequence[Verdict]) -> str:
    """Count a contender's column."""
    passed = sum(verdict.right for verdict in verdicts)
    return f"{passed} passed, {len(verdicts) - passed} failed"
