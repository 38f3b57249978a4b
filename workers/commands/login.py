"""``remora login``: use a server elsewhere."""

import json
import os
import sys

import click

from airflow_bridge.client import RemoraClient
from config.home import find_home
from workers.console.server import FIRST_PATIENCE, login_file
from workers.up.files import make_private_directory, write_private


@click.command()
@click.argument("url")
def login(url: str) -> None:
    """Keep the address of a server and a token for it; commands use it where no server runs on this machine.

    The token is asked for on a terminal, else read from stdin, so that it stands in no history and no process list.
    """
    token = click.prompt("Token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline().strip()
    with RemoraClient(url, token, first_patience=FIRST_PATIENCE) as server:
        server.jobs(limit=1)
    home = find_home(os.environ)
    make_private_directory(home.path)
    write_private(login_file(home), json.dumps({"url": url, "token": token}) + "\n")
