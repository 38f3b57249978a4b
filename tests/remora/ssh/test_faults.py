"""Whatever paramiko raises comes out as one of our errors."""

import inspect
import socket

import paramiko
import pytest
from paramiko import ssh_exception
from paramiko.pkey import UnknownKeyType

from config.hosts import Host
from remora.errors import HostKeyRefused, Permanent, RemoraError, Transient
from remora.ssh.faults import CONNECTED, DIALLING, explain

HOST = Host(name="box", address="192.0.2.1", user="somebody")
KEY = paramiko.Ed25519Key(data=b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32)))

THEIRS: list[BaseException] = [
    ssh_exception.SSHException("words"),
    ssh_exception.AuthenticationException("words"),
    ssh_exception.PasswordRequiredException("words"),
    ssh_exception.BadAuthenticationType("words", ["password"]),
    ssh_exception.PartialAuthentication(["password"]),
    ssh_exception.UnableToAuthenticate(),
    ssh_exception.ChannelException(2, "words"),
    ssh_exception.BadHostKeyException("box", KEY, KEY),
    ssh_exception.IncompatiblePeer("words"),
    ssh_exception.ProxyCommandFailure("words", "more"),
    ssh_exception.NoValidConnectionsError({("192.0.2.1", 22): OSError("words")}),
    ssh_exception.CouldNotCanonicalize("words"),
    ssh_exception.ConfigParseError("words"),
    ssh_exception.MessageOrderError("words"),
    UnknownKeyType(key_type="x", key_bytes=b"x"),
    EOFError(),
    TimeoutError(),
    ConnectionResetError(104, "words"),
    socket.gaierror(-2, "words"),
    OSError(113, "words"),
]


def test_nothing_that_paramiko_can_raise_was_forgotten() -> None:
    classes = {
        thing
        for _, thing in inspect.getmembers(ssh_exception, inspect.isclass)
        if issubclass(thing, Exception) and thing.__module__ == ssh_exception.__name__
    }
    assert classes <= {type(error) for error in THEIRS}


@pytest.mark.parametrize("table", [DIALLING, CONNECTED], ids=["dialling", "connected"])
@pytest.mark.parametrize("error", THEIRS, ids=lambda error: type(error).__name__)
def test_each_becomes_one_of_ours_that_names_the_host(
    error: BaseException, table: list[tuple[type[BaseException], type[RemoraError], str]]
) -> None:
    ours = explain(error, HOST, table)
    assert isinstance(ours, (Transient, Permanent))
    assert str(ours).startswith("box (192.0.2.1 port 22): ")
    assert ours.facts["host"] == "box"
    assert ours.__cause__ is error


@pytest.mark.parametrize("error", THEIRS, ids=lambda error: type(error).__name__)
def test_each_is_in_the_table_for_dialling_by_itself_or_by_its_kin(error: BaseException) -> None:
    assert any(isinstance(error, row[0]) for row in DIALLING)


def test_no_row_hides_a_later_one() -> None:
    for table in (DIALLING, CONNECTED):
        for place, (kind, _, _) in enumerate(table):
            assert not [earlier for earlier, _, _ in table[:place] if issubclass(kind, earlier)]


def test_ours_pass_unchanged_and_an_end_without_words_is_explained() -> None:
    ours = HostKeyRefused("no")
    assert explain(ours, HOST, DIALLING) is ours
    assert ours.__cause__ is None
    assert "closed the connection" in str(explain(None, HOST, DIALLING))


def test_a_servers_words_cannot_play_with_the_terminal() -> None:
    said = str(explain(ssh_exception.SSHException("a\x1b[31m\r\n\x07" + "b" * 10_000), HOST, DIALLING))
    assert said.isprintable()
    assert len(said) < 400
