"""A job: what a caller asks for, and what is recorded of it."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from remora.cause import Cause
from remora.state import State


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL byte, which no program can be given; remove it")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
Name = Annotated[str, Field(pattern=r"^[\w][\w .:/@+-]{0,127}$")]
"""Names and label values are shown in tables and pages, so they are plain."""
Seconds = Annotated[float, Field(gt=0, le=10 * 365 * 86400)]
ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Base64(BaseModel):
    """Bytes that are not text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base64: str

    @field_validator("base64")
    @classmethod
    def _decodable(cls, value: str) -> str:
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise ValueError(f"is not base64: {error}") from error
        return value


Content = str | Base64
"""Bytes in JSON: text stands for its UTF-8 form."""


def content_bytes(content: Content) -> bytes:
    """Give the bytes that ``content`` stands for."""
    return content.encode() if isinstance(content, str) else base64.b64decode(content.base64)


class JobRequest(BaseModel):
    """What a caller asks to have run on one host. Durations are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Name
    command: Text | Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Text for the shell, or a program and its arguments, run without a shell."""
    script: Content | None = None
    """A script in place of ``command``; it runs under its ``#!`` line, else under the shell."""
    arguments: tuple[Text, ...] = ()
    """Arguments of the script."""
    shell: Annotated[Text, Field(pattern=r"^[^\s]+$")] = "/bin/sh"
    env: dict[str, Text] = {}
    stdin: Content | None = None
    cwd: Text | None = None
    user: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9._-]*$")] | None = None
    """Run as this user, by ``sudo -n -u``."""
    timeout: Seconds | None = None
    idle_timeout: Seconds | None = None
    """Seconds without output."""
    grace: Annotated[float, Field(ge=0, le=3600)] = 5.0
    """Seconds between TERM and KILL."""
    retries: Annotated[int, Field(ge=0, le=100)] = 0
    """Further attempts of a job that started and failed."""
    sweep: bool = False
    """End what the main process left in the background."""
    success_codes: tuple[Annotated[int, Field(ge=0, le=255)], ...] = (0,)
    skip_codes: tuple[Annotated[int, Field(ge=0, le=255)], ...] = ()
    name: Name | None = None
    labels: Annotated[dict[Name, Name], Field(max_length=32)] = {}
    run_id: Name | None = None

    @field_validator("env")
    @classmethod
    def _environment_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not ENVIRONMENT_NAME.match(name):
                raise ValueError(f"{name!r} is no environment name; use letters, digits and _, not a digit first")
        return value

    @model_validator(mode="after")
    def _one_thing_to_run(self) -> Self:
        if (self.command is None) == (self.script is None):
            raise ValueError("give exactly one of command and script")
        if self.command is not None and self.arguments:
            raise ValueError("arguments belong to script; put those of a command into command")
        if isinstance(self.command, str) and not self.command.strip():
            raise ValueError("command is blank")
        return self

    @property
    def title(self) -> str:
        """The name, else the program's bare name; never its arguments, which may be secret."""
        if self.name:
            return self.name
        first = self.command[0] if isinstance(self.command, tuple) else (self.command or "script").split()[0]
        plain = first.rsplit("/", 1)[-1]
        return plain if re.fullmatch(r"[\w.+-]{1,64}", plain) else "script"


@dataclass(frozen=True)
class Attempt:
    """One earlier try at a job that was retried."""

    number: int
    cause: Cause
    started: float | None
    ended: float | None


@dataclass(frozen=True)
class Job:
    """What is recorded of a job. Times are seconds since the epoch by the clock of Redis."""

    id: UUID
    host: str
    name: str
    state: State
    attempt: int
    """The present attempt, from 1."""
    identity: str
    """Who asked for it."""
    created: float
    started: float | None = None
    """When the host acknowledged the start of the present attempt."""
    ended: float | None = None
    """When its end was learnt."""
    finished: float | None = None
    """When it became final."""
    exit_code: int | None = None
    """Shown as soon as known; 128+n after signal n."""
    cause: Cause | None = None
    skip: bool = False
    """It exited with one of the skip codes."""
    progress: str | None = None
    """What the job last wrote to its STATUS_FILE."""
    out_size: int = 0
    """Bytes of standard output that can be read here."""
    err_size: int = 0
    truncated: bool = False
    """The host dropped output past the cap."""
    output_incomplete: bool = False
    """The output could not be fetched whole before the limit."""
    left: int = 0
    """Processes of the job still alive after its end."""
    cancel_by: str | None = None
    """Who asked to cancel it."""
    held: str | None = None
    """Why an accepted job waits: ``concurrency``, ``drained``, ``host_key``, …"""
    out_of_contact_since: float | None = None
    """Since when its host cannot be reached; a fact beside the state."""
    retries: int = 0
    run_id: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    """Earlier attempts."""

    @property
    def message(self) -> str:
        """The end of the job in words; empty while it is not final."""
        return self.cause.sentence() if self.cause else ""
