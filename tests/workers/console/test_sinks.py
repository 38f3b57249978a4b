"""Where output goes: as it came, or in whole lines under a name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.console.sinks import DESCRIPTORS, LONGEST_LINE, Kept, Plain, Prefixed, Screen


class Files:
    """Files in place of our stdout and stderr."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._files = {stream: (directory / stream).open("w+b", buffering=0) for stream in ("out", "err")}
        for stream, file in self._files.items():
            monkeypatch.setitem(DESCRIPTORS, stream, file.fileno())

    def read(self, stream: str) -> bytes:
        self._files[stream].seek(0)
        return self._files[stream].read() or b""

    def close(self) -> None:
        for file in self._files.values():
            file.close()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    files = Files(tmp_path, monkeypatch)
    yield files
    files.close()


def test_plain_output_is_every_byte_as_it_came(files: Files) -> None:
    sink = Plain(Screen())
    sink.take("out", b"\x1b[31m\xff\0")
    sink.take("err", b"e")
    sink.end()
    assert (files.read("out"), files.read("err")) == (b"\x1b[31m\xff\0", b"e")


def test_lines_of_several_hosts_are_never_mixed(files: Files) -> None:
    screen = Screen()
    web, db = Prefixed(screen, "web | "), Prefixed(screen, "db | ")
    web.take("out", b"on")
    db.take("out", b"two\nthr")
    web.take("out", b"e\n")
    web.end()
    db.end()
    assert files.read("out") == b"db | two\nweb | one\ndb | thr\n"
    assert files.read("err") == b""


def test_a_line_without_an_end_is_not_kept_back_for_ever(files: Files) -> None:
    sink = Prefixed(Screen(), "web | ")
    for _ in range(3):
        sink.take("err", b"x" * (LONGEST_LINE // 2))
    assert files.read("err") == b"web | " + b"x" * (LONGEST_LINE * 3 // 2) + b"\n"


def test_kept_output_is_found_by_its_stream() -> None:
    sink = Kept()
    sink.take("out", b"a")
    sink.take("out", b"b")
    sink.end()
    assert bytes(sink.streams["out"]) == b"ab"
    assert bytes(sink.streams["err"]) == b""
