"""A running system with one registered host, for the tests of the whole."""

from collections.abc import Iterator

import pytest

from tests.support.sshd import Sshd, new_directory
from tests.support.system import System

HOST = "box"
"""The name under which the host is registered."""


@pytest.fixture(scope="session")
def own_sshd() -> Iterator[Sshd]:
    """The host of ``system``; tests may kill its sessions or stop it, and leave it running."""
    server = Sshd(new_directory())
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def system(own_sshd: Sshd) -> Iterator[System]:
    """One Remora for all tests that leave it running: ``system.run(["run", "box", "--", "echo hi"])``."""
    with System() as running:
        running.add_host(own_sshd.host(HOST))
        yield running


@pytest.fixture
def own_system(own_sshd: Sshd) -> Iterator[System]:
    """A Remora of the test's own, whose parts it may kill; the host is registered there too."""
    with System() as running:
        running.add_host(own_sshd.host(HOST))
        yield running
