"""Hosts behind other hosts."""

import pytest

from config.hosts import Host
from remora.errors import BadRequest, HostKeyRefused, HostUnreachable
from remora.ssh.dialer import SshDialer
from remora.ssh.keys import Keyring
from remora.ssh.pool import Pool
from tests.conftest import SshdFactory
from tests.remora.ssh.deadlines import read_all, read_exactly, within
from tests.support.keys import Key, make_key
from tests.support.ports import free_port
from tests.support.waiting import eventually


def dialer_for(*hosts: Host) -> SshDialer:
    return SshDialer([], Keyring(), find_host={host.name: host for host in hosts}.__getitem__)


def test_hosts_behind_a_jump_host_share_one_login_there(make_sshd: SshdFactory) -> None:
    gate, inner = make_sshd(), make_sshd()
    pool = Pool(dialer_for(gate.host("gate")))
    links = [pool.link(inner.host(f"inner{number}", jump="gate"), within(20)) for number in range(4)]
    for link in links:
        channel = link.open("echo inside", within(20))
        assert read_all(channel) == b"inside\n"
        channel.close()
    assert (gate.connections(), inner.connections()) == (1, 4)
    pool.close()
    eventually(lambda: gate.live_connections() == 0)


def test_jump_hosts_may_be_in_a_row(make_sshd: SshdFactory) -> None:
    first, second, third = make_sshd(), make_sshd(), make_sshd()
    dialer = dialer_for(first.host("first"), second.host("second", jump="first"))
    connection = dialer.dial(third.host("third", jump="second"), within(20))
    channel = connection.open("cat", within(20))
    channel.send(b"far away", within(20))
    assert read_exactly(channel, 8) == b"far away"
    assert (first.connections(), second.connections(), third.connections()) == (1, 1, 1)
    connection.close()
    eventually(lambda: (first.live_connections(), second.live_connections()) == (0, 0))


def test_the_host_behind_is_proven_as_any_other(make_sshd: SshdFactory) -> None:
    """P25: a jump host must not be able to put itself in the place of another."""
    gate, inner = make_sshd(), make_sshd()
    stranger = make_key(inner.directory / "stranger")
    dialer = dialer_for(gate.host("gate"))
    with pytest.raises(HostKeyRefused):
        dialer.dial(inner.host("inner", jump="gate", host_keys=(stranger.fingerprint,)), within(20))
    assert inner.connections() == 0
    eventually(lambda: gate.live_connections() == 0)


def test_a_jump_host_without_proof_is_refused(make_sshd: SshdFactory) -> None:
    gate, inner = make_sshd(), make_sshd()
    dialer = dialer_for(gate.host("gate", host_keys=()))
    with pytest.raises(HostKeyRefused, match=r"^gate "):
        dialer.dial(inner.host("inner", jump="gate"), within(20))
    assert (gate.connections(), inner.connections()) == (0, 0)


def test_a_host_that_the_jump_host_does_not_reach_is_unreachable(make_sshd: SshdFactory) -> None:
    gate = make_sshd()
    dialer = dialer_for(gate.host("gate"))
    with pytest.raises(HostUnreachable, match="its jump host does not reach it"):
        dialer.dial(gate.host("inner", jump="gate", port=free_port()), within(20))
    eventually(lambda: gate.live_connections() == 0)


def test_when_the_jump_host_goes_so_does_what_is_behind_and_both_come_back(make_sshd: SshdFactory) -> None:
    gate, inner = make_sshd(), make_sshd()
    pool = Pool(dialer_for(gate.host("gate")))
    target = inner.host("inner", jump="gate")
    link = pool.link(target, within(20))
    channel = link.open("cat", within(20))
    gate.kill_sessions()
    assert channel.receive(1, within(20)) == b""
    eventually(lambda: not link.alive)
    channel.close()
    again = pool.link(target, within(20))
    channel = again.open("echo back", within(20))
    assert read_all(channel) == b"back\n"
    pool.close()


def test_jump_hosts_in_a_circle_are_refused(client_key: Key) -> None:
    def host(name: str, jump: str) -> Host:
        return Host(name=name, address="192.0.2.1", user="somebody", key=str(client_key.path), jump=jump)

    hosts = {name: host(name, jump) for name, jump in (("a", "b"), ("b", "c"), ("c", "a"))}
    with pytest.raises(BadRequest, match="a → b → c → a"):
        dialer_for(*hosts.values()).dial(hosts["a"], within(5))
