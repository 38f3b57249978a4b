"""Keys, certificates and fingerprints of throw-away hosts, made by ssh-keygen."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Key:
    """A key pair in two files."""

    path: Path
    """The private key, without a passphrase unless it was made with one."""

    @property
    def public_path(self) -> Path:
        """File of the public key."""
        return self.path.with_name(self.path.name + ".pub")

    @property
    def public(self) -> str:
        """Type and base64, as in a known_hosts line, without the comment."""
        return " ".join(self.public_path.read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        """``SHA256:…`` as ssh-keygen prints it."""
        return _keygen("-l", "-f", self.public_path).split()[1]


def make_key(path: Path, kind: str = "ed25519", *, passphrase: str = "") -> Key:
    """Make a key pair of the given type in ``path`` and ``path.pub``."""
    _keygen("-q", "-t", kind, "-N", passphrase, "-C", "", "-f", path)
    return Key(path)


def certify_host(authority: Key, host_key: Key, *, principals: Sequence[str], validity: str = "-1h:+1h") -> Path:
    """Sign a host key and give the file of its certificate.

    Args:
        authority: The key that signs.
        host_key: The key that is signed; the certificate lies beside it.
        principals: Names or addresses it is good for.
        validity: As ssh-keygen's ``-V``.
    """
    names = ",".join(principals)
    _keygen("-q", "-s", authority.path, "-I", "test host", "-h", "-n", names, "-V", validity, host_key.public_path)
    return host_key.path.with_name(host_key.path.name + "-cert.pub")


def _keygen(*arguments: str | Path) -> str:
    finished = subprocess.run(["ssh-keygen", *map(str, arguments)], check=True, capture_output=True, text=True)
    return finished.stdout
