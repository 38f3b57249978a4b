"""What the tests of the way to a host share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remora.ssh.connection import Connection
from remora.ssh.dialer import SshDialer
from remora.ssh.keys import Keyring
from tests.remora.ssh.deadlines import within
from tests.support.keys import Key, make_key
from tests.support.sshd import Sshd

Connect = Callable[..., Connection]


@pytest.fixture
def dialer() -> SshDialer:
    """A dialer that knows no host but by its pinned fingerprint."""
    return SshDialer([], Keyring())


@pytest.fixture
def connect(dialer: SshDialer) -> Iterator[Connect]:
    """Connect to a server: ``connect(sshd)``; the connections end with the test."""
    made: list[Connection] = []

    def dial(server: Sshd, **fields: object) -> Connection:
        made.append(dialer.dial(server.host(**fields), within(20)))  # type: ignore[arg-type]
        return made[-1]

    yield dial
    for connection in made:
        connection.close()


@pytest.fixture
def client_key(tmp_path: Path) -> Key:
    """A key that no server knows, unless it lets everybody in."""
    return make_key(tmp_path / "client_key")
