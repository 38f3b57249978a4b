"""An OpenSSH host certificate: a host's public key, and what an authority says of it.

The format is OpenSSH's ``PROTOCOL.certkeys``. paramiko negotiates such keys but looks at nothing in them beyond
the public key, so everything that makes a certificate worth something is checked here.
"""

from dataclasses import dataclass
from typing import Self

import paramiko
from paramiko.pkey import UnknownKeyType

from config.patterns import matches
from remora.ssh.public_key import PublicKey
from remora.ssh.wire import Malformed, Reader, packed

SUFFIX = "-cert-v01@openssh.com"
HOST = 2
"""The certificate type of a host; 1 is a user."""
KEY_FIELDS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
}
"""Strings that make up the public key, by type."""


@dataclass(frozen=True)
class Certificate:
    """What one certificate says; nothing of it is believed before ``complaint`` is None."""

    key: PublicKey
    """The plain key that it speaks of."""
    type: int
    """1 for a user, 2 for a host."""
    identity: str
    """The name the authority gave it, for people."""
    principals: tuple[str, ...]
    """Host names it is good for; ``*`` and ``?`` are wildcards."""
    valid_after: int
    """Seconds since the epoch."""
    valid_before: int
    """Seconds since the epoch."""
    critical: tuple[str, ...]
    """Names of options that must be understood; OpenSSH defines none for hosts."""
    authority: PublicKey
    """The key that signed it."""
    signed: bytes
    """What the signature covers."""
    signature: bytes

    @classmethod
    def read(cls, blob: bytes) -> Self:
        """Take it apart.

        Raises:
            Malformed: a field is missing, too long, or of a type that is not known.
        """
        reader = Reader(blob)
        kind = reader.text().removesuffix(SUFFIX)
        reader.string()  # the nonce
        key = _read_key(kind, reader)
        reader.uint64()  # the serial number
        type_, identity = reader.uint32(), reader.text()
        principals = _read_names(reader.string())
        after, before = reader.uint64(), reader.uint64()
        critical = _read_options(reader.string())
        reader.string()  # extensions: never critical
        reader.string()  # reserved
        authority = PublicKey.read(reader.string())
        signed = blob[: reader.position]
        signature = reader.string()
        if not (reader.finished and _is_well_formed(signature)):
            raise Malformed("bytes after the signature")
        return cls(key, type_, identity, principals, after, before, critical, authority, signed, signature)

    def complaint(self, name: str, now: float) -> str | None:
        """Say why it does not prove that its key belongs to the host ``name``; None if it does.

        Whether the authority is trusted is not asked here.

        Args:
            name: Host name or address, without a port.
            now: Seconds since the epoch.
        """
        if self.type != HOST:
            return "is not a host certificate"
        if self.critical:
            return f"demands {', '.join(self.critical)}, which is not known here"
        if not self.valid_after <= now < self.valid_before:
            return "has expired" if now >= self.valid_before else "is not valid yet"
        if not any(matches(pattern.lower(), name.lower()) for pattern in self.principals):
            return f"is for {', '.join(self.principals) or 'no host'}, not for {name}"
        return None if self._is_signed() else "has a wrong signature"

    def _is_signed(self) -> bool:
        if self.authority.too_weak:
            return False
        try:
            authority = paramiko.PKey.from_type_string(self.authority.kind, self.authority.blob)
            return bool(authority.verify_ssh_sig(self.signed, paramiko.Message(self.signature)))
        # Key and signature are the far side's: whatever the libraries make of them, they prove nothing.
        except (UnknownKeyType, paramiko.SSHException, ValueError, UnicodeDecodeError):
            return False


def is_certificate(blob: bytes) -> bool:
    """Tell whether a host key as presented is a certificate."""
    return Reader(blob).text().endswith(SUFFIX)


def _is_well_formed(signature: bytes) -> bool:
    """Tell whether it is an algorithm and a value; paramiko would also take one with wrong lengths."""
    reader = Reader(signature)
    for _ in ("algorithm", "value"):
        reader.string()
    return reader.finished


def _read_key(kind: str, reader: Reader) -> PublicKey:
    if kind not in KEY_FIELDS:
        raise Malformed(f"certificates of {kind} keys are not known here")
    fields = (reader.string() for _ in range(KEY_FIELDS[kind]))
    return PublicKey(kind, packed(kind.encode("ascii")) + b"".join(packed(field) for field in fields))


def _read_names(packed_names: bytes) -> tuple[str, ...]:
    reader = Reader(packed_names)
    names = []
    while not reader.finished:
        names.append(reader.text())
    return tuple(names)


def _read_options(packed_options: bytes) -> tuple[str, ...]:
    reader = Reader(packed_options)
    names = []
    while not reader.finished:
        names.append(reader.text())
        reader.string()
    return tuple(names)
