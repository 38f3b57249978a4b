"""``remora logs``: what a job has written."""

from collections.abc import Iterator

import click

from airflow_bridge.answers import Output, content
from airflow_bridge.client import RemoraClient, Stream
from workers.console.completing import complete_jobs
from workers.console.jobs import full_id
from workers.console.options import as_json, raw
from workers.console.server import client
from workers.console.sinks import Plain, Screen
from workers.console.telling import tell_json


@click.command()
@click.argument("id", metavar="ID", shell_complete=complete_jobs)
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--stderr", "stream", flag_value="err", default="out", help="Its stderr in place of its stdout.")
@click.option("--attempt", type=click.IntRange(1), help="Of this attempt  [default: the present one]")
@raw
@as_json
def logs(id: str, *, follow: bool, stream: Stream, attempt: int | None, raw: bool, as_json: bool) -> None:
    """Show the output of a job, byte for byte, as far as it is here.

    With --follow everything it writes is shown as it comes, attempt after attempt.
    """
    if follow and (attempt or as_json):
        raise click.UsageError("--follow goes with neither --attempt nor --json")
    with client() as server:
        job_id = full_id(server, id)
        if as_json:
            _tell(server, job_id, stream, attempt)
            return
        shown = Plain(Screen(raw=raw))
        for piece in _followed(server, job_id, stream) if follow else server.output(job_id, stream, attempt=attempt):
            shown.take("out", piece)
        shown.end()


def _followed(server: RemoraClient, job_id: str, stream: Stream) -> Iterator[bytes]:
    for event in server.events(job_id):
        if isinstance(event, Output) and event.stream == stream:
            yield event.data


def _tell(server: RemoraClient, job_id: str, stream: Stream, attempt: int | None) -> None:
    data = b"".join(server.output(job_id, stream, attempt=attempt))
    tell_json({"id": job_id, "stream": stream, "attempt": attempt, "data": content(data)})
