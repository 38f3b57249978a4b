"""Only the key that was named is used, and only if it is ours alone (A5, A7)."""

import logging
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from remora.errors import AuthenticationRefused
from remora.ssh.dialer import SshDialer
from remora.ssh.keys import Keyring, load_key
from tests.remora.ssh.deadlines import within
from tests.support.keys import Key, make_key
from tests.support.sshd import Sshd


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_keys_of_ssh_keygen_are_read(tmp_path: Path, kind: str) -> None:
    key = make_key(tmp_path / "key", kind)
    assert load_key(key.path, host="box").fingerprint == key.fingerprint


def test_keys_in_the_old_format_are_read(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key", "rsa")
    subprocess.run(["ssh-keygen", "-q", "-p", "-m", "PEM", "-N", "", "-f", key.path], check=True)
    assert load_key(key.path, host="box").fingerprint == key.fingerprint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A5."""
    key = make_key(tmp_path / "key")
    key.path.chmod(mode)
    with pytest.raises(AuthenticationRefused, match="chmod 600"):
        load_key(key.path, host="box")


@pytest.mark.root
def test_a_key_of_another_user_is_refused(tmp_path: Path) -> None:
    """A5."""
    key = make_key(tmp_path / "key")
    os.chown(key.path, 65534, -1)
    with pytest.raises(AuthenticationRefused, match="belongs to user 65534"):
        load_key(key.path, host="box")


def test_what_is_no_key_says_so(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with pytest.raises(AuthenticationRefused, match="No such file"):
        load_key(file, host="box")
    file.write_text("hello")
    file.chmod(0o600)
    with pytest.raises(AuthenticationRefused, match="is no private key"):
        load_key(file, host="box")
    with pytest.raises(AuthenticationRefused, match=r"cannot be read|is not a file"):
        load_key(tmp_path, host="box")


def test_a_locked_key_says_what_to_do_and_opens_with_its_passphrase_file(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key", passphrase="open sesame")
    with pytest.raises(AuthenticationRefused, match=r"locked with a passphrase.*key\.passphrase.*ssh-add"):
        load_key(key.path, host="box")
    passphrase = tmp_path / "key.passphrase"
    passphrase.write_text("open barley\n")
    passphrase.chmod(0o600)
    with pytest.raises(AuthenticationRefused, match="passphrase is wrong"):
        load_key(key.path, host="box")
    passphrase.write_text("open sesame\n")
    assert load_key(key.path, host="box").fingerprint == key.fingerprint
    passphrase.chmod(0o644)
    with pytest.raises(AuthenticationRefused, match="chmod 600"):
        load_key(key.path, host="box")


def test_a_key_is_called_by_its_name(sshd: Sshd) -> None:
    """A5: only the name is in the host; where the key lies is this installation's own affair."""
    dialer = SshDialer([], Keyring({"deploy": sshd.client_key.path}))
    dialer.dial(sshd.host(key="deploy"), within(20)).close()
    with pytest.raises(AuthenticationRefused, match="no key is called “other”"):
        dialer.dial(sshd.host(key="other"), within(20))


def test_a_key_that_the_host_does_not_accept_is_a_permanent_error(sshd: Sshd, client_key: Key) -> None:
    with pytest.raises(AuthenticationRefused, match=r"does not accept SHA256:.* for .*authorized_keys"):
        SshDialer([], Keyring()).dial(sshd.host(key=str(client_key.path)), within(20))


def test_no_key_material_is_in_messages_logs_or_reprs(
    sshd: Sshd, client_key: Key, caplog: pytest.LogCaptureFixture
) -> None:
    """A5: a canary; the lines of the private key must show up nowhere."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("remora.ssh.paramiko").setLevel(logging.DEBUG)
    try:
        keyring = Keyring({"secret": client_key.path})
        host = sshd.host(key="secret")
        with pytest.raises(AuthenticationRefused) as refused:
            SshDialer([], keyring).dial(host, within(20))
    finally:
        logging.getLogger("remora.ssh.paramiko").setLevel(logging.CRITICAL)
    said = caplog.text + repr(refused.value) + repr(refused.value.facts) + repr(keyring) + repr(keyring.keys(host))
    assert caplog.records
    assert not [line for line in client_key.path.read_text().splitlines()[1:-1] if line in said]


class Bystander:
    """An agent's socket that only notes whether somebody comes."""

    def __init__(self, path: Path) -> None:
        self.visits = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        try:
            while True:
                self._listener.accept()[0].close()
                self.visits += 1
        except OSError:
            return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()


def test_neither_agent_nor_default_keys_are_tried_for_a_host_with_a_key(
    sshd: Sshd, client_key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A7: the key that the host accepts lies where ssh would look, and an agent is there; neither is touched."""
    home = Path(os.environ["HOME"])
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "id_ed25519").write_bytes(sshd.client_key.path.read_bytes())
    (home / ".ssh" / "id_ed25519").chmod(0o600)
    socket_path = tmp_path / "agent"
    agent = Bystander(socket_path)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket_path))
    with pytest.raises(AuthenticationRefused):
        SshDialer([], Keyring(agent=socket_path)).dial(sshd.host(key=str(client_key.path)), within(20))
    agent.close()
    assert agent.visits == 0


def test_without_key_and_agent_nothing_is_tried(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """A7: an agent in the environment counts only if it was handed in."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nowhere")
    with pytest.raises(AuthenticationRefused, match="no ssh-agent is running here"):
        SshDialer([], Keyring()).dial(sshd.host(key=None), within(20))
    with pytest.raises(AuthenticationRefused, match="does not answer"):
        SshDialer([], Keyring(agent=Path("/nowhere"))).dial(sshd.host(key=None), within(20))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """A real ssh-agent, empty."""
    path = tmp_path / "real-agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    yield path
    process.terminate()
    process.wait(10)


def _add(agent: Path, *keys: Key) -> None:
    # ssh-add waits for nothing: the agent must be listening.
    deadline = within(10)
    while not agent.exists():
        assert within(0) < deadline
    environment = {**os.environ, "SSH_AUTH_SOCK": str(agent)}
    subprocess.run(["ssh-add", *(key.path for key in keys)], check=True, capture_output=True, env=environment)


def test_a_host_without_key_uses_the_agent(sshd: Sshd, client_key: Key, agent: Path) -> None:
    _add(agent, client_key, sshd.client_key)
    SshDialer([], Keyring(agent=agent)).dial(sshd.host(key=None), within(20)).close()


def test_an_agent_without_the_right_key_is_refused_once_all_were_tried(sshd: Sshd, tmp_path: Path, agent: Path) -> None:
    keys = [make_key(tmp_path / f"wrong{number}") for number in range(8)]
    _add(agent, *keys)
    with pytest.raises(AuthenticationRefused, match=r"\(agent\)"):
        SshDialer([], Keyring(agent=agent)).dial(sshd.host(key=None), within(20))
