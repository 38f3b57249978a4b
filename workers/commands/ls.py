"""``remora ls``: which jobs there are."""

import sys
import time
from typing import Any

import click

from airflow_bridge.answers import Job, Page
from airflow_bridge.client import RemoraClient
from workers.console.options import Pair, as_json
from workers.console.server import client
from workers.console.telling import tell_json, tell_table

STATES = ("accepted", "starting", "running", "collecting", "succeeded", "failed", "timed_out", "cancelled", "lost")
SHORT_ID = 8
TITLES = ("ID", "HOST", "NAME", "STATE", "EXIT", "AGE", "PROGRESS")


@click.command()
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--host", help="Only those of this host.")
@click.option("--name", help="Only those of this name.")
@click.option("--run-id", help="Only those of this run.")
@click.option("-l", "--label", type=Pair(), multiple=True, help="Only those with this label; may be repeated.")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest so many.")
@as_json
def ls(*, label: tuple[tuple[str, str], ...], limit: int, as_json: bool, **filters: str | None) -> None:
    """List jobs, newest first. Ids are cut short on a terminal; what is shown is enough to name a job."""
    with client() as server:
        jobs = _newest(server, limit, labels=dict(label), **filters)
    if as_json:
        tell_json({"jobs": jobs})
    elif jobs:
        tell_table(TITLES, [_row(job) for job in jobs])


def _newest(server: RemoraClient, limit: int, **filters: Any) -> list[Job]:
    jobs: list[Job] = []
    page = Page(jobs=[], next=None)
    while not jobs or (page["next"] and len(jobs) < limit):
        page = server.jobs(**filters, limit=min(limit - len(jobs), 200), after=page["next"])
        if not page["jobs"]:
            break
        jobs += page["jobs"]
    return jobs


def _row(job: Job) -> tuple[Any, ...]:
    identity = job["id"][:SHORT_ID] if sys.stdout.isatty() else job["id"]
    state = f"{job['state']} ({job['held']})" if job["held"] else job["state"]
    return identity, job["host"], job["name"], state, job["exit_code"], _age(job["created"]), job["progress"]


def _age(created: float) -> str:
    seconds = max(0, int(time.time() - created))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
