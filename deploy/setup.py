"""Make .venv/ from the lock, with the system packages that the purpose needs; a second run changes nothing.

Called by deploy/setup, with the standard library only. Nothing is taken from the network once all is in place.
"""

import argparse
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

from deploy import system_packages

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"


@dataclass(frozen=True)
class Purpose:
    """What somebody wants to do with the clone."""

    lock: str
    """File of the Python packages it needs."""
    packages: tuple[system_packages.Package, ...] = ()
    """System packages it needs."""


PURPOSES: Mapping[str, Purpose] = {
    "run": Purpose("requirements.lock"),
    "demo": Purpose("requirements.lock", system_packages.SSHD),
    "lint": Purpose("requirements-dev.lock"),
    "test": Purpose("requirements-dev.lock", system_packages.SSHD + system_packages.TESTS),
}


class Trouble(Exception):
    """Setting up cannot go on; the message says what to do."""


def main(arguments: Sequence[str]) -> int:
    """Set up for the purpose that ``arguments`` name and give an exit code."""
    options = _parser().parse_args(arguments)
    purpose = PURPOSES[options.purpose]
    missing = system_packages.missing(purpose.packages, root=os.geteuid() == 0)
    if options.check:
        return _check(purpose, missing)
    try:
        with _alone():
            _install_system(missing)
            _install_python(purpose)
    except (Trouble, system_packages.CannotInstall) as trouble:
        print(f"deploy/setup: {trouble}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy/setup", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--for", dest="purpose", choices=PURPOSES, default="run", help="what to set up for (run)")
    parser.add_argument("--check", action="store_true", help="print what is missing, one a line; exit 1 if anything is")
    return parser


def _check(purpose: Purpose, missing: Sequence[str]) -> int:
    lines = [*missing, *([] if _stamped(purpose) else [".venv"])]
    print(*lines, sep="\n", end="\n" if lines else "")
    return 1 if lines else 0


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other set-up of this clone is under way."""
    directory = os.open(ROOT / "deploy", os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _install_system(missing: Sequence[str]) -> None:
    if missing:
        system_packages.refuse_unless_able(missing)
        _say(f"installing system packages: {' '.join(missing)}")
        system_packages.install(missing)


def _install_python(purpose: Purpose) -> None:
    if _stamped(purpose):
        return
    _make_venv()
    _say(f"installing Python packages of deploy/{purpose.lock}")
    _pip("--require-hashes", "--requirement", str(ROOT / "deploy" / purpose.lock))
    _say("installing remora from this clone")
    _pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    _stamp(purpose.lock).write_text(_fingerprint(purpose.lock))
    _say("ready: .venv/bin/remora")


def _make_venv() -> None:
    if _works(VENV / "bin" / "python", "import pip"):
        return
    if not _works(Path(sys.executable), "import ensurepip, venv"):
        _install_system([f"python3.{sys.version_info.minor}-venv"])
    _say(f"making .venv with {sys.executable}")
    again = ["--clear"] if not _works(VENV / "bin" / "python", "") else []
    _run([sys.executable, "-m", "venv", *again, str(VENV)])


def _works(python: Path, statement: str) -> bool:
    if not python.exists():
        return False
    return subprocess.run([python, "-I", "-c", statement], check=False, capture_output=True).returncode == 0


def _pip(*words: str) -> None:
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--root-user-action=ignore"]
    _run([str(VENV / "bin" / "python"), "-m", "pip", "install", *quiet, *words])


def _run(words: Sequence[str]) -> None:
    """Run a command in silence; what it said is told only if it fails."""
    finished = subprocess.run(
        words, cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    if finished.returncode != 0:
        raise Trouble(f"this failed: {' '.join(words)}\n{finished.stdout.strip()}")


def _stamped(purpose: Purpose) -> bool:
    """Tell whether the environment holds this lock as it is now, or the larger one of the developers."""
    locks = {purpose.lock, "requirements-dev.lock"}
    return (VENV / "bin" / "remora").exists() and any(
        _stamp(lock).exists() and _stamp(lock).read_text() == _fingerprint(lock) for lock in locks
    )


def _stamp(lock: str) -> Path:
    return VENV / f".{lock}.stamp"


def _fingerprint(lock: str) -> str:
    """Give a digest of all that decides what is installed where."""
    digest = hashlib.sha256(f"{ROOT} {sys.version}".encode())
    digest.update((ROOT / "deploy" / lock).read_bytes())
    digest.update(_packaging())
    return digest.hexdigest()


def _packaging() -> bytes:
    """Give what pyproject.toml says of the installation; rules for tests and lint may change without a new one."""
    said = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return json.dumps([said["build-system"], said["project"], said["tool"]["setuptools"]]).encode()


def _say(line: str) -> None:
    print(f"setup: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
