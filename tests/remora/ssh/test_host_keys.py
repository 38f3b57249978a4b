"""No host is believed without proof, and nothing is authenticated before (P25, A1-A4)."""

import base64
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from remora.errors import AlgorithmsRefused, HostKeyRefused, Permanent
from remora.ssh.dialer import SshDialer
from remora.ssh.keys import Keyring, load_key
from tests.remora.ssh.deadlines import within
from tests.remora.ssh.fake_server import (
    CertifiedKey,
    RecordingServer,
    ScriptedServer,
    proposal,
    read_proposal,
)
from tests.support.keys import Key, make_key
from tests.support.waiting import eventually


@dataclass
class Scene:
    """A server with a key, and what we know of it."""

    directory: Path
    client_key: Key
    host_key: Key = field(init=False)
    other: Key = field(init=False)
    authority: Key = field(init=False)
    shown: paramiko.PKey | None = None
    """What the server shows instead of its plain key."""
    known: str = ""
    """Text of the known_hosts file; NAME stands for the server's name and port."""
    pins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.host_key = make_key(self.directory / "host_key")
        self.other = make_key(self.directory / "other_key")
        self.authority = make_key(self.directory / "authority")

    def show_certificate(
        self, *, principals: str = "127.0.0.1", validity: str = "-1h:+1h", kind: str = "-h", tamper: bool = False
    ) -> None:
        """Have the server show a certificate that ``authority`` signed, by default a good one."""
        names = ["-n", principals] if principals else []
        options = ["-q", "-s", self.authority.path, "-I", "test", *([kind] if kind else []), *names, "-V", validity]
        subprocess.run(["ssh-keygen", *map(str, options), self.host_key.public_path], check=True, capture_output=True)
        text = self.host_key.path.with_name("host_key-cert.pub").read_text()
        certificate = base64.b64decode(text.split()[1])
        if tamper:
            certificate = certificate.replace(b"127.0.0.2", b"127.0.0.1")
        self.shown = CertifiedKey(str(self.host_key.path), certificate)

    def trust_authority(self) -> None:
        self.known += f"@cert-authority 127.0.0.1 {self.authority.public}\n"

    def play(self) -> RecordingServer:
        """Connect to the server and give it, with what it noted."""
        server = RecordingServer(self.shown or paramiko.Ed25519Key(filename=str(self.host_key.path)))
        with server:
            file = self.directory / "known_hosts"
            file.write_bytes(self.known.replace("NAME", f"[127.0.0.1]:{server.port}").encode("latin-1"))
            host = server.host(key=str(self.client_key.path), host_keys=self.pins)
            try:
                SshDialer([file], Keyring()).dial(host, within(20)).close()
            finally:
                # Whatever the client sent has been read once the server has seen it leave.
                eventually(lambda: not any(transport.is_active() for transport in server.transports))
                self.authentication = server.authentication
        return server


@pytest.fixture
def scene(tmp_path: Path, client_key: Key) -> Scene:
    return Scene(tmp_path, client_key)


def unknown(scene: Scene) -> None:
    """Nothing is known of it."""


def changed(scene: Scene) -> None:
    scene.known = f"NAME {scene.other.public}\n"


def pinned_otherwise(scene: Scene) -> None:
    scene.pins = (scene.other.fingerprint,)


def revoked(scene: Scene) -> None:
    scene.known = f"NAME {scene.host_key.public}\n@revoked * {scene.host_key.public}\n"


def revoked_though_pinned(scene: Scene) -> None:
    scene.known = f"@revoked 127.0.0.1 {scene.host_key.public}\n"
    scene.pins = (scene.host_key.fingerprint,)


def wrong_authority(scene: Scene) -> None:
    scene.show_certificate()
    scene.known = f"@cert-authority * {scene.other.public}\n"


def wrong_principal(scene: Scene) -> None:
    scene.show_certificate(principals="127.0.0.2,example.org")
    scene.trust_authority()


def no_principal(scene: Scene) -> None:
    scene.show_certificate(principals="")
    scene.trust_authority()


def expired(scene: Scene) -> None:
    scene.show_certificate(validity="-2h:-1h")
    scene.trust_authority()


def not_valid_yet(scene: Scene) -> None:
    scene.show_certificate(validity="+1h:+2h")
    scene.trust_authority()


def tampered_certificate(scene: Scene) -> None:
    scene.show_certificate(principals="127.0.0.2", tamper=True)
    scene.trust_authority()


def certificate_of_a_user(scene: Scene) -> None:
    scene.show_certificate(kind="")
    scene.trust_authority()


