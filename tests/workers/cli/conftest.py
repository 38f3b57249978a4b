"""The running system of the acceptance tests, with two hosts."""

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import own_sshd
from tests.support.sshd import Sshd
from tests.support.system import System

__all__ = ["own_sshd"]


@pytest.fixture(scope="session")
def system(own_sshd: Sshd) -> Iterator[System]:
    """One Remora for all tests of the command line, with the hosts ``box`` and ``crate`` on one machine."""
    with System() as running:
        running.add_host(own_sshd.host("box"))
        running.add_host(own_sshd.host("crate"))
        yield running
