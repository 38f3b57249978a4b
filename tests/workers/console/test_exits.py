"""Exit codes: what a script is told of the end of jobs."""

from typing import Any, cast

import pytest

from airflow_bridge.answers import Job
from workers.console.exits import of_job, of_jobs


def job(state: str, kind: str | None = None, code: int | None = None) -> Job:
    cause: dict[str, Any] | None = None if kind is None else {"kind": kind, "code": code, "evidence": {}}
    return cast(Job, {"state": state, "cause": cause})


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (job("succeeded", "exited", 0), 0),
        (job("succeeded", "exited", 99), 99),
        (job("failed", "exited", 3), 3),
        (job("failed", "signalled", 9), 137),
        (job("failed", "never_started"), 126),
        (job("timed_out", "timed_out"), 124),
        (job("lost", "host_rebooted"), 125),
        (job("cancelled", "cancelled"), 130),
    ],
)
def test_one_job_gives_its_own_code_or_the_one_for_its_end(end: Job, code: int) -> None:
    assert of_job(end) == code
    assert of_jobs([end]) == code


def test_several_jobs_give_zero_only_if_all_succeeded_whatever_their_codes() -> None:
    assert of_jobs([job("succeeded", "exited", 0), job("succeeded", "exited", 99)]) == 0


def test_several_jobs_give_the_code_of_the_first_that_did_not_succeed() -> None:
    good, bad, lost = job("succeeded", "exited", 0), job("failed", "exited", 4), job("lost", "workdir_gone")
    assert of_jobs([good, lost, bad]) == 125
    assert of_jobs([good, bad, lost]) == 4


def test_a_failure_with_exit_code_zero_is_still_a_failure() -> None:
    # Where 0 is not among the success codes.
    assert of_jobs([job("succeeded", "exited", 1), job("failed", "exited", 0)]) == 1
