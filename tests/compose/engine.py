"""What runs containers: Docker where it is there, else podman in a store of its own."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """A command failed; the message tells which, and what it said."""


class Engine(Protocol):
    """Builds images, brings the compose file up, and lets one look into containers."""

    def prepare(self) -> Mapping[str, str]:
        """Build what is needed and give the variables that name it to the compose file."""
        ...

    def compose(self, *words: str) -> None:
        """Run the engine's compose command over docker-compose.yml."""
        ...

    def containers(self, service: str) -> list[str]:
        """Give the ids of a service's containers, ended ones too."""
        ...

    def inside(self, container: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a container."""
        ...

    def inspect(self, container: str) -> dict[str, Any]:
        """Tell all that is known of a container."""
        ...

    def logs(self, container: str) -> str:
        """Give the last lines that a container has written."""
        ...

    def start(self, container: str) -> None:
        """Start a container that has ended."""
        ...

    def kill(self, container: str) -> None:
        """Kill -9 what runs in a container."""
        ...

    def left(self) -> list[str]:
        """Give the names of containers, volumes and networks of the project that are still there."""
        ...

    def clean(self) -> None:
        """Remove what the engine made beside the project."""
        ...


@dataclass
class Program:
    """An engine by its command line, which Docker and podman share."""

    name: str
    """``docker`` or ``podman``."""
    compose_words: Sequence[str | Path]
    project: str
    environment: dict[str, str] = field(default_factory=dict)
    """Variables over our own environment."""

    def compose(self, *words: str) -> None:
        run([*self.compose_words, "-p", self.project, *words], self.environment)

    def containers(self, service: str) -> list[str]:
        labels = [f"label=com.docker.compose.{key}={value}" for key, value in self._labels(service).items()]
        return self._ask("ps", "--all", "--quiet", *(word for label in labels for word in ("--filter", label))).split()

    def _labels(self, service: str) -> Mapping[str, str]:
        return {"project": self.project, "service": service}

    def inside(self, container: str, *words: str) -> subprocess.CompletedProcess[str]:
        return attempt([self.name, "exec", container, *words], self.environment)

    def inspect(self, container: str) -> dict[str, Any]:
        (found,) = json.loads(self._ask("inspect", container))
        return dict(found)

    def logs(self, container: str) -> str:
        told = attempt([self.name, "logs", "--tail", "40", container], self.environment)
        return told.stdout + told.stderr

    def start(self, container: str) -> None:
        self._ask("start", container)

    def kill(self, container: str) -> None:
        self._ask("kill", "--signal", "KILL", container)

    def left(self) -> list[str]:
        listings = (("ps", "--all", "--format", "{{.Names}}"), ("volume", "ls", "--format", "{{.Name}}"))
        networks = ("network", "ls", "--format", "{{.Name}}")
        names = " ".join(self._ask(*words) for words in (*listings, networks)).split()
        return [name for name in names if name.startswith(self.project)]

    def _ask(self, *words: str) -> str:
        return run([self.name, *words], self.environment)


class Docker(Program):
    """Docker with its compose plugin; images come from the registry that the compose file names."""

    def __init__(self, project: str) -> None:
        super().__init__("docker", ("docker", "compose"), project, {"REMORA_IMAGE": f"{project}:check"})

    @staticmethod
    def answers() -> bool:
        """Tell whether an engine runs here and the plugin is installed."""
        words = (("docker", "info"), ("docker", "compose", "version"))
        return shutil.which("docker") is not None and all(attempt(one).returncode == 0 for one in words)

    def prepare(self) -> Mapping[str, str]:
        self.compose("build", "--quiet")
        return {}

    def clean(self) -> None:
        self._ask("image", "rm", "--force", self.environment["REMORA_IMAGE"])


def attempt(
    words: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in the clone's top folder; whatever comes out is the caller's matter."""
    return subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )


def run(words: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed and give its stdout."""
    finished = attempt(words, environment)
    if finished.returncode != 0:
        said = (finished.stdout + finished.stderr).strip()[-4000:]
        raise Failed(f"this failed with {finished.returncode}: {' '.join(map(str, words))}\n{said}")
    return finished.stdout
