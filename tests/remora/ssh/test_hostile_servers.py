"""What a server may do to us: waste our time, ask for our agent, lie (A6, A11, A12)."""

import socket
import threading
import time
from collections.abc import Callable

import paramiko
import pytest

from remora.errors import DeadlineExceeded, HostUnreachable
from remora.ssh.dialer import SshDialer
from remora.ssh.keys import Keyring
from tests.remora.ssh.deadlines import within
from tests.remora.ssh.fake_server import (
    OpenDoor,
    RecordingServer,
    ScriptedServer,
    drip,
    packet,
    proposal,
    read_proposal,
)
from tests.support.keys import Key, make_key
from tests.support.ports import free_port
from tests.support.waiting import eventually

LIMIT = 1.0
"""Seconds that dialling may take here."""
SLACK = 1.5
"""Seconds more before a test calls it late: the machine is busy."""


def silent(client: socket.socket) -> None:
    client.recv(1)
    threading.Event().wait(30)


def banner_lines(client: socket.socket) -> None:
    drip(client, b"Welcome to the machine\r\n")


def banner_flood(client: socket.socket) -> None:
    drip(client, b"x" * 65536)


def version_letter_by_letter(client: socket.socket) -> None:
    drip(client, b"S")


def no_key_exchange(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-Stall\r\n")
    threading.Event().wait(30)


def noise_before_key_exchange(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-Noise\r\n")
    drip(client, packet(b"\x02\x00\x00\x00\x00"))


def half_a_key_exchange(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-Half\r\n" + proposal())
    read_proposal(client)
    threading.Event().wait(30)


def endless_packet(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-Huge\r\n\xff\xff\xff\xf0\x04")
    drip(client, b"x" * 65536)


def goodbye(client: socket.socket) -> None:
    disconnect = paramiko.Message()
    disconnect.add_byte(b"\x01")
    disconnect.add_int(2)
    disconnect.add_string(b"go \x1b[31maway\x07")
    disconnect.add_string("en")
    client.sendall(b"SSH-2.0-Rude\r\n" + packet(disconnect.asbytes()))
    threading.Event().wait(30)


TARPITS = [
    silent,
    banner_lines,
    banner_flood,
    version_letter_by_letter,
    no_key_exchange,
    noise_before_key_exchange,
    half_a_key_exchange,
    endless_packet,
    goodbye,
]


@pytest.mark.parametrize("tarpit", TARPITS, ids=[tarpit.__name__ for tarpit in TARPITS])
def test_no_server_holds_us_beyond_the_deadline(client_key: Key, tarpit: Callable[[socket.socket], None]) -> None:
    """A12."""
    before = set(threading.enumerate())
    with ScriptedServer(tarpit) as server:
        host = server.host(key=str(client_key.path))
        start = time.monotonic()
        with pytest.raises(HostUnreachable) as failed:
            SshDialer([], Keyring()).dial(host, within(LIMIT))
        assert time.monotonic() - start < LIMIT + SLACK
    assert str(failed.value).isprintable(), "nothing of the server reaches a terminal as it came"
    eventually(lambda: not [one for one in set(threading.enumerate()) - before if isinstance(one, paramiko.Transport)])


class Undecided(paramiko.ServerInterface):
    """Never answers a key."""

    def check_auth_publickey(self, *_: object) -> int:
        threading.Event().wait(20)
        return paramiko.common.AUTH_FAILED


def test_an_authentication_tarpit_is_left_at_the_deadline(client_key: Key) -> None:
    """A12: the host is proven, the answer to our key never comes; the connect_timeout of the host counts as well."""
    host_key = make_key(client_key.path.with_name("host_key"))

    def serve(client: socket.socket) -> None:
        transport = paramiko.Transport(client)
        transport.set_log_channel("tests.fake_server")
        transport.add_server_key(paramiko.Ed25519Key(filename=str(host_key.path)))
        transport.start_server(event=threading.Event(), server=Undecided())

    with ScriptedServer(serve) as server:
        host = server.host(key=str(client_key.path), host_keys=(host_key.fingerprint,), connect_timeout=LIMIT)
        start = time.monotonic()
        with pytest.raises(HostUnreachable, match="did not answer our key in time"):
            SshDialer([], Keyring()).dial(host, within(60))
        assert time.monotonic() - start < LIMIT + SLACK


def test_nobody_there_is_said_plainly(client_key: Key) -> None:
    dialer = SshDialer([], Keyring())
    with ScriptedServer(silent) as server:
        host = server.host(key=str(client_key.path), port=free_port())
    with pytest.raises(HostUnreachable, match="nobody listens there"):
        dialer.dial(host, within(20))
    with pytest.raises(HostUnreachable, match="name is not known"):
        dialer.dial(host.model_copy(update={"address": "no-such-host.invalid"}), within(20))


def test_a_black_hole_is_left_at_the_deadline(client_key: Key) -> None:
    """A12: a full backlog answers no SYN, as a firewall would."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        with ScriptedServer(silent) as server:
            host = server.host(key=str(client_key.path), port=port)
        start = time.monotonic()
        with pytest.raises(HostUnreachable, match="does not answer"):
            SshDialer([], Keyring()).dial(host, within(LIMIT))
        assert time.monotonic() - start < LIMIT + SLACK
        for filler in fillers:
            filler.close()


def test_a_slow_name_server_is_left_at_the_deadline(client_key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """A12: getaddrinfo knows no time limit."""
    released = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> None:
        released.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with ScriptedServer(silent) as server:
        host = server.host(key=str(client_key.path), address="slow.example.org")
    start = time.monotonic()
    with pytest.raises(HostUnreachable, match="takes too long"):
        SshDialer([], Keyring()).dial(host, within(LIMIT))
    assert time.monotonic() - start < LIMIT + SLACK
    released.set()


def test_a_session_that_opens_after_we_gave_up_is_closed(client_key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take one of the host's session slots for as long as the connection lives."""
    host_key = make_key(client_key.path.with_name("host_key"))
    late = threading.Event()

    def wait(*_: object) -> int:
        late.wait(20)
        return paramiko.common.OPEN_SUCCEEDED

    monkeypatch.setattr(OpenDoor, "check_channel_request", wait)
    with RecordingServer(paramiko.Ed25519Key(filename=str(host_key.path))) as server:
        host = server.host(key=str(client_key.path), host_keys=(host_key.fingerprint,))
        connection = SshDialer([], Keyring()).dial(host, within(20))
        with pytest.raises(DeadlineExceeded):
            connection.open("true", within(0.3))
        late.set()
        channel = server.transports[0].accept(10)
        assert channel is not None
        eventually(lambda: channel.closed)
        assert connection.alive
        connection.close()


def test_we_ask_for_a_program_and_nothing_else(client_key: Key) -> None:
    """A6, A15: no agent, X11, terminal, variables or ports are asked for, and none that the server opens is let in."""
    host_key = make_key(client_key.path.with_name("host_key"))
    with RecordingServer(paramiko.Ed25519Key(filename=str(host_key.path))) as server:
        host = server.host(key=str(client_key.path), host_keys=(host_key.fingerprint,))
        connection = SshDialer([], Keyring()).dial(host, within(20))
        connection.open("true", within(20)).close()
        theirs = server.transports[0]
        for kind in ("auth-agent@openssh.com", "x11", "forwarded-tcpip"):
            with pytest.raises(paramiko.ChannelException, match="Administratively prohibited"):
                theirs.open_channel(kind, ("127.0.0.1", 1), ("127.0.0.1", 1), timeout=10)
        assert connection.alive
        connection.close()
    assert server.requests == ["open session", "exec"]
