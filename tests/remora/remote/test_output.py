"""Every byte of output arrives, in pieces of any size, while the job runs and afterwards."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from remora.remote.operations import Order, Phase, Probe
from tests.remora.remote.far import Far, within
from tests.support.local_link import LocalLink
from tests.support.waiting import eventually

MEGABYTE = 1024 * 1024


def test_fifty_megabytes_of_noise_arrive_byte_for_byte(far: Far, tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(os.urandom(MEGABYTE) * 50)
    place = far.start(Order(argv=("cat", str(noise))))
    report = far.until_phase(place, Phase.ENDED)
    assert report.out_size == 50 * MEGABYTE
    digest = hashlib.sha256()
    for offset in range(0, report.out_size, MEGABYTE):
        digest.update(far.session.read(place, "out", offset, MEGABYTE, within()))
    assert digest.digest() == hashlib.sha256(noise.read_bytes()).digest()


def test_pieces_may_begin_and_end_anywhere(far: Far) -> None:
    """A chunk's edge may lie within a character, and a byte may be part of none."""
    text = ("█" * 700 + "\udcff\udcfe").encode("utf-8", "surrogateescape") * 4
    place = far.start(Order(argv=("cat",), stdin=text))
    far.until_phase(place, Phase.ENDED)
    for size in (1, 65, 1000, 4096, 65536):
        offsets = range(0, min(len(text), size * 40), size)
        pieces = [far.session.read(place, "out", offset, size, within()) for offset in offsets]
        assert b"".join(pieces) == text[: len(pieces) * size]
    assert far.session.read(place, "out", len(text), 100, within()) == b""
    assert far.session.read(place, "err", 0, 100, within()) == b""


def test_small_outputs_come_with_the_report_from_where_we_are(far: Far) -> None:
    place = far.start(Order(command="printf 0123456789; printf abc >&2"))
    far.until_phase(place, Phase.ENDED)
    partly, nothing, too_large, unasked = far.ask(
        Probe(place, out=4, err=3, inline=100),
        Probe(place, out=10, err=0, inline=100),
        Probe(place, inline=0),
        Probe(place),
    )
    assert (partly.out, partly.err) == (b"456789", b"")
    assert (nothing.out, nothing.err) == (b"", b"abc")
    assert (too_large.out, unasked.out) == (None, None)


def test_output_too_large_for_the_report_is_left_to_be_read(near: Far) -> None:
    place = near.start(Order(command="head -c 300000 /dev/zero"))
    near.until_phase(place, Phase.ENDED)
    report = near.ask(Probe(place, inline=1000))[0]
    assert (report.out, report.out_size) == (None, 300_000)


def test_running_jobs_are_read_along_and_only_those_that_grew(far: Far) -> None:
    talker = far.start(Order(command="printf one; sleep 316"))
    silent = far.start(Order(command="sleep 317"))
    far.until(talker, lambda report: report.out_size == 3)
    wanted = [(talker, "out", 0, 100), (talker, "err", 0, 100), (silent, "out", 0, 100), (talker, "out", 1, 1)]
    assert far.session.read_many(wanted, within()) == [b"one", b"", b"", b"n"]
    assert far.session.read_many([(talker, "out", 3, 100)], within()) == [b""]
    assert far.session.read_many([], within()) == []
    for place in (talker, silent):
        for process in far.members(place):
            process.kill()


def test_output_beyond_the_cap_is_cut_off_and_the_job_goes_on(near: Far) -> None:
    hundred_thousand = "head -c 100000 /dev/zero | tr '\\0' $((i / 10))"
    command = f"i=0; while [ $i -lt 70 ]; do {hundred_thousand}; i=$((i + 1)); sleep 0.1; done; exit 6"
    place = near.start(Order(command=command, output_cap=150_000))
    report = near.until_phase(place, Phase.ENDED)
    assert report.exit
    assert (report.exit.code, report.out_size, report.truncated) == (6, 150_000, True)
    kept = near.session.read_many([(place, "out", 0, MEGABYTE)], within())[0]
    assert kept == b"0" * 150_000
    assert (near.directory(place) / "out").stat().st_size < 5_000_000


def test_the_keeper_of_caps_ends_when_nothing_runs(tmp_path: Path) -> None:
    link = LocalLink("/bin/sh", tmp_path)
    far = Far("alone", lambda: link)
    far.run(Order(command="true"))
    keeper = far.base / "keeper"
    pid = eventually(lambda: keeper.read_text().split()[0] if keeper.exists() else "")
    eventually(lambda: not Path("/proc", pid).exists(), 20.0)
    link.close()


def test_a_thousand_jobs_are_probed_at_once(near: Far) -> None:
    ended = near.start(Order(command="printf x"))
    near.until_phase(ended, Phase.ENDED)
    source = near.directory(ended)
    probes = []
    for number in range(1, 1001):
        job = f"00000000-0000-4000-8000-{number:012x}"
        copy = near.base / f"{job}.1"
        copy.mkdir()
        for name in ("start", "exit", "job", "out", "err"):
            (copy / name).write_bytes((source / name).read_bytes())
        probes.append(Probe(type(ended)(job, 1)))
    begun = time.monotonic()
    reports = near.ask(*probes)
    assert time.monotonic() - begun < 5.0
    assert {(report.phase, report.out_size, report.exit and report.exit.code) for report in reports} == {
        (Phase.ENDED, 1, 0)
    }
    assert len(reports) == 1000


@pytest.mark.parametrize("stream", ["out", "err"])
def test_a_job_that_ended_long_ago_still_tells_its_output(near: Far, stream: str) -> None:
    place = near.start(Order(command=f"echo kept {'>&2' if stream == 'err' else ''}"))
    near.until_phase(place, Phase.ENDED)
    near.session.close()
    near.session = near.new_session()
    assert near.session.read(place, stream, 0, 100, within()) == b"kept\n"
