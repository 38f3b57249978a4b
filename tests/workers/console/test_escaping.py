"""Nothing that a job writes steers the user's terminal (A61)."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from workers.console.escaping import Escaper, one_line, visible


def test_control_characters_are_written_out_and_text_stays() -> None:
    assert visible("plain größer\tx\n") == "plain größer\tx\n"
    assert visible("\x1b[31mred\x07\r\x7f\x9b") == r"\x1b[31mred\x07\r\x7f\x9b"
    assert visible("abc\u202edcba") == r"abc\u202edcba"
    assert one_line("a\nb\tc") == r"a\nb\tc"


@given(st.text())
def test_no_control_or_reordering_character_is_left(text: str) -> None:
    """A61"""
    shown = visible(text)
    assert not {c for c in shown if unicodedata.category(c) == "Cc"} - {"\n", "\t"}
    assert not {
        c for c in shown if unicodedata.bidirectional(c) in {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI"}
    }


@given(st.binary(), st.lists(st.integers(0, 64)))
def test_where_the_bytes_are_cut_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    """A61"""
    whole = Escaper().feed(data, last=True)
    escaper, shown, at = Escaper(), b"", 0
    for cut in sorted(min(cut, len(data)) for cut in cuts):
        shown += escaper.feed(data[at:cut])
        at = cut
    assert shown + escaper.feed(data[at:], last=True) == whole


def test_bytes_that_are_no_text_are_written_as_numbers() -> None:
    assert Escaper().feed(b"\xff\xc3", last=True) == rb"\xff\xc3"
