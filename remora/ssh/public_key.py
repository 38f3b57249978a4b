"""A public key as SSH writes it."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Self

from remora.ssh.wire import Malformed, Reader

SMALLEST_RSA = 2048
"""Bits; shorter RSA keys are refused wherever they appear."""


@dataclass(frozen=True)
class PublicKey:
    """One public key, of whatever type; only ``blob`` decides whether two are the same."""

    kind: str
    """Its type, for example ``ssh-ed25519``."""
    blob: bytes
    """As it goes over the wire; begins with the type."""

    @classmethod
    def read(cls, blob: bytes) -> Self:
        """Take the type from the blob itself.

        Raises:
            Malformed: the blob does not begin with a type.
        """
        return cls(Reader(blob).text(), blob)

    @classmethod
    def from_text(cls, kind: str, encoded: str) -> Self:
        """Read the two words of a key file or known_hosts line.

        Raises:
            Malformed: not base64, or the blob is of another type than the line says.
        """
        try:
            blob = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise Malformed("the key is not base64") from error
        key = cls.read(blob)
        if key.kind != kind:
            raise Malformed(f"the line says {kind}, the key in it is {key.kind}")
        return key

    @property
    def fingerprint(self) -> str:
        """``SHA256:…`` as ``ssh-keygen -l`` prints it."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

    @property
    def short_kind(self) -> str:
        """Its type as people say it: ``ed25519``, ``ecdsa``, ``rsa``."""
        return self.kind.removeprefix("ssh-").removeprefix("ecdsa-sha2-").replace("nistp", "ecdsa-")

    @property
    def too_weak(self) -> bool:
        """Whether it is an RSA key below ``SMALLEST_RSA`` bits."""
        if self.kind != "ssh-rsa":
            return False
        reader = Reader(self.blob)
        _type, _exponent, modulus = reader.string(), reader.string(), reader.string()
        return int.from_bytes(modulus, "big").bit_length() < SMALLEST_RSA
