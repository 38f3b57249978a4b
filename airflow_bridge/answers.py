"""What the server answers, as it stands in its JSON. Times are seconds since the epoch, sizes bytes."""

import base64
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict


class Cause(TypedDict):
    """Why a job ended."""

    kind: str
    code: int | None
    evidence: dict[str, Any]


class Job(TypedDict):
    """What is recorded of a job."""

    id: str
    host: str
    name: str
    state: str
    final: bool
    """Whether no other state follows."""
    attempt: int
    identity: str
    created: float
    started: float | None
    ended: float | None
    finished: float | None
    exit_code: int | None
    cause: Cause | None
    message: str
    """Its end in words."""
    skip: bool
    progress: str | None
    out_size: int
    err_size: int
    truncated: bool
    output_incomplete: bool
    left: int
    cancel_by: str | None
    held: str | None
    out_of_contact_since: float | None
    retries: int
    run_id: str | None
    labels: dict[str, str]
    attempts: list[dict[str, Any]]


class Page(TypedDict):
    """Some jobs, newest first."""

    jobs: list[Job]
    next: str | None
    """What to give as ``after`` for the next page; None if there is none."""


class Host(TypedDict):
    """What is recorded of a host."""

    name: str
    config: dict[str, Any]
    """How it is reached and how much it may be asked to do."""
    condition: str
    """``new`` (not examined yet), ``ready``, ``host_key``, ``refused`` or ``unfit``."""
    reason: str | None
    offered_key: str | None
    out_of_contact_since: float | None
    drained: bool
    examined: dict[str, Any]
    waiting: int
    live: int
    base: NotRequired[str | None]


@dataclass(frozen=True)
class LogPart:
    """Some bytes of an output stream."""

    data: bytes = field(repr=False)
    attempt: int
    next_offset: int
    complete: bool
    """Nothing follows."""


@dataclass(frozen=True)
class Output:
    """Bytes that a job wrote, as they came."""

    stream: str
    """``out`` or ``err``."""
    attempt: int
    offset: int
    """Where in the stream of that attempt they begin."""
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Change:
    """A job as it is after a change."""

    job: Job


Event = Change | Output


def content(data: bytes) -> str | dict[str, str]:
    """Give bytes as requests carry them: text if they are UTF-8, else ``{"base64": …}``."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def content_bytes(told: str | dict[str, str]) -> bytes:
    """Give the bytes that answers tell in the same way."""
    return told.encode() if isinstance(told, str) else base64.b64decode(told["base64"])
