"""Whether a host's key may be believed: known_hosts files and pinned fingerprints, read strictly.

The format is the section SSH_KNOWN_HOSTS FILE FORMAT of sshd(8). A line that cannot be read refuses every host,
since it may be the one that revokes a key.
"""

import base64
import hashlib
import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from config.patterns import any_matches
from remora.ssh.certificate import SUFFIX, Certificate, is_certificate
from remora.ssh.public_key import PublicKey
from remora.ssh.wire import Malformed

ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Signature algorithms accepted of host keys, the best first; SHA-1 is none of them."""


class Mark(Enum):
    """What a line says of its key."""

    KEY = ""
    """It is the key of these hosts."""
    AUTHORITY = "@cert-authority"
    """It signs the keys of these hosts."""
    REVOKED = "@revoked"
    """It must never be believed."""


@dataclass(frozen=True)
class Line:
    """One line of a known_hosts file."""

    origin: str
    """File and line number, for messages."""
    mark: Mark
    names: tuple[str, ...]
    """Patterns, or one hashed name."""
    key: PublicKey

    def is_about(self, name: str) -> bool:
        """Tell whether it speaks of ``name`` (an address, or ``[address]:port``)."""
        if self.names[0].startswith("|1|"):
            return _is_hash_of(self.names[0], name)
        return any_matches((pattern.lower() for pattern in self.names), name.lower())


@dataclass(frozen=True)
class KnownHosts:
    """All lines of all files, and the lines that could not be read."""

    lines: tuple[Line, ...] = ()
    faults: tuple[str, ...] = ()
    """Each names the file, the line and what is wrong with it."""

    def about(self, mark: Mark, place: "Place") -> tuple[Line, ...]:
        """Give the lines with this mark about a place.

        As with ssh, lines about the bare address count for other ports only where none names the port.
        """
        marked = [line for line in self.lines if line.mark is mark]
        for name in place.names:
            if found := tuple(line for line in marked if line.is_about(name)):
                return found
        return ()

    def revokes(self, key: PublicKey, place: "Place") -> Line | None:
        """Give a line that revokes the key for this place under any of its names."""
        revoked = (line for line in self.lines if line.mark is Mark.REVOKED and line.key.blob == key.blob)
        return next((line for line in revoked if any(line.is_about(name) for name in place.names)), None)


@dataclass(frozen=True)
class Place:
    """Where a key was seen."""

    address: str
    port: int = 22

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which known_hosts files may call it, the most precise first."""
        return (self.address,) if self.port == 22 else (f"[{self.address}]:{self.port}", self.address)


class Judgement(Enum):
    """What is thought of a presented key."""

    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    """Nothing is known of this host."""
    CHANGED = "changed"
    """The host is known by another key."""
    REVOKED = "revoked"
    UNREADABLE = "unreadable"
    """A known_hosts file cannot be read in full, so that nothing can be believed."""
    CERTIFICATE = "certificate"
    """It came with a certificate that does not hold."""
    WEAK = "weak"
    """It is too short, or not a key at all."""


@dataclass(frozen=True)
class Verdict:
    """The judgement, with reasons."""

    judgement: Judgement
    message: str
    """For a person; says what to do about it."""
    key: PublicKey | None = None
    """The plain key that was judged, where there was one."""


def read(files: Iterable[Path]) -> KnownHosts:
    """Read known_hosts files; one that does not exist is empty, one that cannot be read is a fault."""
    lines: list[Line] = []
    faults: list[str] = []
    for file in files:
        try:
            text = file.expanduser().read_text("utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{file}: {error}")
            continue
        found = parse(text, str(file))
        lines.extend(found.lines)
        faults.extend(found.faults)
    return KnownHosts(tuple(lines), tuple(faults))


def parse(text: str, origin: str) -> KnownHosts:
    """Read the text of one file, named ``origin`` in messages."""
    lines: list[Line] = []
    faults: list[str] = []
    for number, content in enumerate(text.split("\n"), 1):
        if not content.strip() or content.lstrip().startswith("#"):
            continue
        place = f"{origin}:{number}"
        try:
            lines.append(_parse_line(content, place))
        except Malformed as error:
            faults.append(f"{place}: {error}")
    return KnownHosts(tuple(lines), tuple(faults))


def _parse_line(content: str, origin: str) -> Line:
    words = content.split()
    mark = Mark.KEY
    if words[0].startswith("@"):
        mark = _parse_mark(words.pop(0))
    if len(words) < 3:
        raise Malformed("a line is: names, key type, key")
    names = tuple(words[0].split(","))
    if "" in names or any(name.startswith("|") for name in names[1:]):
        raise Malformed("the names cannot be read")
    if names[0].startswith("|"):
        _split_hash(names[0])
    return Line(origin, mark, names, PublicKey.from_text(words[1], words[2]))


def _parse_mark(word: str) -> Mark:
    try:
        return Mark(word)
    except ValueError as error:
        raise Malformed(f"{word} is neither @cert-authority nor @revoked") from error


