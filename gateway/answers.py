"""What the door answers: records as JSON."""

import base64
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from remora.hosts import HostRecord
from remora.job import Job

Answer = dict[str, Any]


def job_answer(job: Job) -> Answer:
    """Tell all that is recorded of a job, its end in words, and whether anything can still follow."""
    return {**_plain(job), "message": job.message, "final": job.state.final}


def host_answer(record: HostRecord) -> Answer:
    """Tell all that is recorded of a host; how it is reached stands under ``config``."""
    told = _plain(record)
    del told["host"]
    return {"name": record.host.name, "config": record.host.model_dump(mode="json"), **told}


def content_answer(data: bytes) -> str | dict[str, str]:
    """Tell bytes as requests tell them: text if they are UTF-8, else ``{"base64": …}``."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _plain(value: Any) -> Any:
    """Give the JSON form of a value of the engine; each field of a record is a member of the same name."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | None) else str(value)
