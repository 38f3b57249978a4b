import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVER = ("airflow_bridge", "config", "gateway", "remora", "tasks", "workers")
PARTS = {".py", ".lua", ".sh", ".typed"}


def copy_of_the_clone(target: Path) -> Path:
    skip = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    for folder in SERVER:
        shutil.copytree(ROOT / folder, target / folder, ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target)
    return target


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_clone(tmp_path_factory.mktemp("clone"))


def contents_of_the_wheel(source: Path, target: Path) -> set[str]:
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, source], check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def parts_of(clone: Path, *folders: str) -> set[str]:
    found = [path for folder in folders for path in (clone / folder).rglob("*") if path.suffix in PARTS]
    return {str(path.relative_to(clone)) for path in found if "build" not in path.parts}


def test_an_installation_holds_every_module_and_every_script_of_the_server(clone: Path, tmp_path: Path) -> None:
    wanted = parts_of(clone, *SERVER)
    assert any(name.endswith(".lua") for name in wanted)
    assert contents_of_the_wheel(clone, tmp_path) == wanted


def test_the_bridge_is_a_wheel_that_holds_nothing_of_the_server(clone: Path, tmp_path: Path) -> None:
    held = contents_of_the_wheel(clone / "airflow_bridge", tmp_path)
    assert held == parts_of(clone, "airflow_bridge")
    assert "airflow_bridge/client.py" in held
