"""The loopback ports of this installation: chosen once and kept in ``ports.json``, so that addresses stay."""

import json
import socket
from collections.abc import Mapping

from config.home import Home
from workers.up.files import read_json, write_private


def choose_ports(home: Home, wanted: Mapping[str, int], *, address: str = "127.0.0.1") -> dict[str, int]:
    """Give a port for each name and remember it.

    Args:
        home: Where they are remembered.
        wanted: Names with the configured port; 0 means last time's if it is free, else any free one.
        address: Where the ports are to be free.

    Raises:
        OSError: a configured port is taken, or none is free.
    """
    file = home.path / "ports.json"
    before = read_json(file) or {}
    chosen: dict[str, int] = {}
    for name, port in wanted.items():
        if port and not _free_port(port, address):
            raise OSError(f"port {port} of {address} is taken; end what listens there, or give {name} another port")
        chosen[name] = port or _any_port(int(before.get(name, 0)), address, set(chosen.values()))
    write_private(file, json.dumps({**before, **chosen}))
    return chosen


def _any_port(preferred: int, address: str, taken: set[int]) -> int:
    for port in (preferred, *[0] * 20):
        found = _free_port(port, address)
        if found and found not in taken:
            return found
    raise OSError(f"no free port on {address}")


def _free_port(port: int, address: str) -> int:
    """Give the port if nobody listens there, or a free one for 0; 0 if there is none."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listener:
        # As the servers do: what only lingers in TIME_WAIT does not count as taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError:
            return 0
        found: int = listener.getsockname()[1]
        return found
