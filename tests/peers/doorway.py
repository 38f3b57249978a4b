"""A way to a server on loopback that can fall silent: it accepts, and passes nothing on."""

import contextlib
import socket
import threading
from typing import Self


class Doorway:
    """A TCP forwarder to one port of this machine."""

    def __init__(self, port: int) -> None:
        """Listen on a free port.

        Args:
            port: where connections are passed on to.
        """
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._silent = False
        self._held: list[socket.socket] = []
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._drop()

    def fall_silent(self) -> None:
        """Cut what is connected; whoever connects from now on is accepted and hears nothing, even after ``speak``."""
        self._silent = True
        self._drop()

    def speak(self) -> None:
        """Pass new connections on again."""
        self._silent = False

    def _keep(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            self._held.append(caller)
            if not self._silent:
                self._pass_on(caller)

    def _pass_on(self, caller: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            caller.close()
            return
        server.settimeout(None)
        self._held.append(server)
        for source, sink in ((caller, server), (server, caller)):
            threading.Thread(target=pump, args=(source, sink), daemon=True).start()

    def _drop(self) -> None:
        while self._held:
            cut(self._held.pop())


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy one direction until either end is gone, then cut both."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    cut(source)
    cut(sink)


def cut(end: socket.socket) -> None:
    """End a connection whatever its state; may be called twice."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
