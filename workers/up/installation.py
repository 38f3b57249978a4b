"""An installation on one machine: its lock, its ports, its parts, brought up and kept until told to end."""

import os
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
import redis

from config.home import Home
from config.settings import Settings
from workers.checks.redis_check import faults, look
from workers.up.embedded import EmbeddedRedis, NoServer
from workers.up.files import make_private_directory, write_private
from workers.up.notify import Ear
from workers.up.parts import GROUPS, Parts
from workers.up.ports import choose_ports
from workers.up.run_file import Running, run_file, survivors, write_running
from workers.up.supervisor import PartFailed, Stopped, Supervisor

FORMAT = 1
"""How the state directory is laid out; a newer one is not touched."""
_KEPT_LOGS = 3


class CannotStart(Exception):
    """Something must be changed first; the message says what."""


class Installation:
    """What ``remora up`` runs, in the process that calls ``run``."""

    def __init__(
        self, settings: Settings, *, program: Path, environ: Mapping[str, str], tell: Callable[[str], None]
    ) -> None:
        """Describe it; ``run`` does everything.

        Args:
            settings: Of this installation.
            program: Our console script, absolute.
            environ: Our environment, for the parts.
            tell: Takes a sentence for whoever watches.
        """
        self._settings = settings
        self._program = program
        self._environ = environ
        self._tell = tell
        self._home = Home(settings.home)
        self._ear = Ear()
        self._supervisor = Supervisor(self._ear, tell=tell)
        self._started = time.time()

    def run(self, ready: Callable[[Running], None]) -> None:
        """Bring everything up, call ``ready``, keep everything alive until told to end, end everything.

        Raises:
            CannotStart: what was started has been ended again.
        """
        try:
            parts = self._bring_up()
            running = self._note(parts)
            ready(running)
            self._supervisor.keep(lambda: self._note(parts))
        except Stopped:
            return
        except (PartFailed, NoServer, OSError) as error:
            raise CannotStart(str(error)) from error
        finally:
            self._supervisor.end_all(GROUPS)
            run_file(self._home).unlink(missing_ok=True)

    def _bring_up(self) -> Parts:
        self._prepare_home()
        ports = choose_ports(self._home, {"gateway": self._settings.port}, address=self._settings.listen)
        ports |= choose_ports(self._home, {"flower": self._settings.flower_port, "redis": 0})
        embedded = None if self._settings.redis_url else self._embedded(ports["redis"])
        url = embedded.url if embedded else self._settings.redis_url
        assert url is not None
        parts = Parts(
            self._settings,
            program=self._program,
            environ=self._environ,
            ports=ports,
            redis_url=url,
            notify=self._ear.address,
        )
        if embedded:
            self._supervisor.bring_up([parts.redis(embedded, embedded.prepare(self._environ))])
        self._insist(url)
        self._supervisor.bring_up([parts.worker(), parts.gateway(), parts.beat(), parts.flower()])
        return parts

    def _embedded(self, port: int) -> EmbeddedRedis:
        return EmbeddedRedis(self._home, port=port, durability=self._settings.durability)

    def _prepare_home(self) -> None:
        if psutil.wait_procs(survivors(self._home), timeout=10)[1]:
            raise CannotStart(f"parts of an earlier run have not ended; their pids are in {run_file(self._home)}")
        check_format(self._home)
        self._home.operator_token()
        self._home.flower_password()
        make_private_directory(self._home.logs)
        for name in ("up", *(name for group in GROUPS for name in group)):
            rotate(self._home, name)

    def _insist(self, url: str) -> None:
        try:
            facts = look(url)
        except (redis.RedisError, ValueError) as error:
            raise CannotStart(f"Redis at {without_password(url)} does not answer: {error}") from error
        for fault in faults(facts, self._settings.durability):
            if fault.grave:
                raise CannotStart(f"Redis at {without_password(url)} cannot be used: {fault.what}; {fault.advice}")
            self._tell(f"redis: {fault.what}; {fault.advice}")

    def _note(self, parts: Parts) -> Running:
        running = Running(
            url=parts.url,
            flower_url=parts.flower_url,
            redis_url=without_password(parts.redis_url),
            supervisor=os.getpid(),
            pids={child.part.name: child.pid for child in self._supervisor.children},
            started=self._started,
            version=version("remora"),
        )
        write_running(self._home, running)
        return running


def check_format(home: Home) -> None:
    """Stamp a new state directory and refuse one that a later version has laid out.

    Raises:
        CannotStart: it is of a later version.
    """
    stamp = make_private_directory(home.path) / "format"
    found = int(stamp.read_text()) if stamp.exists() else 0
    if found > FORMAT:
        raise CannotStart(f"{home.path} was written by a later version of Remora; use that one, or another REMORA_HOME")
    if found < FORMAT:
        write_private(stamp, f"{FORMAT}\n")


def rotate(home: Home, name: str) -> None:
    """Put the log of the last run aside: ``worker.log`` becomes ``worker.log.1``, and so on up to 3."""
    files = [home.logs / f"{name}.log", *(home.logs / f"{name}.log.{number}" for number in range(1, _KEPT_LOGS + 1))]
    for newer, older in reversed(list(pairwise(files))):
        if newer.exists():
            newer.replace(older)


def without_password(url: str) -> str:
    """Give a URL that may be shown."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
