"""What paramiko and the sockets raise, in our words: one table for the two situations there are."""

import socket
from collections.abc import Sequence

import paramiko
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import (
    ConfigParseError,
    CouldNotCanonicalize,
    MessageOrderError,
    NoValidConnectionsError,
    UnableToAuthenticate,
)

from config.hosts import Host
from remora.errors import (
    AlgorithmsRefused,
    AuthenticationRefused,
    ChannelRefused,
    ConnectionLost,
    HostKeyRefused,
    HostUnreachable,
    RemoraError,
)
from remora.ssh.wire import printable

Row = tuple[type[BaseException], type[RemoraError], str]

DIALLING: Sequence[Row] = (
    (paramiko.ssh_exception.IncompatiblePeer, AlgorithmsRefused, "it offers nothing that is still safe"),
    (MessageOrderError, HostUnreachable, "somebody meddles with the key exchange"),
    (paramiko.BadHostKeyException, HostKeyRefused, "it shows another key than is known"),
    (paramiko.PasswordRequiredException, AuthenticationRefused, "our key is locked with a passphrase"),
    (paramiko.BadAuthenticationType, AuthenticationRefused, "it does not let keys in"),
    (paramiko.ssh_exception.PartialAuthentication, AuthenticationRefused, "it wants more than a key"),
    (UnableToAuthenticate, AuthenticationRefused, "it does not accept our key"),
    (paramiko.AuthenticationException, AuthenticationRefused, "it does not accept our key"),
    (UnknownKeyType, AuthenticationRefused, "our key is of a type that is not known here"),
    (paramiko.ChannelException, HostUnreachable, "the jump host does not connect to it"),
    (paramiko.ssh_exception.ProxyCommandFailure, HostUnreachable, "the way to it failed"),
    (NoValidConnectionsError, HostUnreachable, "none of its addresses answers"),
    (CouldNotCanonicalize, HostUnreachable, "its name is not known"),
    (ConfigParseError, HostUnreachable, "the ssh configuration cannot be read"),
    (socket.gaierror, HostUnreachable, "its name is not known"),
    (TimeoutError, HostUnreachable, "it does not answer"),
    (ConnectionRefusedError, HostUnreachable, "nobody listens there"),
    (OSError, HostUnreachable, "it cannot be reached"),
    (EOFError, HostUnreachable, "it closed the connection during the handshake"),
    (paramiko.SSHException, HostUnreachable, "the handshake failed"),
)
"""While a connection is made; the first row that fits counts."""

CONNECTED: Sequence[Row] = (
    (paramiko.ChannelException, ChannelRefused, "it opens no further session"),
    (paramiko.SSHException, ConnectionLost, "the connection is lost"),
    (EOFError, ConnectionLost, "the connection is lost"),
    (OSError, ConnectionLost, "the connection is lost"),
)
"""While a connection is used."""


def explain(error: BaseException | None, host: Host, table: Sequence[Row]) -> RemoraError:
    """Give our error for theirs, with theirs as its cause; ours are passed on as they are.

    Args:
        error: What was raised or kept; None means that the connection just ended.
        host: Whom it is about.
        table: ``DIALLING`` or ``CONNECTED``.
    """
    if isinstance(error, RemoraError):
        return error
    error = error or EOFError()
    _, ours, sentence = next((row for row in table if isinstance(error, row[0])), table[-1])
    detail = printable(error)
    made = ours(f"{about(host)}: {sentence}{f' ({detail})' if detail else ''}", host=host.name)
    made.__cause__ = error
    return made


def about(host: Host) -> str:
    """Name a host in a message."""
    return f"{host.name} ({host.address} port {host.port})"
