"""The HTTP door as a process of its own, which a test may kill."""

import os

from tests.gateway.stage import Stage
from tests.support import processes
from tests.support.ports import answers, free_port
from tests.support.system import PROGRAM
from tests.support.waiting import eventually


class DoorProcess:
    """``remora gateway`` before the counter of a stage, on one port for good."""

    def __init__(self, stage: Stage, redis_url: str) -> None:
        """Choose the port; ``start`` starts it."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = stage.home.operator_token()
        self._log = stage.home.path / "gateway.log"
        self._environment = {
            **os.environ,
            "REMORA_HOME": str(stage.home.path),
            "REMORA_REDIS_URL": redis_url,
            "REMORA_PORT": str(self.port),
        }

    def start(self) -> None:
        """Start it; it listens when this returns."""
        self.process = processes.spawn([PROGRAM, "gateway"], log=self._log, environment=self._environment)
        eventually(self._listens, 30)

    def _listens(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()
        return answers(self.port)

    def kill(self) -> None:
        """Kill -9."""
        processes.end(self.process, gently=False)
