"""``run.json``: what runs in a state directory, for the command line and for whoever looks."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from config.home import Home
from workers.up.files import read_json, write_private


@dataclass(frozen=True)
class Running:
    """The system as it runs. It holds no password and no token."""

    url: str
    """The HTTP door."""
    flower_url: str
    redis_url: str
    """Without its password."""
    supervisor: int
    """Process id."""
    pids: Mapping[str, int]
    """Process id of each part by its name; 0 while it waits to be started again."""
    started: float
    """Seconds since the epoch."""
    version: str


def run_file(home: Home) -> Path:
    """Tell where it lies."""
    return home.path / "run.json"


def write_running(home: Home, running: Running) -> None:
    """Note what runs."""
    write_private(run_file(home), json.dumps(asdict(running), indent=2) + "\n")


def read_running(home: Home) -> Running | None:
    """Give what was noted last and not taken back; the processes may have been killed since."""
    content = read_json(run_file(home))
    try:
        return Running(**content) if content else None
    except TypeError:  # of another version
        return None


def survivors(home: Home) -> list[psutil.Process]:
    """Give the noted processes that are still there; after a kill -9 of the supervisor they end within moments."""
    running = read_running(home)
    pids = (running.supervisor, *running.pids.values()) if running else ()
    return [psutil.Process(pid) for pid in pids if pid and _runs_here(pid, home)]


def _runs_here(pid: int, home: Home) -> bool:
    """Tell whether this is one of ours and not a stranger who got the number."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("REMORA_HOME") == str(home.path)
    except psutil.Error:
        return False
