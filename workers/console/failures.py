"""How a command fails: one line that says what, one that says what to do, and an exit code."""

from typing import IO, Any

import click

from airflow_bridge.errors import NotAllowed, Problem, RemoraError
from workers.console import exits


class Failure(click.ClickException):
    """An end that is told to the user."""

    def __init__(self, message: str, *, code: int, advice: str = "") -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # click means it to be set
        self._advice = advice

    def show(self, file: IO[Any] | None = None) -> None:
        super().show(file)
        if self._advice:
            click.echo(self._advice, file=file, err=True)


def failure_of(error: RemoraError) -> Failure:
    """Give the words and the exit code of what the client raised."""
    where = f" ({error.instance})" if isinstance(error, Problem) and error.instance else ""
    return Failure(f"{error}{where}", code=_code(error), advice=error.advice)


def _code(error: RemoraError) -> int:
    if isinstance(error, NotAllowed):
        return exits.NOT_ALLOWED
    if isinstance(error, Problem) and error.status < 500:
        return exits.USAGE
    return exits.NO_SERVER
