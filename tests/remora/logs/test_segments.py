"""Stored output: byte for byte, however it was written and however often."""

from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from remora.blobs import Blobs
from remora.logs.segments import FULL, Segments

JOB = uuid4()


@pytest.fixture
def segments(tmp_path: Path) -> Segments:
    return Segments(Blobs(tmp_path, Fernet.generate_key()))


def test_what_was_written_in_pieces_is_read_whole(segments: Segments) -> None:
    data, offset, random = Random(1).randbytes(3 * FULL), 0, Random(2)
    while offset < len(data):
        offset = segments.write(JOB, 1, "out", offset, data[offset : offset + random.randint(1, 200_000)])
    assert segments.read(JOB, 1, "out", 0, len(data) + 1) == data
    assert segments.read(JOB, 1, "out", 12_345, 100) == data[12_345:12_445]


def test_many_small_pieces_are_kept_in_few_files(segments: Segments, tmp_path: Path) -> None:
    for offset in range(0, 2000, 2):
        segments.write(JOB, 1, "out", offset, b"ab")
    assert len(list(tmp_path.rglob("*-*"))) < 10
    assert segments.read(JOB, 1, "out", 0, 5000) == b"ab" * 1000


def test_writing_a_piece_twice_changes_nothing(segments: Segments) -> None:
    for _ in range(2):
        segments.write(JOB, 1, "out", 0, b"first ")
        segments.write(JOB, 1, "out", 6, b"second")
    assert segments.read(JOB, 1, "out", 0, 100) == b"first second"


def test_a_late_writer_with_less_does_not_shorten_what_is_there(segments: Segments) -> None:
    segments.write(JOB, 1, "out", 0, b"all of it")
    segments.write(JOB, 1, "out", 0, b"all")
    assert segments.read(JOB, 1, "out", 0, 100) == b"all of it"


def test_streams_and_attempts_are_kept_apart(segments: Segments) -> None:
    segments.write(JOB, 1, "out", 0, b"one")
    segments.write(JOB, 1, "err", 0, b"two")
    segments.write(JOB, 2, "out", 0, b"three")
    assert segments.read(JOB, 1, "out", 0, 9) == b"one"
    assert segments.read(JOB, 1, "err", 0, 9) == b"two"
    assert segments.read(JOB, 2, "out", 0, 9) == b"three"


def test_behind_the_end_there_is_nothing(segments: Segments) -> None:
    assert segments.read(JOB, 1, "out", 0, 10) == b""
    segments.write(JOB, 1, "out", 0, b"abc")
    assert segments.read(JOB, 1, "out", 3, 10) == b""
