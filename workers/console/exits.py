"""Exit codes of the command line."""

from collections.abc import Iterable

from airflow_bridge.answers import Job

FAILED = 1
"""A verb that runs no job could not do its work."""
USAGE = 2
NO_SERVER = 69
"""No server, or it is not ready (EX_UNAVAILABLE)."""
NOT_ALLOWED = 77
"""The token is not known or has no right to this (EX_NOPERM)."""
TIMED_OUT = 124
LOST = 125
NEVER_STARTED = 126
CANCELLED = 130
INTERRUPTED = 130
"""We were told to stop watching (128 + SIGINT); the job goes on."""
TERMINATED = 143
"""The same by SIGTERM."""
BROKEN_PIPE = 141
"""Whoever read our output has gone (128 + SIGPIPE); the job goes on."""

_BY_STATE = {"timed_out": TIMED_OUT, "lost": LOST, "cancelled": CANCELLED}


def of_job(job: Job) -> int:
    """Give the exit code that stands for the end of a job: its own if it has one."""
    if job["state"] in _BY_STATE:
        return _BY_STATE[job["state"]]
    cause = job["cause"]
    if cause is None or cause["code"] is None:
        return NEVER_STARTED
    return cause["code"] + (128 if cause["kind"] == "signalled" else 0)


def of_jobs(jobs: Iterable[Job]) -> int:
    """Give that of a single job; of several, 0 if all succeeded, else that of the first that did not."""
    several = list(jobs)
    if len(several) == 1:
        return of_job(several[0])
    return next((of_job(job) or FAILED for job in several if job["state"] != "succeeded"), 0)