def _split_hash(hashed: str) -> tuple[bytes, bytes]:
    """Give salt and HMAC-SHA1 of a hashed name: ``|1|salt|hash``."""
    parts = hashed.split("|")
    try:
        _, version, salt, digest = parts
        found = base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
    except ValueError as error:
        raise Malformed("the hashed name cannot be read") from error
    if version != "1" or len(found[1]) != hashlib.sha1(usedforsecurity=False).digest_size:
        raise Malformed("the hashed name cannot be read")
    return found


def _is_hash_of(hashed: str, name: str) -> bool:
    salt, digest = _split_hash(hashed)
    return hmac.compare_digest(hmac.digest(salt, name.lower().encode(), "sha1"), digest)


def algorithms(known: KnownHosts, place: Place) -> tuple[str, ...]:
    """Say which host key algorithms to ask for, best first.

    Types by which the host is known come first: a host with several keys shows only one of them, and it should be
    one that can be checked. Certificates are asked for only where an authority is known for the host.
    """
    kinds = {line.key.kind for line in known.about(Mark.KEY, place)}
    ordered = tuple(sorted(ALGORITHMS, key=lambda name: _kind_of(name) not in kinds))
    if not known.about(Mark.AUTHORITY, place):
        return ordered
    return (*(name + SUFFIX for name in ALGORITHMS), *ordered)


def others_than(kind: object, offered: Iterable[str]) -> tuple[str, ...]:
    """Say what is left to ask for after a host has shown a key of this type: it may have the one we know as well."""
    return tuple(name for name in offered if _kind_of(name.removesuffix(SUFFIX)) != kind)


def _kind_of(algorithm: str) -> str:
    return "ssh-rsa" if algorithm.startswith("rsa-") else algorithm


def judge(blob: bytes, place: Place, *, known: KnownHosts, pins: Collection[str] = (), now: float) -> Verdict:
    """Decide whether the key that a host presented may be believed.

    Args:
        blob: The key or certificate as it came over the wire; its holder has proven to have the private key.
        place: Where it was presented.
        known: What the files say.
        pins: Fingerprints that are accepted for this host beside the files.
        now: Seconds since the epoch.
    """
    if known.faults:
        message = f"{known.faults[0]}; no host is believed until that line is corrected or removed"
        return Verdict(Judgement.UNREADABLE, message)
    try:
        certificate = Certificate.read(blob) if is_certificate(blob) else None
        key = certificate.key if certificate else PublicKey.read(blob)
        weak = key.too_weak
    except Malformed as error:
        return Verdict(Judgement.WEAK, f"what it presented is not a host key: {error}")
    for suspect in (key, certificate.authority) if certificate else (key,):
        if line := known.revokes(suspect, place):
            return Verdict(Judgement.REVOKED, f"its key {suspect.fingerprint} is revoked by {line.origin}", key)
    if weak:
        return Verdict(Judgement.WEAK, f"its RSA key {key.fingerprint} is too short; make a new host key there", key)
    if certificate and (verdict := _judge_certificate(certificate, place, known, now)):
        return verdict
    return _judge_plain(key, place, known, pins, certificate)


def _judge_certificate(certificate: Certificate, place: Place, known: KnownHosts, now: float) -> Verdict | None:
    """Judge by the certificate; None where its authority is not one for this host, so that only the key counts."""
    trusted = known.about(Mark.AUTHORITY, place)
    if all(line.key.blob != certificate.authority.blob for line in trusted):
        return None
    if complaint := certificate.complaint(place.address, now):
        message = f"its certificate “{certificate.identity}” {complaint}; have a new one signed"
        return Verdict(Judgement.CERTIFICATE, message, certificate.key)
    return Verdict(Judgement.ACCEPTED, f"certified as “{certificate.identity}”", certificate.key)


def _judge_plain(
    key: PublicKey, place: Place, known: KnownHosts, pins: Collection[str], certificate: Certificate | None
) -> Verdict:
    lines = known.about(Mark.KEY, place)
    if key.fingerprint in pins:
        return Verdict(Judgement.ACCEPTED, f"{key.fingerprint} is pinned", key)
    for line in lines:
        if line.key.blob == key.blob:
            return Verdict(Judgement.ACCEPTED, f"{key.fingerprint} is known from {line.origin}", key)
    shown = f"{key.short_kind} key {key.fingerprint}"
    if lines or pins:
        elsewhere = [f"{line.key.fingerprint} ({line.origin})" for line in lines] + sorted(pins)
        return Verdict(Judgement.CHANGED, _changed(shown, elsewhere), key)
    if certificate:
        message = f"its certificate is signed by {certificate.authority.fingerprint}, no authority for this host"
        return Verdict(Judgement.CERTIFICATE, message, key)
    return Verdict(Judgement.UNKNOWN, _unknown(shown, key), key)


def _changed(shown: str, expected: Iterable[str]) -> str:
    return (
        f"it shows the {shown} but is known by {', '.join(expected)}. Either it was installed anew, or somebody stands "
        "in between: find out which before you replace the known key"
    )


def _unknown(shown: str, key: PublicKey) -> str:
    file = f"/etc/ssh/ssh_host_{key.short_kind.split('-')[0]}_key.pub"
    return (
        f"its {shown} is not known. Compare it with what `ssh-keygen -lf {file}` prints on the host itself; "
        "if they agree, add the key to known_hosts or the fingerprint to the host"
    )
