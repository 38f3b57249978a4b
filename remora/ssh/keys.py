"""The private keys by which we prove who we are."""

import io
import os
import socket
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from paramiko.agent import AgentKey, AgentSSH

from config.hosts import Host
from remora.errors import AuthenticationRefused

AGENT_LIMIT = 5
"""Keys of an agent that are tried; sshd hangs up after six attempts."""
AGENT_TIMEOUT = 10.0
"""Seconds an agent may take for an answer."""
KEY_FILE_LIMIT = 64 * 1024
"""Bytes; no private key is larger."""

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey


class Keyring:
    """Finds a host's key, in a file or an agent, and nothing that was not named."""

    def __init__(self, names: Mapping[str, Path] | None = None, *, agent: Path | None = None) -> None:
        """Remember where to look; files are read at each connection, so that a new key needs no restart.

        Args:
            names: Files of the keys that hosts call by name.
            agent: Socket of the ssh-agent, asked only for hosts without a key.
        """
        self._names = dict(names or {})
        self._agent = agent

    def keys(self, host: Host) -> Iterable[paramiko.PKey]:
        """Give the keys to try for this host, in order.

        Raises:
            AuthenticationRefused: there is none that can be used; the message says what to do.
        """
        if host.key is None:
            return self._agent_keys(host)
        return [load_key(self._file(host, host.key), host=host.name)]

    def _file(self, host: Host, key: str) -> Path:
        if key in self._names:
            return self._names[key].expanduser()
        if "/" in key or key.startswith("~"):
            return Path(key).expanduser()
        raise _unusable(host.name, f"no key is called “{key}”; add it to [keys] in remora.toml, or give a file")

    def _agent_keys(self, host: Host) -> Iterable[paramiko.PKey]:
        if self._agent is None:
            raise _unusable(host.name, "it has no key and no ssh-agent is running here; give the host a key")
        try:
            found = _Agent(self._agent).get_keys()
        except (OSError, paramiko.SSHException) as error:
            raise _unusable(host.name, f"the ssh-agent at {self._agent} does not answer: {error}") from error
        if not found:
            raise _unusable(host.name, "the ssh-agent holds no keys; `ssh-add FILE` adds one")
        return found[:AGENT_LIMIT]


class _Agent(AgentSSH):
    """An agent behind a named socket, with a limit on its answers; paramiko's own looks into the environment."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(AGENT_TIMEOUT)
        try:
            connection.connect(str(path))
            self._connect(connection)  # type: ignore[attr-defined]  # private
        except BaseException:
            connection.close()
            raise

    def __del__(self) -> None:
        """Hang up when the last of its keys is gone."""
        self._close()  # type: ignore[attr-defined]  # private


def fingerprints(keys: Iterable[paramiko.PKey]) -> str:
    """Name keys in a message."""
    return ", ".join(key.fingerprint + (" (agent)" if isinstance(key, AgentKey) else "") for key in keys)


def load_key(file: Path, *, host: str) -> paramiko.PKey:
    """Read a private key, with its certificate ``FILE-cert.pub`` if there is one.

    A passphrase is read from ``FILE.passphrase``; otherwise a locked key belongs into an agent.

    Raises:
        AuthenticationRefused: there is none, others may read it, it is locked, or it is no key.
    """
    content = _read_private(file, host)
    passphrase = file.with_name(file.name + ".passphrase")
    locked_with = _read_private(passphrase, host).rstrip(b"\r\n") if passphrase.exists() else None
    key = _as_paramiko(_decode(content, locked_with, file, host))
    certificate = file.with_name(file.name + "-cert.pub")
    if certificate.exists():
        key.load_certificate(str(certificate))
    return key


def _read_private(file: Path, host: str) -> bytes:
    """Read a file that is ours alone; the checks are made on what is read, not on its name."""
    try:
        with file.open("rb") as opened:
            if complaint := _complaint(os.fstat(opened.fileno())):
                raise _unusable(host, f"{file} {complaint}")
            return opened.read(KEY_FILE_LIMIT)
    except OSError as error:
        raise _unusable(host, f"the key {file} cannot be read: {error.strerror}") from error


def _complaint(status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "is not a file"
    if status.st_uid not in (os.geteuid(), 0):
        return f"belongs to user {status.st_uid}; it must belong to the user who runs this, or to root"
    if status.st_mode & 0o077:
        return f"may be read or changed by others (mode {status.st_mode & 0o777:04o}); `chmod 600` it"
    return None


def _decode(content: bytes, passphrase: bytes | None, file: Path, host: str) -> PrivateKey:
    load = (
        serialization.load_ssh_private_key
        if b"BEGIN OPENSSH PRIVATE KEY" in content
        else serialization.load_pem_private_key
    )
    try:
        key = load(content, passphrase)
    except TypeError as error:  # locked and no passphrase given, or the other way round
        raise _unusable(host, _locked(file, passphrase)) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        words = "its passphrase is wrong, or it is no private key" if passphrase else "it is no private key"
        raise _unusable(host, f"the key {file} cannot be used: {words}") from error
    if isinstance(key, PrivateKey):
        return key
    raise _unusable(host, f"the key {file} is of a type that is not accepted; make one with `ssh-keygen -t ed25519`")


def _locked(file: Path, passphrase: bytes | None) -> str:
    if passphrase is not None:
        return f"the key {file} has no passphrase; remove {file}.passphrase"
    return (
        f"the key {file} is locked with a passphrase. Write the passphrase to {file}.passphrase (mode 0600), "
        "or `ssh-add` the key and give the host no key, so that the agent is asked"
    )


def _as_paramiko(key: PrivateKey) -> paramiko.PKey:
    """Hand a decoded key to paramiko, whose own reader knows fewer formats and fails on some files of ssh-keygen."""
    if isinstance(key, RSAPrivateKey):
        return paramiko.RSAKey(key=key)
    if isinstance(key, EllipticCurvePrivateKey):
        return paramiko.ECDSAKey(vals=(key, key.public_key()))
    openssh = serialization.PrivateFormat.OpenSSH
    text = key.private_bytes(serialization.Encoding.PEM, openssh, serialization.NoEncryption())
    return paramiko.Ed25519Key.from_private_key(io.StringIO(text.decode("ascii")))


def _unusable(host: str, words: str) -> AuthenticationRefused:
    return AuthenticationRefused(f"{host}: {words}", host=host)
