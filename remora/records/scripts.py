"""The Lua scripts, each loaded once and called by its name; drivers' errors become ours here."""

from importlib.resources import files
from typing import Any

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004 - the driver's own name
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004 - the driver's own name
)

from remora.errors import Fenced, RecordsUnavailable, RemoraError

UNAVAILABLE = (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError, OutOfMemoryError)
"""Redis is away, still loading, or refuses writes: try again."""


def ours(error: RedisError) -> RemoraError:
    """Give our error for the driver's."""
    if isinstance(error, UNAVAILABLE):
        return RecordsUnavailable(f"Redis does not serve us now: {error}")
    if isinstance(error, ResponseError) and str(error).startswith("FENCED"):
        return Fenced(f"another process speaks for {str(error).partition(' ')[2]} now")
    return RecordsUnavailable(f"Redis refused: {error}")


class Scripts:
    """The scripts of this folder over one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._loaded: dict[str, Script] = {}

    def __call__(self, name: str, *arguments: str | int) -> Any:
        """Run ``name``.lua behind the common part.

        Raises:
            RecordsUnavailable: nothing is known to be written.
            Fenced: nothing was written.
        """
        script = self._loaded.get(name) or self._load(name)
        try:
            return script(args=arguments)
        except RedisError as error:
            raise ours(error) from error

    def _load(self, name: str) -> Script:
        folder = files(__package__)
        text = (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()
        return self._loaded.setdefault(name, self._redis.register_script(text))
