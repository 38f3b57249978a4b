"""The system packages that a purpose needs: which are missing, and how they come in."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PLACES = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Where programs are looked for; a plain user's PATH lacks the last three."""


@dataclass(frozen=True)
class Package:
    """A package by its Debian name."""

    name: str
    program: str
    """The program by which it is recognised."""
    root_only: bool = False
    """Only tests that need root use it, so that nobody else is bothered."""


SSHD = (Package("openssh-server", "sshd"), Package("openssh-client", "ssh-keygen"))

TESTS = (
    Package("busybox", "busybox"),
    Package("mksh", "mksh"),
    Package("procps", "ps"),
    Package("util-linux", "setpriv"),
    Package("chromium", "chromium"),
    Package("chromium-driver", "chromedriver"),
    Package("fish", "fish", root_only=True),
    Package("tcsh", "tcsh", root_only=True),
    Package("zsh", "zsh", root_only=True),
    Package("sudo", "sudo", root_only=True),
    Package("passwd", "useradd", root_only=True),
)


class CannotInstall(Exception):
    """The packages could not be installed; the message says what to do."""


def missing(packages: Iterable[Package], *, root: bool) -> list[str]:
    """Give the names of those whose program is not on this machine.

    Args:
        packages: What is wanted.
        root: Whether what only root can use counts.
    """
    wanted = [package for package in packages if root or not package.root_only]
    return [package.name for package in wanted if shutil.which(package.program, path=PLACES) is None]


def refuse_unless_able(names: Sequence[str]) -> None:
    """Tell who is not root, or has no apt-get, what to install."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CannotInstall(_advice(names))


def install(names: Sequence[str]) -> None:
    """Install packages with apt-get, as root."""
    commands = [
        ["apt-get", "update", "--quiet=2"],
        ["apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", *names],
    ]
    with _no_services_started():
        for command in commands:
            _apt(command)
    if "openssh-server" in names:
        _keep_from_booting("ssh.service")


def _advice(names: Sequence[str]) -> str:
    if shutil.which("apt-get") is None:
        return f"install these (by their Debian names) and try again: {' '.join(names)}"
    return (
        "some system packages are missing. Install them and try again:\n"
        f"  sudo apt-get update && sudo apt-get install -y --no-install-recommends {' '.join(names)}"
    )


def _apt(command: Sequence[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    finished = subprocess.run(
        command, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if finished.returncode != 0:
        raise CannotInstall(f"this failed: {' '.join(command)}\n{finished.stdout.strip()}")


@contextmanager
def _no_services_started() -> Iterator[None]:
    """Keep Debian from starting what it installs: nobody asked for an sshd on port 22."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def _keep_from_booting(service: str) -> None:
    """Undo what a fresh install does at once: the service would start with the next boot."""
    if shutil.which("systemctl"):
        subprocess.run(["systemctl", "disable", "--quiet", service], check=False, capture_output=True)
