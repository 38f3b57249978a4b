import contextlib
import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from tests.peers.doorway import Doorway


def answer_everybody(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            caller, _ = server.accept()
            caller.sendall(b"hello")
            caller.recv(1)
            caller.close()


@pytest.fixture
def doorway() -> Iterator[Doorway]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        talking = Thread(target=answer_everybody, args=(server,))
        talking.start()
        with Doorway(server.getsockname()[1]) as doorway:
            yield doorway
        server.shutdown(socket.SHUT_RDWR)
        talking.join(5)


def heard(caller: socket.socket, *, within: float) -> bytes | None:
    caller.settimeout(within)
    try:
        return caller.recv(100)
    except TimeoutError:
        return None


def caller(doorway: Doorway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", doorway.port), timeout=5)


def test_it_passes_on_what_the_server_says(doorway: Doorway) -> None:
    with caller(doorway) as one:
        assert heard(one, within=5) == b"hello"


def test_falling_silent_cuts_who_is_connected_and_leaves_who_comes_without_an_answer(doorway: Doorway) -> None:
    with caller(doorway) as before:
        assert heard(before, within=5) == b"hello"
        doorway.fall_silent()
        assert heard(before, within=5) == b""
    with caller(doorway) as during:
        assert heard(during, within=0.3) is None
        doorway.speak()
        with caller(doorway) as after:
            assert heard(after, within=5) == b"hello"
        assert heard(during, within=0.3) is None
