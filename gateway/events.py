"""A job as server-sent events: its changes and every byte of its output, resumable at any event."""

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, Self
from uuid import UUID

from starlette.concurrency import run_in_threadpool

from gateway.answers import Answer, content_answer, job_answer
from gateway.waiting import Changes
from remora.desk import Desk
from remora.errors import BadRequest, Transient
from remora.job import Job

Stream = Literal["out", "err"]

CHUNK = 64 * 1024
"""Most bytes of a stream in one event; no reader is ever further behind than one of each stream in memory."""
PULSE = 3.0
"""Seconds of silence after which a reader is sent a comment, and between two tellings that somebody reads along."""
SIZES = frozenset({"out_size", "err_size"})
"""What grows with the output; it is told by the output's own events."""


@dataclass(frozen=True)
class Position:
    """How far a reader has come; it is the id of each event."""

    attempt: int = 1
    out: int = 0
    """Bytes of standard output of that attempt that were sent."""
    err: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``<attempt>.<out>.<err>``.

        Raises:
            BadRequest: it is something else.
        """
        if not re.fullmatch(r"[1-9]\d{0,5}\.\d{1,15}\.\d{1,15}", text):
            raise BadRequest(
                "Last-Event-ID is no id of one of these events; leave it out to start at the beginning.",
                field="Last-Event-ID",
            )
        return cls(*map(int, text.split(".")))

    def after(self, stream: Stream, size: int) -> "Position":
        """Give the position ``size`` bytes of ``stream`` further on."""
        return replace(self, out=self.out + size) if stream == "out" else replace(self, err=self.err + size)

    def __str__(self) -> str:
        return f"{self.attempt}.{self.out}.{self.err}"


class Telling:
    """One reader's way through the events of a job."""

    def __init__(self, desk: Desk, job_id: UUID, position: Position) -> None:
        self._desk = desk
        self.job_id = job_id
        self._position = position
        self._told: Answer | None = None
        self._said_follow = -PULSE
        self.over = False
        """The final event was given."""
        self.behind = True
        """There is no need to wait for a change: more can be read, or all is over."""

    def read(self) -> list[bytes]:
        """Read what is new, at most one piece of each stream; the final event comes after the last byte."""
        job = self._desk.job(self.job_id)
        self._say_follow(job)
        change = [] if job.state.final else self._change(job)
        output = [*self._output(job, "out"), *self._output(job, "err")]
        self.behind = bool(output)
        return [*change, *output] if output else [*change, *self._turn(job)]

    def _say_follow(self, job: Job) -> None:
        """Have the output brought often while somebody reads along."""
        if not job.state.final and time.monotonic() - self._said_follow >= PULSE:
            self._desk.follow(self.job_id)
            self._said_follow = time.monotonic()

    def _change(self, job: Job) -> list[bytes]:
        told = job_answer(job)
        facts = {name: value for name, value in told.items() if name not in SIZES}
        if facts == self._told:
            return []
        self._told = facts
        return [self._event("job", told)]

    def _output(self, job: Job, stream: Stream) -> list[bytes]:
        at, here = (self._position.out, job.out_size) if stream == "out" else (self._position.err, job.err_size)
        attempt = self._position.attempt
        if attempt == job.attempt and at >= here:
            return []
        data = self._desk.log(self.job_id, stream, offset=at, limit=CHUNK, attempt=attempt)
        if not data:
            return []
        self._position = self._position.after(stream, len(data))
        return [self._event(stream, {"attempt": attempt, "offset": at, "data": content_answer(data)})]

    def _turn(self, job: Job) -> list[bytes]:
        """Go on once all output of this attempt is told: to the next attempt, or to the end."""
        if self._position.attempt < job.attempt:
            self._position = Position(self._position.attempt + 1)
            self.behind = True
            return []
        self.over = self.behind = job.state.final
        return [self._event("job", job_answer(job))] if self.over else []

    def _event(self, kind: str, data: Answer) -> bytes:
        # json.dumps escapes all line ends, those of Unicode too, so the data is one line for every parser.
        return f"id: {self._position}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()


async def tell(telling: Telling, changes: Changes) -> AsyncIterator[bytes]:
    """Give the events to the end of the job.

    When the records cannot be read the stream just ends: the reader comes again with the id of its last event.
    """
    with suppress(Transient):
        async with changes.of_job(telling.job_id) as bell:
            while not telling.over:
                for event in await run_in_threadpool(telling.read):
                    yield event
                if not (telling.behind or await bell.wait(PULSE)):
                    yield b": still here\n\n"
