"""What is written to a host and read from it, without a host."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remora.errors import BadRequest
from remora.remote import protocol
from remora.remote.operations import Cancel, Forget, Order, Phase, Place, Probe
from remora.remote.orders import as_printf_format, pack
from remora.remote.protocol import Item, Launch, batches, name_of, place_of
from remora.remote.replies import evidence, reports, sections

PLACE = Place("00000000-0000-4000-8000-000000000001", 1)
NAME = name_of(PLACE)
NONCE = "5f5f5f5f5f5f"
BOOT = "boot-1"


def _launch(order: Order, number: int = 1) -> Launch:
    payloads, _ = protocol.payloads(pack(order, tag="aa", home="/"), tag="aa")
    return Launch(Place(PLACE.job, number), "aa", order, payloads)


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes_survive_being_written_as_a_format(chunks: list[bytes]) -> None:
    program = "".join(f"printf {as_printf_format(chunk)}; printf '|'\n" for chunk in chunks)
    assert program.isascii()
    shown = subprocess.run(["/bin/sh"], input=program.encode(), capture_output=True, check=True).stdout
    assert shown == b"".join(chunk + b"|" for chunk in chunks)


@pytest.mark.parametrize("data", [b"-n", b"@name", b"-", b"--"])
def test_no_payload_looks_like_an_option_or_an_upload(data: bytes) -> None:
    assert as_printf_format(data)[1] not in "-@"


@pytest.mark.parametrize(
    "place",
    [
        Place("../../etc", 1),
        Place(PLACE.job.upper().replace("0", "A"), 1),
        Place(PLACE.job + "\n", 1),
        Place(PLACE.job, 0),
    ],
)
def test_nothing_but_a_canonical_id_and_a_number_becomes_a_path(place: Place) -> None:
    with pytest.raises(BadRequest):
        name_of(place)


def test_a_name_is_read_back_as_the_place_it_names() -> None:
    assert place_of(NAME) == PLACE
    assert [place_of(name) for name in ("", "x.1", f"{PLACE.job}.0", f"{PLACE.job}.x", f"{PLACE.job}")] == [None] * 5


def test_an_exchange_keeps_to_its_limits_and_nothing_is_lost() -> None:
    items: list[Item] = [_launch(Order(command="x" * 20_000), number) for number in range(1, 101)]
    items += [Probe(Place(PLACE.job, number)) for number in range(1, 5001)]
    split = list(batches(items))
    assert [item for batch in split for item in batch] == items
    assert max(len(protocol.exchange(batch, nonce=NONCE)) for batch in split) <= protocol.EXCHANGE_BYTES
    assert max(sum(isinstance(item, Launch) for item in batch) for batch in split) <= protocol.EXCHANGE_STARTS


def test_a_large_payload_is_uploaded_and_named() -> None:
    parcel = pack(Order(command="x" * 100_000, stdin=b"\0" * 10_000), tag="aa", home="/")
    written, uploads = protocol.payloads(parcel, tag="aa")
    assert written[2:] == ("@aa.command", "@aa.stdin")
    assert uploads == {"aa.command": b"x" * 100_000, "aa.stdin": b"\0" * 10_000}


def test_an_exchange_is_one_group_that_starts_before_it_probes() -> None:
    text = protocol.exchange(
        [Probe(PLACE, inline=10), Forget(PLACE), Cancel(PLACE, 1.5), _launch(Order(command="true"))], nonce=NONCE
    ).decode()
    assert text.startswith("{\n")
    assert text.endswith("\n}\n")
    lines = [f"\nexchange {NONCE}", f"\nstart {NAME}", f"\ncancel {NAME} 150\n", f"\nforget {NAME}", f"\nprobe {NONCE}"]
    places = [text.index(line) for line in lines]
    assert places == sorted(places)


def test_secrets_are_in_no_representation() -> None:
    launch = _launch(Order(command="hidden-1", environment={"A": "hidden-2"}, stdin=b"hidden-3"))
    assert "hidden" not in repr(launch)


def _reply(*parts: tuple[str, bytes]) -> bytes:
    body = b"".join(f"\n{NONCE} {head}\n".encode() + content for head, content in parts)
    return b"noise\n\xff" + body + f"\n{NONCE} end\n".encode()


def _files(**contents: bytes) -> bytes:
    """Write what ``head -c`` prints of several files, the way it separates them."""
    names = {"exit_tmp": "exit.tmp"}
    return b"\n".join(
        f"==> {NAME}/{names.get(name, name)} <==\n".encode() + content for name, content in contents.items()
    )


def _phase(files: bytes, processes: bytes = b"", again: bytes = b"", absent: bytes = b"") -> Phase:
    reply = _reply(
        ("answers 9.00", b""),
        ("absent", absent),
        ("files", b"==> /dev/null <==\n\n" + files),
        ("processes", processes),
        ("again", again),
    )
    return next(reports([Probe(PLACE)], evidence(reply, nonce=NONCE), boot_id=BOOT)).phase


def _stat(pid: int, born: int, *, name: bytes = b"sh", state: bytes = b"S") -> bytes:
    fields = [str(pid).encode(), b"(" + name + b")", state, *[b"0"] * 18, str(born).encode(), b"0"]
    return f"==> /proc/{pid}/stat <==\n".encode() + b" ".join(fields) + b"\n"


CLAIM = b"70 700 boot-1 8.00 1000 -\n"
VERDICT = b"verdict 3 exit - 0 0 0 9.00 -" + b" " * 70 + b"\n"


def test_each_state_of_the_files_has_its_phase() -> None:
    job = b"71 710\n"
    assert _phase(b"", absent=NAME.encode() + b"\n") is Phase.ABSENT
    assert _phase(b"") is Phase.PLACED
    assert _phase(_files(start=b"")) is Phase.CLAIMED
    assert _phase(_files(start=CLAIM), _stat(70, 700)) is Phase.RUNNING
    assert _phase(_files(start=CLAIM, job=job), _stat(71, 710)) is Phase.ORPHANED
    assert _phase(_files(start=CLAIM, job=job)) is Phase.DIED
    assert _phase(_files(exit=VERDICT, start=CLAIM)) is Phase.ENDED
    assert _phase(_files(start=b"cancelled boot-1 8.00\n")) is Phase.KEPT_FROM_STARTING
    assert _phase(_files(start=b"forgotten\n700 boot-1\n")) is Phase.FORGOTTEN
    assert _phase(_files(start=CLAIM.replace(b"boot-1", b"boot-0")), _stat(70, 700)) is Phase.REBOOTED


def test_a_process_of_another_birth_is_another_process() -> None:
    assert _phase(_files(start=CLAIM), _stat(70, 701)) is Phase.DIED
    assert _phase(_files(start=CLAIM), _stat(70, 700, state=b"Z")) is Phase.DIED


def test_a_process_may_have_any_name() -> None:
    assert _phase(_files(start=CLAIM), _stat(70, 700, name=b"a) S 1\n) (b")) is Phase.RUNNING


def test_an_end_between_two_looks_is_an_end() -> None:
    again = f"==> {NAME}/exit <==\n".encode() + VERDICT
    assert _phase(_files(start=CLAIM), again=again) is Phase.ENDED


def test_a_verdict_that_was_only_to_be_renamed_counts_when_the_supervisor_is_dead() -> None:
    reserved = f"==> {NAME}/exit.tmp <==\n".encode()
    assert _phase(_files(start=CLAIM), again=reserved + VERDICT) is Phase.ENDED
    assert _phase(_files(start=CLAIM), _stat(70, 700), again=reserved + VERDICT) is Phase.RUNNING
    assert _phase(_files(start=CLAIM), again=reserved + b"x\n") is Phase.DIED
    assert _phase(_files(start=CLAIM), again=reserved + b"Killed\n") is Phase.DIED


@pytest.mark.parametrize(
    "forged",
    [b"", b"0\n", b"verdict 256 exit - 0 0 0 9.00 -\n", b"verdict 3 exit - 0 0 0\n", b"\xff" * 300, b"verdict 3"],
)
def test_an_exit_file_that_is_no_verdict_is_none(forged: bytes) -> None:
    """Row A9: sizes and formats are checked."""
    assert _phase(_files(exit=forged, start=CLAIM), _stat(70, 700)) is Phase.RUNNING


@given(st.binary(max_size=200))
def test_no_reply_makes_the_reader_stumble(noise: bytes) -> None:
    reply = _reply(("answers 9.00", noise), ("files", noise), ("sizes", noise), ("processes", noise), ("again", noise))
    found = evidence(reply, nonce=NONCE)
    assert len(list(reports([Probe(PLACE, inline=10)], found, boot_id=BOOT))) == 1


def test_a_section_ends_where_the_next_begins_whatever_it_holds() -> None:
    content = b"\n\nend\n" + bytes(range(256)) + b"\n"
    found = sections(_reply((f"data {NAME} out 0", content), ("sizes", b"")), nonce=NONCE)
    assert [(section.words[0], section.content) for section in found] == [
        ("data", content),
        ("sizes", b""),
        ("end", b""),
    ]
