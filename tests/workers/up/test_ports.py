import socket
from pathlib import Path

import pytest

from config.home import Home
from tests.support.ports import free_port
from workers.up.ports import choose_ports


def test_ports_are_chosen_once(tmp_path: Path) -> None:
    first = choose_ports(Home(tmp_path), {"gateway": 0, "flower": 0})
    assert first["gateway"] != first["flower"]
    assert choose_ports(Home(tmp_path), {"gateway": 0, "flower": 0}) == first


def test_a_port_that_somebody_took_meanwhile_is_replaced(tmp_path: Path) -> None:
    first = choose_ports(Home(tmp_path), {"gateway": 0})["gateway"]
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", first))
        stranger.listen()
        second = choose_ports(Home(tmp_path), {"gateway": 0})["gateway"]
    assert second != first
    assert choose_ports(Home(tmp_path), {"gateway": 0})["gateway"] == second


def test_a_configured_port_is_used_as_it_is(tmp_path: Path) -> None:
    port = free_port()
    assert choose_ports(Home(tmp_path), {"gateway": port}) == {"gateway": port}


def test_a_configured_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 is taken"):
            choose_ports(Home(tmp_path), {"gateway": port})
