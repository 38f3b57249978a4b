"""The loopback ports of this installation: chosen once and kept in ``ports.json``, so that addresses stay."""

import json
import socket
from collections.abc import Mapping

from config.home import Home
from workers.files import read_json, write_private


def choose_ports(home: Home, wanted: Mapping[str, int], *, address: str = "127.0.0.1") -> dict[str, int]:
    """Give a port for each name and remember it.

    Args:
        home: Where they are remembered.
        wanted: Names with the configured port; 0 means last time's if it is free, else any free one.
        address: Where the ports are to be free.
    """
    file = home.path / "ports.json"
    before = read_json(file) or {}
    chosen: dict[str, int] = {}
    for name, port in wanted.items():
        chosen[name] = port or _free_port(int(before.get(name, 0)), address, set(chosen.values()))
    write_private(file, json.dumps({**before, **chosen}))
    return chosen


def _free_port(preferred: int, address: str, taken: set[int]) -> int:
    for port in (preferred, *[0] * 20):
        with socket.socket() as listener:
            # As the servers do: what only lingers in TIME_WAIT does not count as taken.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((address, port))
            except OSError:
                continue
            found: int = listener.getsockname()[1]
        if found not in taken:
            return found
    raise OSError(f"no free port on {address}")
