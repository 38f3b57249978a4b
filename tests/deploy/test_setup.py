import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import system_packages
from deploy.system_packages import CannotInstall, Package

ROOT = Path(__file__).parents[2]
NEEDED = ("setup", "setup.py", "system_packages.py", "requirements.lock", "requirements-dev.lock")


def copy_of_the_set_up(root: Path) -> Path:
    (root / "deploy").mkdir()
    for name in NEEDED:
        shutil.copy(ROOT / "deploy" / name, root / "deploy" / name)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root / "deploy" / "setup"


def directory_of_programs(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / name).symlink_to(shutil.which(name) or sys.executable)
    return path


def set_up(script: Path, *words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": path or os.environ["PATH"]}
    return subprocess.run(["/bin/sh", script, *words], env=environment, capture_output=True, text=True, timeout=60)


def test_a_clone_without_an_environment_says_that_it_lacks_one(tmp_path: Path) -> None:
    finished = set_up(copy_of_the_set_up(tmp_path), "--check")
    assert (finished.stdout, finished.returncode) == (".venv\n", 1)
    assert not (tmp_path / ".venv").exists()


def test_an_old_python_is_refused_by_name(tmp_path: Path) -> None:
    programs = directory_of_programs(tmp_path / "bin", "dirname")
    (programs / "python3").write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2" && exit\nexit 1\n')
    (programs / "python3").chmod(0o755)
    finished = set_up(copy_of_the_set_up(tmp_path), path=str(programs))
    assert finished.returncode == 1
    assert "needs Python 3.11 or newer" in finished.stderr
    assert "found: Python 3.9.2" in finished.stderr


def test_a_newer_python_beside_an_old_one_is_found(tmp_path: Path) -> None:
    programs = directory_of_programs(tmp_path / "bin", "dirname")
    (programs / "python3").write_text("#!/bin/sh\nexit 1\n")
    (programs / "python3").chmod(0o755)
    (programs / "python3.12").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (programs / "python3.12").chmod(0o755)
    assert set_up(copy_of_the_set_up(tmp_path), "--check", path=str(programs)).stdout == ".venv\n"


def test_an_unknown_purpose_is_a_usage_error(tmp_path: Path) -> None:
    finished = set_up(copy_of_the_set_up(tmp_path), "--for", "fun")
    assert finished.returncode == 2
    assert "fun" in finished.stderr


def test_a_program_that_is_not_there_names_its_package() -> None:
    packages = [Package("there", "sh"), Package("absent", "no-such-program"), Package("theirs", "nor-this", True)]
    assert system_packages.missing(packages, root=False) == ["absent"]
    assert system_packages.missing(packages, root=True) == ["absent", "theirs"]


def test_who_is_not_root_is_told_the_exact_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(
        CannotInstall, match=r"sudo apt-get update && sudo apt-get install -y .* openssh-server busybox"
    ):
        system_packages.refuse_unless_able(["openssh-server", "busybox"])


def test_without_apt_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(CannotInstall, match=r"by their Debian names.*: busybox"):
        system_packages.refuse_unless_able(["busybox"])


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_names_no_registry_and_has_a_hash_for_each_package(lock: str) -> None:
    text = (ROOT / "deploy" / lock).read_text()
    assert "://" not in text
    packages = [block for block in text.replace(" \\\n", " ").splitlines() if block[:1].isalnum()]
    assert len(packages) > 40
    assert all("--hash=sha256:" in package for package in packages)


def test_the_developers_lock_holds_the_same_versions() -> None:
    runtime, developers = (
        set(re.findall(r"^\S+==\S+", (ROOT / "deploy" / name).read_text(), re.M)) for name in NEEDED[3:]
    )
    assert runtime < developers
