"""A host as it is configured: one named account (user@address:port)."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Host(BaseModel):
    """How to reach one account and how much it may be asked to do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    address: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^\s@/-][^\s@/]*$")]
    """Host name or IP address, as given to the resolver."""
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    user: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s:@-][^\s:@]*$")]
    key: str | None = None
    """Private key: a file, or the name of a key in ``[keys]``; None means the agent."""
    host_keys: tuple[str, ...] = ()
    """Accepted host keys beside those of the known_hosts files: ``SHA256:…`` fingerprints."""
    jump: str | None = None
    """Name of the host to go through."""
    base: str | None = None
    """Directory for job directories; ``~/.remora`` unless given. Absolute."""
    max_jobs: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Most jobs running at once; further ones wait."""
    connect_timeout: Annotated[float, Field(gt=0, le=120)] = 10.0
    """Seconds for TCP, key exchange and authentication together."""
    labels: dict[str, str] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.base is not None and not self.base.startswith("/"):
            raise ValueError("base must be an absolute path, for example /var/lib/remora-jobs")
        if self.jump == self.name:
            raise ValueError("jump names the host itself; name the host to go through")
        return self
