"""``remora wait``: block until jobs have ended."""

import sys

import click

from workers.console import exits
from workers.console.announcing import Announcer
from workers.console.jobs import full_id
from workers.console.options import Seconds, as_json, job_ids, verbose
from workers.console.server import client
from workers.console.telling import tell_jobs_json
from workers.console.together import Together


@click.command()
@job_ids
@click.option("--timeout", type=Seconds(), help="Wait no longer than this; then exit with 124.")
@verbose
@as_json
def wait(ids: tuple[str, ...], *, timeout: float | None, verbose: bool, as_json: bool) -> None:
    """Wait until jobs have ended, and exit as `remora run` would."""
    announcer = Announcer(verbose=verbose)
    with client() as server:
        whole = [full_id(server, word) for word in ids]
        jobs = Together(lambda identity: server.wait(identity, timeout=timeout), whole).results()
    for job in jobs:
        announcer.change(job)
    if as_json:
        tell_jobs_json(jobs, alone=len(jobs) == 1)
    sys.exit(exits.of_jobs(jobs) if all(job["final"] for job in jobs) else exits.TIMED_OUT)
