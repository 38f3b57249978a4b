"""Telling facts on stdout: JSON for programs, columns for people."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from workers.console.escaping import one_line


def tell_json(value: Any) -> None:
    """Write one JSON document."""
    click.echo(json.dumps(value, indent=2))


def tell_jobs_json(jobs: Sequence[Any], *, alone: bool) -> None:
    """Write a single job as itself, several as ``{"jobs": […]}``: as the HTTP door does."""
    tell_json(jobs[0] if alone else {"jobs": list(jobs)})


def tell_table(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write rows in columns as wide as they must be; no titles where no terminal is."""
    cells = [[_cell(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        cells.insert(0, list(titles))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def tell_facts(facts: Sequence[tuple[str, Any]]) -> None:
    """Write one fact a line, without those that are not there."""
    there = [(name, _cell(value)) for name, value in facts if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in there), default=0)
    for name, value in there:
        click.echo(f"{name.ljust(width)}  {value}")


def _cell(value: Any) -> str:
    return "-" if value is None or value == "" else one_line(str(value))
