"""Remora's side of the 24 probes; ``make peers`` shows them beside Airflow's operator."""

from collections.abc import Iterator

import pytest

from tests.peers.ground import Ground, Pace
from tests.peers.ourselves import Remora
from tests.peers.probe import Probe
from tests.peers.probes import PROBES
from tests.support.sshd import Sshd
from tests.support.system import System

QUICK = Pace(outage=12.0, refusal=4.0)
"""Long enough for Remora to notice; the peer, which gives up later, is shown the longer pace of ``make peers``."""


def marked(probe: Probe) -> object:
    marks = [pytest.mark.root] if probe.needs_root else []
    return pytest.param(probe, id=probe.label, marks=marks)


@pytest.fixture(scope="module")
def remora(system: System) -> Remora:
    return Remora(system)


@pytest.fixture
def ground(own_sshd: Sshd, remora: Remora) -> Iterator[Ground]:
    with Ground(own_sshd, QUICK) as ground:
        yield ground
        remora.leave()


@pytest.mark.slow
@pytest.mark.timeout(240)  # the outages are long on purpose
@pytest.mark.parametrize("probe", [marked(probe) for probe in PROBES])
def test_each_probe_has_its_right_outcome(probe: Probe, ground: Ground, remora: Remora) -> None:
    verdict = probe.check(ground, remora)
    assert verdict.right, f"right: {probe.right}; seen: {verdict.seen}"
