"""``remora cancel``: end jobs."""

import click

from airflow_bridge.answers import Job
from workers.console.announcing import Announcer
from workers.console.jobs import full_id
from workers.console.options import as_json, job_ids, verbose
from workers.console.server import client
from workers.console.telling import tell_jobs_json
from workers.console.together import Together


@click.command()
@job_ids
@click.option("--no-wait", is_flag=True, help="Return when the wish is stored; it is carried out in any case.")
@verbose
@as_json
def cancel(ids: tuple[str, ...], *, no_wait: bool, verbose: bool, as_json: bool) -> None:
    """End jobs with all their processes, and return when nothing of them is left.

    TERM, 5 seconds later KILL. A job that has ended already stays as it is.
    """
    announcer = Announcer(verbose=verbose)
    with client() as server:
        whole = [full_id(server, word) for word in ids]

        def end(job_id: str) -> Job:
            job = server.cancel(job_id)
            return job if no_wait or job["final"] else server.wait(job_id)

        jobs = Together(end, whole).results()
    for job in jobs:
        announcer.change(job)
    if as_json:
        tell_jobs_json(jobs, alone=len(jobs) == 1)
