"""Reading known_hosts lines and keys: whatever they hold, there is a verdict, and it is no by default."""

import base64
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remora.ssh.certificate import SUFFIX
from remora.ssh.known_hosts import ALGORITHMS, Judgement, KnownHosts, Mark, Place, algorithms, judge, parse, read
from remora.ssh.public_key import PublicKey
from remora.ssh.wire import packed
from tests.support.keys import certify_host, make_key

PLACE = Place("box.example.org")
ED25519 = PublicKey("ssh-ed25519", packed(b"ssh-ed25519") + packed(bytes(range(32))))
RSA = PublicKey("ssh-rsa", packed(b"ssh-rsa") + packed(b"\1\0\1") + packed(b"\0" + b"\xff" * 256))


def line(key: PublicKey, names: str = "box.example.org", mark: str = "") -> str:
    return f"{mark} {names} {key.kind} {base64.b64encode(key.blob).decode()}\n"


@given(st.text())
def test_every_line_is_understood_or_a_fault(text: str) -> None:
    known = parse(text, "file")
    meant = [one for one in text.split("\n") if one.strip() and not one.lstrip().startswith("#")]
    assert len(known.lines) + len(known.faults) == len(meant)


@given(st.binary() | st.binary().map(lambda rest: packed(b"ssh-ed25519" + SUFFIX.encode()) + rest))
def test_no_junk_is_ever_accepted(blob: bytes) -> None:
    known = parse(line(ED25519) + line(RSA, "*", "@cert-authority"), "file")
    assert judge(blob, PLACE, known=known, now=time.time()).judgement is not Judgement.ACCEPTED


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, KnownHosts]:
    """A good certificate for the place, and a file that trusts its authority."""
    directory = tmp_path_factory.mktemp("certificate")
    authority = make_key(directory / "authority")
    file = certify_host(authority, make_key(directory / "host"), principals=[PLACE.address])
    blob = base64.b64decode(file.read_text().split()[1])
    return blob, parse(f"@cert-authority *.example.org {authority.public}\n", "file")


@settings(deadline=None)  # a busy machine
@given(data=st.data())
def test_a_certificate_with_any_byte_changed_is_not_accepted(
    data: st.DataObject, certificate: tuple[bytes, KnownHosts]
) -> None:
    """A3."""
    blob, known = certificate
    assert judge(blob, PLACE, known=known, now=time.time()).judgement is Judgement.ACCEPTED
    place = data.draw(st.integers(0, len(blob) - 1))
    changed = data.draw(st.integers(0, 255).filter(lambda byte: byte != blob[place]))
    forged = blob[:place] + bytes([changed]) + blob[place + 1 :]
    assert judge(forged, PLACE, known=known, now=time.time()).judgement is not Judgement.ACCEPTED


@given(cut=st.integers(1, 200))
def test_a_certificate_cut_short_is_not_accepted(cut: int, certificate: tuple[bytes, KnownHosts]) -> None:
    blob, known = certificate
    verdict = judge(blob[:-cut], PLACE, known=known, now=time.time())
    assert verdict.judgement is Judgement.WEAK


def test_a_certificate_counts_only_for_the_names_of_its_authoritys_line(
    certificate: tuple[bytes, KnownHosts],
) -> None:
    blob, known = certificate
    elsewhere = judge(blob, Place("box.example.com"), known=known, now=time.time())
    assert elsewhere.judgement is Judgement.CERTIFICATE
    other_port = judge(blob, Place(PLACE.address, 2222), known=known, now=time.time())
    assert other_port.judgement is Judgement.ACCEPTED, "a principal has no port"


def test_a_line_for_the_port_is_worth_more_than_one_for_the_bare_address() -> None:
    known = parse(line(ED25519) + line(RSA, "[box.example.org]:2222"), "file")
    place = Place("box.example.org", 2222)
    assert judge(RSA.blob, place, known=known, now=0).judgement is Judgement.ACCEPTED
    assert judge(ED25519.blob, place, known=known, now=0).judgement is Judgement.CHANGED
    assert judge(ED25519.blob, Place("box.example.org", 23), known=known, now=0).judgement is Judgement.ACCEPTED
    assert judge(RSA.blob, PLACE, known=known, now=0).judgement is Judgement.CHANGED


def test_names_are_compared_without_case_and_brackets_are_no_patterns() -> None:
    known = parse(line(ED25519, "BOX.example.org,[a-z].example.org"), "file")
    assert known.about(Mark.KEY, Place("box.Example.org"))
    assert not known.about(Mark.KEY, Place("b.example.org"))


def test_the_handshake_asks_first_for_what_can_be_checked() -> None:
    """A host with several keys shows only one."""
    assert algorithms(KnownHosts(), PLACE) == ALGORITHMS
    assert algorithms(parse(line(RSA), "file"), PLACE)[:2] == ("rsa-sha2-512", "rsa-sha2-256")
    assert set(algorithms(parse(line(RSA), "file"), PLACE)) == set(ALGORITHMS)
    certified = algorithms(parse(line(ED25519, mark="@cert-authority"), "file"), PLACE)
    assert certified[0] == "ssh-ed25519" + SUFFIX
    assert certified[-len(ALGORITHMS) :] == ALGORITHMS


def test_missing_files_are_empty_and_unreadable_ones_are_faults(tmp_path: Path) -> None:
    good = tmp_path / "known_hosts"
    good.write_text(line(ED25519))
    known = read([tmp_path / "none", good, tmp_path])
    assert len(known.lines) == 1
    assert len(known.faults) == 1
    assert str(tmp_path) in known.faults[0]
