"""The server that the command line speaks to."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_bridge.client import RemoraClient
from airflow_bridge.connection import is_loopback
from config.home import Home, find_home
from workers.console import exits
from workers.console.failures import Failure
from workers.up.files import read_json

FIRST_PATIENCE = 5.0
"""Seconds for which a server that was not seen yet is waited for."""
SUPERVISED_PATIENCE = 20.0
"""The same for one whose supervisor lives here, so that it is just starting again."""
PATIENCE = 120.0
"""Seconds for which a server that was there is waited for."""


@dataclass(frozen=True)
class Server:
    """Where it is and how one is let in."""

    url: str
    token: str = field(repr=False)
    supervised: bool = False
    """Whether `remora up` keeps it alive on this machine."""

    @property
    def here(self) -> bool:
        """Whether it runs on this machine, so that files here are files there."""
        return is_loopback(self.url)


def find_server(environ: Mapping[str, str]) -> Server:
    """Find the server: REMORA_URL, else the one that runs here, else the one logged in to.

    Raises:
        Failure: none is known, or no token for it.
    """
    home = find_home(environ)
    running = _url_here(home)
    url = environ.get("REMORA_URL") or running or _member(home, "login.json", "url")
    if not url:
        raise Failure(
            "no server: none runs here and REMORA_URL is not set",
            code=exits.NO_SERVER,
            advice="Run `remora up --detach`; for a server elsewhere, `remora login URL`.",
        )
    return Server(url, _token(environ, home, url), supervised=url == running)


def client(*, first_patience: float | None = None) -> RemoraClient:
    """Give a client of that server, which is waited for so many seconds if it does not answer at first."""
    server = find_server(os.environ)
    usual = SUPERVISED_PATIENCE if server.supervised else FIRST_PATIENCE
    first = usual if first_patience is None else first_patience
    return RemoraClient(server.url, server.token, patience=PATIENCE, first_patience=first)


def server_is_here() -> bool:
    """Tell whether that server runs on this machine."""
    return find_server(os.environ).here


def login_file(home: Home) -> Any:
    """Tell where ``remora login`` keeps what it was told."""
    return home.path / "login.json"


def _token(environ: Mapping[str, str], home: Home, url: str) -> str:
    """Give the token of that server; one of another server is never sent to it."""
    if token := environ.get("REMORA_TOKEN"):
        return token
    if url == _member(home, "run.json", "url") and home.token_file.is_file():
        return home.token_file.read_text().strip()
    if url == _member(home, "login.json", "url"):
        return _member(home, "login.json", "token") or ""
    raise Failure(
        f"no token for {url}", code=exits.NOT_ALLOWED, advice="Set REMORA_TOKEN, or run `remora login` with that URL."
    )


def _url_here(home: Home) -> str | None:
    """Give the server that runs here; None also when only its note is left of it."""
    running = read_json(home.path / "run.json") or {}
    return _member(home, "run.json", "url") if _alive(running.get("supervisor")) else None


def _alive(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _member(home: Home, file: str, name: str) -> str | None:
    value = (read_json(home.path / file) or {}).get(name)
    return value if isinstance(value, str) else None
