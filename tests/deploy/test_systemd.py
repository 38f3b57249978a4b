import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
NAMES = ("remora-worker@1", "remora-beat", "remora-gateway", "remora-flower")
TARGETS = Path("/lib/systemd/system")
SAFE_ENOUGH = 2.0
"""Of 10, by systemd's own measure of exposure; a service without any hardening has 9.6."""

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or not TARGETS.is_dir(), reason="needs systemd-analyze"
)
each = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A root directory in which the units are installed as the document says."""
    installed = tmp_path / "etc" / "systemd" / "system"
    shutil.copytree(UNITS, installed)
    for target in TARGETS.glob("*.target"):
        shutil.copy(target, installed)
    program = tmp_path / "opt" / "remora" / ".venv" / "bin" / "remora"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    return tmp_path


def analyze(verb: str, *words: str, system: Path, unit: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", verb, *words, f"--root={system}", f"{unit}.service"]
    return subprocess.run(command, capture_output=True, text=True)


@each
def test_systemd_understands_a_unit(system: Path, name: str) -> None:
    answer = analyze("verify", "--man=no", system=system, unit=name)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_wrong_unit_is_not_understood(system: Path) -> None:
    unit = system / "etc" / "systemd" / "system" / "remora-beat.service"
    unit.write_text(unit.read_text().replace("ExecStart=/opt", "ExecStart=/nowhere"))
    assert analyze("verify", "--man=no", system=system, unit="remora-beat").returncode != 0


@each
def test_a_unit_is_hardened(system: Path, name: str) -> None:
    answer = analyze("security", "--offline=yes", system=system, unit=name)
    (exposure,) = re.findall(r"exposure level for \S+: ([\d.]+)", answer.stdout)
    assert float(exposure) <= SAFE_ENOUGH
    assert "✓ NoNewPrivileges=" in answer.stdout


def test_every_unit_is_one_of_ours_and_comes_back_when_it_fails() -> None:
    assert {unit.name for unit in UNITS.glob("*.service")} == {
        "remora-worker@.service",
        "remora-beat.service",
        "remora-gateway.service",
        "remora-flower.service",
    }
    assert "Restart=always" in (UNITS / "remora-.service.d" / "common.conf").read_text()
