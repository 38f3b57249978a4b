"""The peer's own environment: made once, kept in ``.peers/`` at the root of the checkout."""

import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
ROOT = Path(__file__).parents[2] / ".peers"


def interpreter() -> Path:
    """Give the Python of the peer's environment, making the environment where it is missing or outdated."""
    python, stamp = ROOT / "venv" / "bin" / "python", ROOT / "installed.txt"
    wanted = REQUIREMENTS.read_text()
    if not (python.exists() and stamp.exists() and stamp.read_text() == wanted):
        install(python)
        stamp.write_text(wanted)
    return python


def install(python: Path) -> None:
    """Install what ``requirements.txt`` pins, with uv where there is one, else with pip."""
    sys.stderr.write(f"installing the peer into {ROOT} …\n")
    venv = str(python.parents[1])
    if uv := shutil.which("uv"):
        run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv)
        run(uv, "pip", "install", "--quiet", "--python", str(python), "--requirement", str(REQUIREMENTS))
    else:
        run(sys.executable, "-m", "venv", "--clear", venv)
        run(str(python), "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS))


def run(*command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True)
