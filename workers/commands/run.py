"""``remora run``: a command on hosts, as if it ran here."""

import sys
from typing import Any

import click

from airflow_bridge.answers import Job, content
from airflow_bridge.client import RemoraClient
from workers.console import exits
from workers.console.announcing import Announcer
from workers.console.options import TakesCommand, as_json, hosts_and_request, job_options, raw, verbose
from workers.console.server import client
from workers.console.sinks import Kept, Plain, Prefixed, Screen, Sink
from workers.console.telling import tell_jobs_json
from workers.console.watching import Watch


@click.command(cls=TakesCommand)
@job_options
@raw
@verbose
@as_json
def run(words: tuple[str, ...], *, raw: bool, verbose: bool, as_json: bool, **options: Any) -> None:
    """Run a command on one or more hosts, show its output as it comes, and exit as it does.

    One COMMAND word is text for the shell, several are a program and its arguments, run without a shell.

    \b
      remora run web -- 'df -h | tail -3'
      remora run web,db --timeout 5m -- systemctl is-active nginx
      remora run web --script deploy.sh -- --fast
      pg_dump shop | remora run db --stdin - -- 'psql shop_copy'

    Exit code: the command's own; 128+n after signal n; 124 timed out; 125 lost; 126 it could never be started;
    130 cancelled; 2 usage; 69 no server; 77 not allowed. Of several hosts: 0 if all succeeded, else that of the first
    that did not.

    Ctrl-C on a terminal asks whether to detach or to cancel; a second one detaches. Without a terminal, Ctrl-C (130)
    and TERM (143) detach: the job goes on, as it does when this command is killed. `remora cancel` ends it.
    """  # noqa: D301  # \b is a mark for click
    hosts, request = hosts_and_request(words, **options)
    with client() as server:
        jobs = server.submit_to(hosts, request)
        sys.exit(exits.of_jobs(_watch(server, jobs, raw=raw, verbose=verbose, as_json=as_json)))


def _watch(server: RemoraClient, jobs: list[Job], *, raw: bool, verbose: bool, as_json: bool) -> list[Job]:
    screen = Screen(raw=raw)
    watch = Watch(server, jobs, screen=screen, announcer=Announcer(verbose=verbose))
    if not as_json:
        return watch.to_the_end(lambda job: _shown(screen, job, alone=len(jobs) == 1))
    kept: dict[str, Kept] = {job["id"]: Kept() for job in jobs}
    ended = watch.to_the_end(lambda job: kept[job["id"]])
    tell_jobs_json([{**job, **_output(kept[job["id"]])} for job in ended], alone=len(jobs) == 1)
    return ended


def _shown(screen: Screen, job: Job, *, alone: bool) -> Sink:
    return Plain(screen) if alone else Prefixed(screen, f"{job['host']} | ")


def _output(kept: Kept) -> dict[str, Any]:
    return {stream: content(bytes(kept.streams[stream])) for stream in ("out", "err")}
