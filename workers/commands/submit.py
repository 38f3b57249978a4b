"""``remora submit``: hand in a job and go."""

from typing import Any

import click

from workers.console.options import TakesCommand, as_json, hosts_and_request, job_options
from workers.console.server import client
from workers.console.telling import tell_jobs_json


@click.command(cls=TakesCommand)
@job_options
@as_json
def submit(words: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Hand in a command and print its job id; with several hosts, one id a line in their order.

    The job is on disk when this returns; it runs whatever happens to this machine.

    \b
      id=$(remora submit web -- ./nightly.sh)
      remora wait "$id"
    """  # noqa: D301  # \b is a mark for click
    hosts, request = hosts_and_request(words, **options)
    with client() as server:
        jobs = server.submit_to(hosts, request)
    if as_json:
        tell_jobs_json(jobs, alone=len(jobs) == 1)
        return
    for job in jobs:
        click.echo(job["id"])
