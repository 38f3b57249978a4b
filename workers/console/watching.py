"""Watching jobs to their ends, and hearing the user meanwhile."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import click

from airflow_bridge.answers import Change, Job
from airflow_bridge.client import RemoraClient
from workers.console import exits
from workers.console.announcing import Announcer
from workers.console.sinks import Screen, Sink
from workers.console.together import Together


class Terminated(BaseException):
    """SIGTERM came."""


class Watch:
    """Several jobs that are watched together."""

    def __init__(self, client: RemoraClient, jobs: Sequence[Job], *, screen: Screen, announcer: Announcer) -> None:
        """Describe it; ``to_the_end`` does it.

        Args:
            client: The way to the server.
            jobs: In the order in which they are told.
            screen: Held still while the user is asked.
            announcer: Says what happens.
        """
        self._client = client
        self._jobs = jobs
        self._screen = screen
        self._announcer = announcer

    def to_the_end(self, sink_of: Callable[[Job], Sink]) -> list[Job]:
        """Bring each job's output to its sink, and give the jobs when all are final.

        An interruption asks the user on a terminal; elsewhere, and when it comes again, we leave and the jobs go on.
        """
        following = Together(lambda job: self._follow(job, sink_of(job)), self._jobs)
        with _terminations():
            while True:
                try:
                    return following.results()
                except KeyboardInterrupt:
                    self._interrupted()
                except Terminated:
                    self._leave(exits.TERMINATED)

    def _follow(self, job: Job, sink: Sink) -> Job:
        for event in self._client.events(job["id"]):
            if isinstance(event, Change):
                job = event.job
                self._announcer.change(job)
            else:
                sink.take(event.stream, event.data)
        sink.end()
        return job

    def _interrupted(self) -> None:
        """Ask what the user wants; the jobs do not notice."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            self._leave(exits.INTERRUPTED)
        answer = self._ask()
        if answer == "d":
            self._leave(exits.INTERRUPTED)
        if answer == "c":
            for job in self._jobs:
                self._client.cancel(job["id"])

    def _ask(self) -> str:
        """Give d, c or nothing; a second Ctrl-C means d."""
        with self._screen.lock:
            click.echo("\n[d]etach (the job goes on), [c]ancel it, or Enter to go on watching: ", err=True, nl=False)
            try:
                return sys.stdin.readline().strip().lower()[:1]
            except KeyboardInterrupt:
                return "d"

    def _leave(self, code: int) -> None:
        ids = " ".join(job["id"] for job in self._jobs)
        self._announcer.say(f"detached; it goes on. To see its end: remora wait {ids}")
        sys.exit(code)


@contextmanager
def _terminations() -> Iterator[None]:
    """Have SIGTERM raise ``Terminated`` in the main thread."""

    def on_term(_: int, __: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, on_term)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
