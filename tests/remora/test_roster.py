"""The copy of the hosts beside the state."""

from pathlib import Path

from config.hosts import Host
from remora.roster import Roster

WEB = Host(name="web", address="10.0.0.1", user="deploy", host_keys=("SHA256:abc",), labels={"tier": "a"})


def test_hosts_are_given_back_as_they_were_kept(tmp_path: Path) -> None:
    roster = Roster(tmp_path / "hosts.json")
    roster.keep([WEB])
    assert roster.recall() == [WEB]


def test_without_a_copy_there_are_none(tmp_path: Path) -> None:
    assert Roster(tmp_path / "hosts.json").recall() == []
