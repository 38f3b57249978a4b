"""Saying on stderr what happens to jobs, where somebody reads it."""

import sys
from collections.abc import Mapping

import click

from airflow_bridge.answers import Job
from workers.console.escaping import one_line

HELD: Mapping[str, str] = {
    "new": "the host has not been examined yet",
    "host_key": "the host's key is unknown or changed; `remora hosts check {host}` shows it",
    "drained": "the host is drained; `remora hosts resume {host}` ends that",
    "concurrency": "the host has as many jobs as it may run at once",
}
"""Why an accepted job waits, for a person."""


class Announcer:
    """Says each thing once. Silent unless on a terminal or told to speak."""

    def __init__(self, *, verbose: bool) -> None:
        self._speaks = verbose or sys.stderr.isatty()
        self._said: dict[str, str] = {}

    def say(self, sentence: str) -> None:
        """Write one line."""
        if self._speaks:
            click.echo(f"remora: {one_line(sentence)}", err=True)

    def change(self, job: Job) -> None:
        """Say what is worth saying of a job now, unless it was said last."""
        sentence = worth_saying(job)
        if sentence and self._said.get(job["id"]) != sentence:
            self._said[job["id"]] = sentence
            self.say(f"{job['host']}: {sentence}")


def worth_saying(job: Job) -> str:
    """Give what a person who watches would want to know now; empty if nothing."""
    if job["final"]:
        return _end(job)
    if job["out_of_contact_since"]:
        return "the host cannot be reached; the job waits or goes on there"
    if job["held"]:
        why = HELD.get(job["held"], job["held"]).format(host=job["host"])
        return f"job {job['id']} waits: {why}"
    if job["attempt"] > 1:
        return f"job {job['id']}, attempt {job['attempt']}"
    return f"job {job['id']}" if job["state"] in {"accepted", "starting"} else ""


def _end(job: Job) -> str:
    words = [] if job["state"] == "succeeded" else [f"{job['state'].replace('_', ' ')}: {job['message']}"]
    if job["truncated"]:
        words.append("output past the cap was dropped")
    if job["output_incomplete"]:
        words.append("the output could not be fetched whole")
    if job["left"]:
        words.append(f"{job['left']} of its processes are still running in the background")
    return "; ".join(words)
