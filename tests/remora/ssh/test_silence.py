"""A far side that is gone without a word is noticed, whatever the network says."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from remora.errors import ConnectionLost, DeadlineExceeded
from remora.ssh.connection import Connection
from remora.ssh.dialer import SshDialer
from remora.ssh.heartbeat import Heartbeat
from remora.ssh.keys import Keyring
from tests.remora.ssh.deadlines import read_exactly, within
from tests.remora.ssh.fake_server import Listener
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

PING, SILENCE = 0.3, 1.2


class Proxy(Listener):
    """Stands between; once ``stalled`` it passes on nothing, but its kernel still acknowledges."""

    def __init__(self, target: int) -> None:
        super().__init__()
        self._target = target
        self.stalled = threading.Event()

    def serve(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._target))
        self.clients.append(server)
        threading.Thread(target=self._pass_on, args=(server, client), daemon=True).start()
        self._pass_on(client, server)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if self.stalled.is_set():
                    threading.Event().wait(30)
                    return
                sink.sendall(data)


@pytest.fixture
def proxy(sshd: Sshd) -> Iterator[Proxy]:
    with Proxy(sshd.port) as proxy:
        yield proxy


@pytest.fixture
def connection(sshd: Sshd, proxy: Proxy) -> Iterator[Connection]:
    dialer = SshDialer([], Keyring(), ping=PING, silence=SILENCE)
    connection = dialer.dial(sshd.host(port=proxy.port), within(20))
    yield connection
    connection.close()


def test_a_quiet_connection_is_kept_alive_by_its_answers(connection: Connection) -> None:
    channel = connection.open("cat", within(20))
    with pytest.raises(DeadlineExceeded):
        channel.receive(1, within(3 * SILENCE))
    channel.send(b"well", within(10))
    assert read_exactly(channel, 4) == b"well"
    channel.close()


def test_a_stalled_path_is_noticed_and_ends_every_wait(connection: Connection, proxy: Proxy) -> None:
    """Kernels and middleboxes still acknowledge: only an answer of the far side itself counts."""
    channel = connection.open("cat", within(20))
    proxy.stalled.set()
    start = time.monotonic()
    assert channel.receive(1, within(60)) == b""
    assert time.monotonic() - start < SILENCE + PING + 3
    assert not connection.alive
    channel.close()


def test_a_stalled_path_to_a_jump_host_ends_what_is_behind_it(sshd: Sshd, proxy: Proxy) -> None:
    gate = sshd.host("gate", port=proxy.port)
    dialer = SshDialer([], Keyring(), find_host={"gate": gate}.__getitem__, ping=PING, silence=SILENCE)
    connection = dialer.dial(sshd.host("inner", jump="gate"), within(20))
    channel = connection.open("cat", within(20))
    proxy.stalled.set()
    start = time.monotonic()
    assert channel.receive(1, within(60)) == b""
    channel.close()
    connection.close()
    assert time.monotonic() - start < SILENCE + PING + 4


def test_a_write_that_the_path_does_not_take_ends_soon_after_its_deadline(sshd: Sshd, proxy: Proxy) -> None:
    """The send buffers are full and the write cannot be taken back: the connection goes, not the thread."""
    connection = SshDialer([], Keyring()).dial(sshd.host(port=proxy.port), within(20))
    channels = [connection.open("cat >/dev/null", within(20)) for _ in range(4)]
    proxy.stalled.set()

    def push(number: int, ends: list[BaseException]) -> None:
        try:
            channels[number].send(bytes(50_000_000), within(1.0))
        except (ConnectionLost, DeadlineExceeded) as error:
            ends.append(error)

    ends: list[BaseException] = []
    start = time.monotonic()
    threads = [threading.Thread(target=push, args=(number, ends)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert time.monotonic() - start < 8
    assert len(ends) == 4
    start = time.monotonic()
    for channel in channels:
        channel.close()
    connection.close()
    assert time.monotonic() - start < 8


def test_the_watching_thread_is_one_for_all_and_ends_with_the_last(sshd: Sshd) -> None:
    before = _watchers()
    dialer = SshDialer([], Keyring())
    connections = [dialer.dial(sshd.host(), within(20)) for _ in range(3)]
    assert _watchers() == before + 1
    for connection in connections:
        connection.close()
    eventually(lambda: _watchers() <= before)


def _watchers() -> int:
    return sum(thread.name == "ssh heartbeat" for thread in threading.enumerate())


def test_silence_is_forgiven_when_it_was_we_who_were_stopped(connection: Connection) -> None:
    """A suspended worker must not come back to a look that cuts all its connections."""
    transport = connection._transport
    transport.forgive_silence(time.monotonic() - 10 * SILENCE)
    assert transport.ailment(time.monotonic())
    heartbeat = Heartbeat()
    heartbeat._watched.add(transport)
    heartbeat._look(time.monotonic(), stopped=True)
    assert transport.ailment(time.monotonic()) is None
    assert connection.alive
