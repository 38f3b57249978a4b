"""What can go wrong when one talks to Remora.

RemoraError
├── Unavailable      no server answered for as long as we were patient
└── Problem          the server answered that it will not do it
    ├── NotAllowed   the token is not known or has no right to this
    ├── NotFound     there is no such job or host
    ├── Conflict     the request contradicts what is recorded
    └── Invalid      the request cannot be honoured as it is
"""

from collections.abc import Mapping
from typing import Any


class RemoraError(Exception):
    """The root; ``str()`` of any of these is fit for an end user."""

    advice: str = ""
    """What to do about it."""


class Unavailable(RemoraError):
    """No server answered, or it was not ready, until patience ran out. What was asked may have been done."""

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


class Problem(RemoraError):
    """The server's answer by RFC 9457."""

    def __init__(self, status: int, members: Mapping[str, Any]) -> None:
        super().__init__(str(members.get("detail") or members.get("title") or f"HTTP status {status}"))
        self.status = status
        """HTTP status."""
        self.type = str(members.get("type", "about:blank"))
        """Stable name of this kind of problem."""
        self.title = str(members.get("title", ""))
        self.detail = str(members.get("detail", ""))
        self.field: str | None = members.get("field")
        """The part of the request that is wrong."""
        self.instance: str | None = members.get("instance")
        """Names this occurrence in the server's log."""
        self.advice = str(members.get("advice", ""))


class NotAllowed(Problem):
    """The token is not known to the server, or has no right to this."""


class NotFound(Problem):
    """There is no such job or host."""


class Conflict(Problem):
    """The request contradicts what is recorded."""


class Invalid(Problem):
    """The request cannot be honoured as it is."""


_LEAVES: Mapping[int, type[Problem]] = {
    400: Invalid,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    422: Invalid,
}


def problem(status: int, members: Mapping[str, Any]) -> Problem:
    """Make the error that stands for an answer."""
    return _LEAVES.get(status, Problem)(status, members)
