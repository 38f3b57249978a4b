"""``make bench``: measure, print the table, keep it in ``bench/results/latest.json``."""

import datetime
import json
import platform
import subprocess
from pathlib import Path

import click
import psutil

from bench.row import Result, as_json, take
from bench.rows import ROWS
from bench.stage import stage

LATEST = Path(__file__).parent / "results" / "latest.json"


@click.command()
@click.argument("words", nargs=-1, metavar="[WORD]…")
def main(*, words: tuple[str, ...]) -> None:
    """Measure all rows, or those whose name holds one of the words."""
    chosen = [row for row in ROWS if not words or any(word in row.name for word in words)]
    if not chosen:
        raise click.UsageError(f"no row has such a word; the rows are: {'; '.join(row.name for row in ROWS)}")
    results = []
    with stage() as ready:
        for row in chosen:
            print(f"{row.name} …", flush=True)
            results.append(take(row, ready))
    print()
    for result in results:
        print(_line(result))
    if not words:
        LATEST.parent.mkdir(exist_ok=True)
        LATEST.write_text(json.dumps(_report(results), indent=1, ensure_ascii=False) + "\n")


def _line(result: Result) -> str:
    row, seen = result.row, result.measured
    peer = f"{row.peer_name} {seen.peer:.1f}" if seen.peer is not None else ""
    mark = "ok" if result.met else "NOT MET"
    return f"{row.name:38} | {seen.remora:8.1f} {row.unit:12} | {peer:26} | {row.goal:34} | {mark:7} | {seen.note}"


def _report(results: list[Result]) -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    memory = psutil.virtual_memory().total // 2**30
    machine = f"{psutil.cpu_count()} cores, {memory} GiB, {platform.system()} {platform.release()}"
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    return as_json(results, machine=machine, commit=commit, date=date)


if __name__ == "__main__":
    main()
