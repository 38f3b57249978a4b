"""Podman on Debian, as root, where neither a Docker engine nor a registry of images can be reached.

Its images, containers and networks lie in a store of its own, so that nothing of this machine's podman is touched. The
base image is made by debootstrap, and a stand-in for the Redis image on top of it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy import system_packages
from deploy.system_packages import Package
from tests.compose.engine import Failed, Program, attempt, run

PACKAGES = (
    Package("podman", "podman"),
    Package("buildah", "buildah"),
    Package("runc", "runc"),
    Package("debootstrap", "debootstrap"),
    Package("iptables", "iptables"),
)
NETWORK = {"netavark": "/usr/lib/podman/netavark", "aardvark-dns": "/usr/lib/podman/aardvark-dns"}
"""Packages that are not programs on PATH: service names are resolved by the second."""
BASE, REDIS, REMORA = "localhost/remora-check-base", "localhost/remora-check-redis", "localhost/remora-check"
CONTAINERS = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
lock_type = "file"
tmp_dir = "{store}/tmp"
[network]
network_config_dir = "{store}/networks"
"""
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{store}/images"
runroot = "{store}/run"
"""
OF_PIP = ("/etc/pip.conf", "~/.config/pip", "~/.pip", "/etc/ssl/certs")
"""How pip of this machine reaches its index, for the build."""


class Podman(Program):
    """Podman with podman-compose, both with a store of their own."""

    def __init__(self, project: str, store: Path, *, keep: bool) -> None:
        """Describe it.

        Args:
            project: Prefix of the names of containers, networks and volumes.
            store: Directory for everything.
            keep: Leave the images there, so that the next time is quicker.
        """
        environment = {
            "CONTAINERS_CONF": str(store / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(store / "storage.conf"),
        }
        super().__init__("podman", (store / "venv" / "bin" / "podman-compose",), project, environment)
        self._store = store
        self._keep = keep

    def prepare(self) -> Mapping[str, str]:
        if os.geteuid() != 0:
            raise Failed("without a Docker engine this needs root, for podman and debootstrap")
        _install_packages()
        self._install_compose()
        (self._store / "containers.conf").write_text(CONTAINERS.format(store=self._store))
        (self._store / "storage.conf").write_text(STORAGE.format(store=self._store))
        if not self._has(BASE):
            self._make_base()
        if not self._has(REDIS):
            self._build("tests/compose/redis.Dockerfile", REDIS, context="tests/compose")
        self._build("deploy/Dockerfile", REMORA)
        return {"REMORA_IMAGE": REMORA, "REDIS_IMAGE": REDIS}

    def compose(self, *words: str) -> None:
        # It takes an absent image for one that is to be pulled.
        options = ["--no-build"] if words[:1] == ("up",) else []
        super().compose(*words, *options)

    def clean(self) -> None:
        for words in (("rm", "--all", "--force", "--time", "0"), ("volume", "prune", "--force")):
            attempt(["podman", *words], self.environment)
        for place in _mounted_below(self._store):
            run(["umount", "--lazy", place])
        if not self._keep:
            shutil.rmtree(self._store)

    def _install_compose(self) -> None:
        venv = self._store / "venv"
        if (venv / "bin" / "podman-compose").exists():
            return
        run([sys.executable, "-m", "venv", venv])
        run([venv / "bin" / "pip", "install", "--quiet", "podman-compose"])

    def _has(self, image: str) -> bool:
        return attempt(["podman", "image", "exists", image], self.environment).returncode == 0

    def _make_base(self) -> None:
        suite = _suite()
        tree = self._store / "base"
        packages = "--include=python3,python3-venv,ca-certificates"
        run(["debootstrap", "--variant=minbase", packages, suite, tree, _mirror(suite)])
        with subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE) as packed:
            words = ["podman", "import", "--quiet", "-", BASE]
            environment = {**os.environ, **self.environment}
            subprocess.run(words, stdin=packed.stdout, env=environment, check=True, stdout=subprocess.DEVNULL)
        if packed.returncode != 0:
            raise Failed("the base image could not be packed")
        shutil.rmtree(tree)

    def _build(self, dockerfile: str, name: str, *, context: str = ".") -> None:
        files = [Path(place).expanduser() for place in OF_PIP]
        shown = [word for file in files if file.exists() for word in ("--volume", f"{file}:{_in_build(file)}:ro")]
        names = ["--build-arg", f"BASE={BASE}", "--file", dockerfile, "--tag", name]
        # Neither needs what a kernel may lack: namespaces of its own, a bridge.
        run(["buildah", "bud", "--isolation", "chroot", "--network", "host", *shown, *names, context], self.environment)


def _install_packages() -> None:
    absent = [name for name, file in NETWORK.items() if not Path(file).exists()]
    missing = [*system_packages.missing(PACKAGES, root=True), *absent]
    if missing:
        system_packages.refuse_unless_able(missing)
        system_packages.install(missing)


def _in_build(file: Path) -> Path:
    """Tell where a file lies in the build, which runs as root."""
    home = Path.home()
    return Path("/root") / file.relative_to(home) if file.is_relative_to(home) else file


def _suite() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "VERSION_CODENAME":
            return value.strip('"')
    raise Failed("/etc/os-release names no Debian release, so no base image can be made")


def _mirror(suite: str) -> str:
    """Give the mirror that apt uses for this release."""
    wanted = ["Created-By: Packages", "Origin: Debian", f"Codename: {suite}"]
    found = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted])
    if not found:
        raise Failed(f"apt knows no mirror of {suite}; run `apt-get update`")
    return found.splitlines()[0]


def _mounted_below(directory: Path) -> list[str]:
    """Give what is mounted there, the innermost first."""
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted((place for place in places if Path(place).is_relative_to(directory)), key=len, reverse=True)