def revoked_authority(scene: Scene) -> None:
    scene.show_certificate()
    scene.trust_authority()
    scene.known += f"@revoked * {scene.authority.public}\n"


def certificate_of_revoked_key(scene: Scene) -> None:
    scene.show_certificate()
    scene.trust_authority()
    scene.known += f"@revoked * {scene.host_key.public}\n"


def unreadable_line(scene: Scene) -> None:
    scene.known = f"NAME {scene.host_key.public}\nsomewhere.else ssh-ed25519 not-base64\n"


def unknown_mark(scene: Scene) -> None:
    scene.known = f"NAME {scene.host_key.public}\n@revokd * {scene.host_key.public}\n"


def unreadable_file(scene: Scene) -> None:
    scene.known = f"NAME {scene.host_key.public} caf\xe9\n"


def name_is_excluded(scene: Scene) -> None:
    scene.known = f"127.0.0.*,!127.0.0.1 {scene.host_key.public}\n"


def only_other_port_is_known(scene: Scene) -> None:
    scene.known = f"[127.0.0.1]:1 {scene.host_key.public}\n"


def short_rsa_key(scene: Scene) -> None:
    key = paramiko.RSAKey(key=rsa.generate_private_key(public_exponent=65537, key_size=1024))
    scene.shown = key
    scene.known = f"NAME ssh-rsa {key.get_base64()}\n"


IMPOSTORS: list[tuple[Callable[[Scene], None], str, str]] = [
    (unknown, "unknown", "is not known"),
    (changed, "changed", "stands in between"),
    (pinned_otherwise, "changed", "stands in between"),
    (revoked, "revoked", "known_hosts:2"),
    (revoked_though_pinned, "revoked", "known_hosts:1"),
    (wrong_authority, "certificate", "no authority for this host"),
    (wrong_principal, "certificate", "is for 127.0.0.2, example.org, not for 127.0.0.1"),
    (no_principal, "certificate", "is for no host"),
    (expired, "certificate", "has expired"),
    (not_valid_yet, "certificate", "is not valid yet"),
    (tampered_certificate, "certificate", "has a wrong signature"),
    (certificate_of_a_user, "certificate", "is not a host certificate"),
    (revoked_authority, "revoked", "known_hosts:2"),
    (certificate_of_revoked_key, "revoked", "known_hosts:2"),
    (unreadable_line, "unreadable", "known_hosts:2"),
    (unknown_mark, "unreadable", "known_hosts:2: @revokd"),
    (unreadable_file, "unreadable", "known_hosts"),
    (name_is_excluded, "unknown", "is not known"),
    (only_other_port_is_known, "unknown", "is not known"),
    (short_rsa_key, "weak", "too short"),
]


@pytest.mark.parametrize(("arrange", "judgement", "words"), IMPOSTORS, ids=[case[0].__name__ for case in IMPOSTORS])
def test_a_host_without_proof_is_refused_before_any_authentication(
    scene: Scene, arrange: Callable[[Scene], None], judgement: str, words: str
) -> None:
    """P25, A1, A2, A3."""
    arrange(scene)
    with pytest.raises(HostKeyRefused, match=words) as refused:
        scene.play()
    assert refused.value.facts["judgement"] == judgement
    assert scene.authentication == []


def plain(scene: Scene) -> None:
    scene.known = f"NAME {scene.host_key.public}\n"


def pinned(scene: Scene) -> None:
    scene.pins = (scene.host_key.fingerprint,)


def bare_address(scene: Scene) -> None:
    scene.known = f"example.org,127.0.0.1 {scene.host_key.public} a comment\n"


def wildcard(scene: Scene) -> None:
    scene.known = f"# a comment\n\n127.0.?.*,!127.0.0.2 {scene.host_key.public}\n"


def one_of_several(scene: Scene) -> None:
    scene.known = f"NAME {scene.other.public}\nNAME {scene.host_key.public}\n"


def certified(scene: Scene) -> None:
    scene.show_certificate(principals="example.org,127.0.0.*")
    scene.trust_authority()


def certified_by_unknown_but_key_known(scene: Scene) -> None:
    scene.show_certificate()
    scene.known = f"@cert-authority 127.0.0.1 {scene.other.public}\nNAME {scene.host_key.public}\n"


def other_key_is_revoked(scene: Scene) -> None:
    scene.known = f"@revoked * {scene.other.public}\nNAME {scene.host_key.public}\n"


PROVEN = [
    plain,
    pinned,
    bare_address,
    wildcard,
    one_of_several,
    certified,
    certified_by_unknown_but_key_known,
    other_key_is_revoked,
]


