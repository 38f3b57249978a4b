"""What the door is sent: request bodies. Unknown fields are refused."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from remora.job import JobRequest, Name


class NewJobs(JobRequest):
    """One job for ``host``, or the same job for each of ``hosts``."""

    host: Name | None = None  # type: ignore[assignment]  # the one field that is asked for differently here
    hosts: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1000)] | None = None

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        if (self.host is None) == (self.hosts is None):
            raise ValueError("give exactly one of host and hosts")
        if self.hosts and len(set(self.hosts)) < len(self.hosts):
            raise ValueError("hosts names a host twice; name it once, or send two requests")
        return self

    def requests(self) -> list[JobRequest]:
        """Give one request for each host, in the order given."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"hosts"}}
        hosts = self.hosts or (self.host,)
        # Everything is checked already; a large script is shared, not copied.
        return [JobRequest.model_construct(**{**given, "host": host}) for host in hosts]


class Trust(BaseModel):
    """The host key that an operator has compared and accepts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]
