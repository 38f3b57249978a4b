"""What the shell offers for hosts and jobs: what the server knows, if it answers at once."""

import click
from click.shell_completion import CompletionItem

from airflow_bridge.errors import RemoraError
from workers.console.escaping import one_line
from workers.console.server import client

PATIENCE = 0.5
"""Seconds; nobody waits longer for a completion."""
OFFERED = 30
"""The newest jobs that are offered."""


def complete_hosts(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer host names; behind a comma further ones."""
    before, comma, beginning = incomplete.rpartition(",")
    try:
        with client(first_patience=PATIENCE) as server:
            names = [host["name"] for host in server.hosts()]
    except (RemoraError, click.ClickException):
        return []
    return [CompletionItem(before + comma + name) for name in names if name.startswith(beginning)]


def complete_jobs(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the ids of the newest jobs, with what they are."""
    try:
        with client(first_patience=PATIENCE) as server:
            jobs = server.jobs(limit=OFFERED)["jobs"]
    except (RemoraError, click.ClickException):
        return []
    return [
        CompletionItem(job["id"], help=one_line(f"{job['host']} {job['name']} {job['state']}"))
        for job in jobs
        if job["id"].startswith(incomplete)
    ]
