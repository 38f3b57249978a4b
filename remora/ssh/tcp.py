"""The TCP socket below an SSH connection."""

import contextlib
import errno
import ipaddress
import os
import queue
import socket
import threading
import time
from typing import Any, Self

QUICKACK = getattr(socket, "TCP_QUICKACK", None)
"""Linux only; elsewhere the first session is some 40 ms slower."""

Address = tuple[Any, ...]


class QuickSocket(socket.socket):
    """A TCP socket that never waits to fill a packet and, while ``eager``, never delays an acknowledgement.

    sshd has Nagle's algorithm on until a session exists: together with our kernel's delayed acknowledgements that
    costs some 45 ms. The kernel forgets the wish with every packet, so it is repeated at each read.
    """

    eager = True

    @classmethod
    def connect_to(cls, address: str, port: int, *, deadline: float) -> Self:
        """Connect to the first of the name's addresses that answers.

        Args:
            address: Host name or IP address.
            port: TCP port.
            deadline: ``time.monotonic()`` in seconds; looking up the name counts.

        Raises:
            OSError: what the last address answered; ``TimeoutError`` when the deadline has passed.
        """
        places = resolve(address, port, deadline=deadline)
        failure: OSError = TimeoutError(errno.ETIMEDOUT, "no address answered in time")
        for tried, (family, place) in enumerate(places):
            share = (deadline - time.monotonic()) / (len(places) - tried)
            if share <= 0:
                break
            try:
                return cls._connected(family, place, timeout=share)
            except OSError as error:
                failure = error
        raise failure

    @classmethod
    def _connected(cls, family: int, place: Address, *, timeout: float) -> Self:
        made = cls(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.settimeout(timeout)
            made.connect(place)
        except BaseException:
            made.close()
            raise
        made.owner = os.getpid()
        return made

    owner = 0
    """Process that opened it."""

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Read, and ask for prompt acknowledgements while ``eager``."""
        data = super().recv(size, flags)
        if self.eager and QUICKACK is not None:
            self.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
        return data

    def close(self) -> None:
        """Close it and wake a thread that is reading; after a fork, only let go of our copy."""
        if self.owner == os.getpid():
            with contextlib.suppress(OSError):  # the other side was faster
                self.shutdown(socket.SHUT_RDWR)
        super().close()


def resolve(address: str, port: int, *, deadline: float) -> list[tuple[int, Address]]:
    """Look up a name, without waiting for the resolver beyond the deadline.

    Raises:
        OSError: there is no such name; ``TimeoutError`` when the resolver does not answer in time.
    """
    if _is_literal(address):
        return _look_up(address, port)
    answers: queue.SimpleQueue[list[tuple[int, Address]] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(_look_up(address, port))
        except OSError as error:
            answers.put(error)

    # getaddrinfo knows no time limit; a thread that is stuck in it ends when the resolver gives up.
    threading.Thread(target=ask, name=f"resolve {address}", daemon=True).start()
    try:
        answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty as error:
        raise TimeoutError(errno.ETIMEDOUT, f"looking up {address} takes too long") from error
    if isinstance(answer, OSError):
        raise answer
    return answer


def _is_literal(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _look_up(address: str, port: int) -> list[tuple[int, Address]]:
    found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
    return [(family, place) for family, _, _, _, place in found]
