"""A copy of the hosts beside the state, so that a wiped Redis does not forget them."""

import json
from collections.abc import Iterable
from pathlib import Path

from config.hosts import Host
from remora.blobs import write_durably


class Roster:
    """The hosts that were added at run time, in one JSON file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def keep(self, hosts: Iterable[Host]) -> None:
        """Replace the copy; on disk when this returns."""
        listed = [host.model_dump(mode="json", exclude_defaults=True) for host in hosts]
        write_durably(self._file, json.dumps(listed, indent=1).encode())

    def recall(self) -> list[Host]:
        """Give the hosts of the copy; none if there is no copy."""
        try:
            return [Host.model_validate(host) for host in json.loads(self._file.read_bytes())]
        except FileNotFoundError:
            return []