@pytest.mark.parametrize("arrange", PROVEN)
def test_a_host_with_proof_is_let_authenticate(scene: Scene, arrange: Callable[[Scene], None]) -> None:
    """P25: the same server sees authentication when there is something to believe."""
    arrange(scene)
    scene.play()
    assert scene.authentication


def test_names_hashed_by_ssh_keygen_are_understood(scene: Scene) -> None:
    """A hashed file of OpenSSH's own making; checked for a name with a port, since that is what is hashed."""
    server = RecordingServer(paramiko.Ed25519Key(filename=str(scene.host_key.path)))
    file = scene.directory / "known_hosts"
    file.write_text(f"[127.0.0.1]:{server.port} {scene.host_key.public}\n")
    subprocess.run(["ssh-keygen", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "127.0.0.1" not in file.read_text()
    with server:
        SshDialer([file], Keyring()).dial(server.host(key=str(scene.client_key.path)), within(20)).close()
    assert server.authentication


WEAK = {
    "key exchange over SHA-1": {"kex": ["diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1"]},
    "host key signed over SHA-1": {"keys": ["ssh-rsa", "ssh-dss"]},
    "CBC": {"ciphers": ["aes256-cbc", "3des-cbc", "arcfour"]},
    "MD5 and SHA-1 checksums": {"ciphers": ["aes128-ctr"], "macs": ["hmac-md5", "hmac-sha1"]},
}


@pytest.mark.parametrize("offer", WEAK.values(), ids=WEAK.keys())
def test_a_server_that_offers_only_weak_cryptography_is_refused(client_key: Key, offer: dict[str, list[str]]) -> None:
    """P25, A4."""
    sent_after: list[bytes] = []

    def serve(client: socket.socket) -> None:
        client.sendall(b"SSH-2.0-Old\r\n" + proposal(**offer))
        read_proposal(client)
        sent_after.append(client.recv(1 << 16))

    with (
        ScriptedServer(serve) as server,
        pytest.raises(AlgorithmsRefused, match="nothing that is still safe") as refused,
    ):
        SshDialer([], Keyring()).dial(server.host(key=str(client_key.path)), within(20))
    assert isinstance(refused.value, Permanent)
    eventually(lambda: sent_after)
    assert sent_after == [b""], "it hung up without another word"


def test_we_offer_nothing_weak_and_insist_on_strict_key_exchange(client_key: Key) -> None:
    """A4: no SHA-1, CBC, 3DES, MD5, DSA; strict key exchange against Terrapin is announced."""
    seen: list[list[list[str]]] = []

    def serve(client: socket.socket) -> None:
        client.sendall(b"SSH-2.0-Curious\r\n" + proposal(kex=["nothing"]))
        seen.append(read_proposal(client))

    with ScriptedServer(serve) as server, pytest.raises(AlgorithmsRefused):
        SshDialer([], Keyring()).dial(server.host(key=str(client_key.path)), within(20))
    kex, *others = eventually(lambda: seen)[0]
    assert "kex-strict-c-v00@openssh.com" in kex
    offered = [name for names in (kex, *others) for name in names]
    for weak in ("sha1", "cbc", "3des", "md5", "arcfour", "dss", "group1-", "chacha20"):
        assert not [name for name in offered if weak in name]
    assert "ssh-rsa" not in offered


def test_a_key_that_changes_in_the_middle_of_a_connection_ends_it(scene: Scene) -> None:
    """A2: a new key exchange must show the same key again."""
    key = paramiko.Ed25519Key(filename=str(scene.host_key.path))
    with RecordingServer(key) as server:
        host = server.host(key=str(scene.client_key.path), host_keys=(scene.host_key.fingerprint,))
        connection = SshDialer([], Keyring()).dial(host, within(20))
        transport = server.transports[0]
        transport.server_key_dict["ssh-ed25519"] = paramiko.Ed25519Key(filename=str(scene.other.path))
        with pytest.raises((paramiko.SSHException, EOFError)):
            transport.renegotiate_keys()
        eventually(lambda: not connection.alive)
        connection.close()


def test_a_pinned_key_is_found_whatever_the_type_the_server_prefers(scene: Scene) -> None:
    """A fingerprint does not tell its type, and a server shows only one of its keys."""
    ecdsa = make_key(scene.directory / "ecdsa_key", "ecdsa")
    with RecordingServer(
        paramiko.Ed25519Key(filename=str(scene.host_key.path)), load_key(ecdsa.path, host="fake")
    ) as server:
        host = server.host(key=str(scene.client_key.path), host_keys=(ecdsa.fingerprint,))
        SshDialer([], Keyring()).dial(host, within(20)).close()
    assert server.authentication
