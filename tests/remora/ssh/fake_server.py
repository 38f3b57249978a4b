"""SSH servers that are not what they should be, and note what a client does with them."""

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Self

import paramiko
from paramiko.common import MSG_SERVICE_REQUEST, MSG_USERAUTH_REQUEST
from paramiko.packet import Packetizer

from config.hosts import Host

AUTHENTICATION = {MSG_SERVICE_REQUEST, *range(MSG_USERAUTH_REQUEST, 80)}
"""Numbers of the messages by which a client authenticates."""


class Listener:
    """Accepts connections on a free loopback port and hands each to ``serve`` in a thread of its own."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.clients: list[socket.socket] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A thread in accept() is not woken by close() alone.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(10)
        self._listener.close()
        for client in self.clients:
            client.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.clients.append(client)
            threading.Thread(target=self._serve_quietly, args=(client,), daemon=True).start()

    def _serve_quietly(self, client: socket.socket) -> None:
        # The client leaves, as it should.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self.serve(client)

    def serve(self, client: socket.socket) -> None:
        """Deal with one client."""
        raise NotImplementedError

    def host(self, **fields: object) -> Host:
        """Give the host as it would be configured."""
        given = {"name": "fake", "address": "127.0.0.1", "port": self.port, "user": "somebody"}
        return Host.model_validate({**given, **fields})


class CertifiedKey(paramiko.Ed25519Key):
    """A host key that is shown with its certificate; ``paramiko``'s own servers cannot."""

    def __init__(self, path: str, certificate: bytes) -> None:
        super().__init__(filename=path)
        self._certificate = certificate

    def get_name(self) -> str:
        return "ssh-ed25519-cert-v01@openssh.com"

    def asbytes(self) -> bytes:
        return self._certificate


class RecordingServer(Listener):
    """Lets everybody in, and notes every message that it gets."""

    def __init__(self, *host_keys: paramiko.PKey) -> None:
        super().__init__()
        self.host_keys = host_keys
        self.messages: list[int] = []
        self.requests: list[str] = []
        """Names of channel and global requests, and of channels asked for."""
        self.transports: list[paramiko.Transport] = []

    @property
    def authentication(self) -> list[int]:
        """The messages by which clients tried to authenticate."""
        return [message for message in self.messages if message in AUTHENTICATION]

    def serve(self, client: socket.socket) -> None:
        record = self.messages

        class Recorder(Packetizer):
            def read_message(self) -> tuple[int, paramiko.Message]:
                read = super().read_message()
                record.append(read[0])
                return read

        transport = paramiko.Transport(client, packetizer_class=Recorder)
        transport.set_log_channel("tests.fake_server")
        for key in self.host_keys:
            # Certificates and RSA go by other names than paramiko's add_server_key would give them.
            names = ["rsa-sha2-512", "rsa-sha2-256"] if isinstance(key, paramiko.RSAKey) else [key.get_name()]
            transport.server_key_dict |= dict.fromkeys(names, key)
        self.transports.append(transport)
        transport.start_server(event=threading.Event(), server=OpenDoor(self.requests))


class OpenDoor(paramiko.ServerInterface):
    """Allows everything and runs nothing."""

    def __init__(self, requests: list[str]) -> None:
        self._requests = requests

    def _note(self, request: str) -> bool:
        self._requests.append(request)
        return True

    def check_auth_publickey(self, *_: object) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, *_: object) -> int:
        self._note(f"open {kind}")
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, *_: object) -> bool:
        return self._note("exec")

    def check_channel_forward_agent_request(self, *_: object) -> bool:
        return self._note("auth-agent-req@openssh.com")

    def check_channel_x11_request(self, *_: object) -> bool:
        return self._note("x11-req")

    def check_channel_pty_request(self, *_: object) -> bool:
        return self._note("pty-req")

    def check_channel_env_request(self, *_: object) -> bool:
        return self._note("env")

    def check_port_forward_request(self, *_: object) -> bool:
        self._note("tcpip-forward")
        return False


class ScriptedServer(Listener):
    """Does what a function says, byte by byte; for what no library would send."""

    def __init__(self, script: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._script = script

    def serve(self, client: socket.socket) -> None:
        self._script(client)


def proposal(
    *,
    kex: Sequence[str] = ("curve25519-sha256@libssh.org",),
    keys: Sequence[str] = ("ssh-ed25519",),
    ciphers: Sequence[str] = ("aes128-gcm@openssh.com",),
    macs: Sequence[str] = ("hmac-sha2-256",),
) -> bytes:
    """Make the packet by which a server says what it can do (KEXINIT)."""
    lists: list[Sequence[str]] = [kex, keys, ciphers, ciphers, macs, macs, ["none"], ["none"], [], []]
    return packet(b"\x14" + os.urandom(16) + b"".join(_list(names) for names in lists) + b"\0" * 5)


def packet(payload: bytes) -> bytes:
    """Frame a message as before the key exchange."""
    padding = 4 + -(len(payload) + 9) % 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def _list(names: Iterable[str]) -> bytes:
    text = ",".join(names).encode()
    return struct.pack(">I", len(text)) + text


def read_proposal(client: socket.socket) -> list[list[str]]:
    """Read a client's version line and what it can do: key exchanges, host keys, ciphers, …"""
    stream = client.makefile("rb")
    stream.readline()
    size, padding = struct.unpack(">IB", stream.read(5))
    payload = stream.read(size - 1)[: size - 1 - padding]
    message = paramiko.Message(payload[17:])
    return [message.get_list() for _ in range(8)]


def drip(client: socket.socket, piece: bytes, *, seconds: float = 30.0) -> None:
    """Send the same bytes again and again, slowly, until the client leaves."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        client.sendall(piece)
        time.sleep(0.01)
