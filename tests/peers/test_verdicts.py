import pytest

from tests.peers.contender import Ending
from tests.peers.probe import Probe, Verdict, judged
from tests.peers.probes import BLOCKS, DIGITS, FIVE_TIMES, PROBES
from tests.peers.table import Row, show


def test_output_must_be_the_same_to_the_byte() -> None:
    assert Ending("succeeded", 0, b"a\nb\n").delivers(b"a\nb\n")
    assert not Ending("succeeded", 0, b"a\nb").delivers(b"a\nb\n")


def test_output_that_comes_as_log_lines_is_compared_apart_from_line_ends() -> None:
    assert Ending("succeeded", 0, b"a\nb", by_lines=True).delivers(b"a\nb\n")
    assert not Ending("succeeded", 0, b"a", by_lines=True).delivers(b"a\nb\n")


def test_an_ending_is_told_in_a_few_words() -> None:
    assert str(Ending("waiting", seconds=20.3)) == "still waiting after 20 s"
    assert str(Ending("failed", 7)) == "failed with 7"
    assert str(Ending("lost", reason="no directory")) == "lost: no directory"
    assert judged(Ending("succeeded", 0), False, "", "2 alive").seen == "succeeded, 2 alive"


def test_the_probes_are_numbered_from_1_to_24() -> None:
    assert [probe.number for probe in PROBES] == list(range(1, 25))


def test_the_expected_outputs_have_the_sizes_that_the_titles_tell() -> None:
    assert [len(DIGITS), len(FIVE_TIMES), len(BLOCKS.encode())] == [1_288_895, 1_744_470, 240_000]


def test_the_table_counts_each_column_and_ends_with_the_last_one(capsys: pytest.CaptureFixture[str]) -> None:
    probe = Probe(1, "several lines", "all lines", lambda _ground, _contender: Verdict(True, ""))
    show(["Peer", "Remora"], [Row(probe, [Verdict(False, "only [one]"), Verdict(True, "succeeded")])])
    printed = capsys.readouterr().out
    assert "WRONG: only [one]" in printed
    assert printed.splitlines()[-2:] == ["Peer: 0 passed, 1 failed", "Remora: 1 passed, 0 failed"]
