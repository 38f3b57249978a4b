"""Waiting for the examination of a host, and having a person compare its key."""

import sys
import time

import click

from airflow_bridge.answers import Host
from airflow_bridge.client import RemoraClient
from workers.console import exits
from workers.console.escaping import one_line
from workers.console.failures import Failure

PATIENCE = 60.0
"""Seconds that an examination may take; it has its own limits, so this passes only when nobody examines."""


def examined(server: RemoraClient, name: str) -> Host:
    """Give a host after its examination.

    Raises:
        Failure: nobody has examined it.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        host = server.host(name, wait=max(0.1, deadline - time.monotonic()))
        if host["condition"] != "new" or host["reason"]:
            return host
        if time.monotonic() > deadline:
            raise Failure(
                f"nobody has examined {name} in {PATIENCE:g} seconds; is a worker running? See `remora doctor`",
                code=exits.NO_SERVER,
            )


def insist_on_ready(host: Host) -> None:
    """Raise the reason, as the last line, unless the host can be used."""
    if host["condition"] == "ready" and not host["reason"]:
        return
    raise Failure(one_line(host["reason"] or f"{host['name']} is {host['condition']}"), code=exits.FAILED)


def person_accepts(host: Host) -> bool:
    """Show the offered key to a person who can compare it; without a terminal nobody can."""
    if host["condition"] != "host_key" or not host["offered_key"] or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    config = host["config"]
    click.echo(f"{config['address']} port {config['port']} shows the key {host['offered_key']}", err=True)
    return click.confirm("Is it the right one?", err=True)
