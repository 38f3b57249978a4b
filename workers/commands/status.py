"""``remora status``: what is known of a job."""

import time
from typing import Any

import click

from airflow_bridge.answers import Job
from workers.console.announcing import HELD
from workers.console.jobs import full_id
from workers.console.options import as_json, job_ids
from workers.console.server import client
from workers.console.telling import tell_facts, tell_jobs_json


@click.command()
@job_ids
@as_json
def status(ids: tuple[str, ...], *, as_json: bool) -> None:
    """Show what is known of jobs: state, exit code, cause, progress, times."""
    with client() as server:
        jobs = [server.job(full_id(server, word)) for word in ids]
    if as_json:
        tell_jobs_json(jobs, alone=len(jobs) == 1)
        return
    for number, job in enumerate(jobs):
        if number:
            click.echo()
        tell_facts(_facts(job))


def _facts(job: Job) -> list[tuple[str, Any]]:
    return [
        ("id", job["id"]),
        ("name", job["name"]),
        ("host", job["host"]),
        ("state", job["state"]),
        ("waits because", HELD.get(job["held"] or "", job["held"] or "").format(host=job["host"])),
        ("out of contact since", _moment(job["out_of_contact_since"])),
        ("exit code", job["exit_code"]),
        ("end", job["message"]),
        ("cancelled by", job["cancel_by"]),
        ("progress", job["progress"]),
        ("attempt", f"{job['attempt']} of at most {job['retries'] + 1}" if job["retries"] else None),
        ("created", _moment(job["created"])),
        ("started", _moment(job["started"])),
        ("ended", _moment(job["ended"])),
        ("output", _sizes(job)),
        ("left running", job["left"] or None),
        ("labels", ", ".join(f"{name}={value}" for name, value in job["labels"].items())),
        ("run id", job["run_id"]),
        ("asked for by", job["identity"]),
    ]


def _sizes(job: Job) -> str:
    notes = [word for word in ("truncated", "output_incomplete") if job[word]]
    return ", ".join([f"{job['out_size']} bytes stdout", f"{job['err_size']} bytes stderr", *notes])


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(seconds))
