"""Showing on a terminal what others wrote: nothing of it may steer the terminal."""

import codecs
import re

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and what reorders or breaks the text."""


def visible(text: str) -> str:
    r"""Write what would steer a terminal as ``\x1b`` or ``\u202e``."""
    return _STEERING.sub(lambda found: _escape(found[0]), text)


def one_line(text: str) -> str:
    """The same with line feeds and tabs written out too, for a cell or a message."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def _escape(character: str) -> str:
    return "\\r" if character == "\r" else character.encode("unicode_escape").decode()


class Escaper:
    """Makes bytes visible piece by piece; characters may be cut anywhere."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """Give what can be shown of all bytes so far that was not given yet."""
        return visible(self._decoder.decode(data, last)).encode()
