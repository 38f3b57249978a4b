"""What a report from the host means for the record. Pure functions: no Redis, no SSH."""

from remora.cause import Cause, Kind
from remora.job import Attempt
from remora.records.mapping import attempts_text, cause_text
from remora.records.plan import Change, Due
from remora.remote.operations import Exit, Ground, Phase, Report
from remora.state import State

RETRY_DELAYS = (3.0, 9.0, 27.0, 81.0, 243.0)
"""Seconds before the second, third, … attempt; the last one repeats."""
UNSTARTED = {
    "cwd": "there is no such working directory on the host, or it may not be entered",
    "user": "sudo on the host does not let the account run commands as that user without a password",
    "space": "the host's disk is full",
}
"""Why a host never ran a program, in words."""


def cause_of(due: Due, report: Report, ground: Ground) -> Cause | None:
    """Tell why the attempt ended, or None while it has not."""
    if report.phase is Phase.ENDED and report.exit:
        return _cause_of_exit(due, report.exit)
    if report.phase is Phase.KEPT_FROM_STARTING:
        return Cause(Kind.CANCELLED, evidence={"by": due.cancel_by or "unknown", "started": "no"})
    if report.phase in (Phase.RUNNING, Phase.ORPHANED):
        return None
    if report.phase is Phase.REBOOTED or due.boot_id not in (None, ground.boot_id):
        return Cause(Kind.HOST_REBOOTED, evidence={"before": due.boot_id or "unknown", "after": ground.boot_id})
    return _cause_of_loss(due, report, ground)


def _cause_of_loss(due: Due, report: Report, ground: Ground) -> Cause | None:
    """Judge an attempt that neither lives nor has a verdict, on a host that has not rebooted."""
    if report.phase is Phase.DIED:
        return Cause(Kind.SUPERVISOR_KILLED)
    # Where only the start is under way, what is not there may still come, unless the place itself has moved.
    was_there = due.state is State.RUNNING or due.base not in (None, ground.base)
    if report.phase is Phase.FORGOTTEN or (was_there and report.phase in (Phase.ABSENT, Phase.PLACED)):
        return Cause(Kind.WORKDIR_GONE, evidence={"directory": f"{due.base}/{due.id}.{due.attempt}"})
    if report.phase is Phase.CLAIMED and report.stale and report.cancel == "done":
        # The supervisor died between making the claim and signing it; the cancel made sure that it never wakes.
        return Cause(Kind.SUPERVISOR_KILLED, evidence={"claim": "empty"})
    return None


def ending(due: Due, cause: Cause, report: Report) -> Change:
    """Record that an attempt has ended and what is to be fetched; its exit code is shown from now on."""
    fields = {
        "cause": cause_text(cause),
        "out_host": str(max(report.out_size, due.out_size)),
        "err_host": str(max(report.err_size, due.err_size)),
        "truncated": str(int(report.truncated)),
    }
    if report.exit and not report.exit.never_started:
        fields |= {"exit_code": str(report.exit.code), "left": str(report.exit.left)}
    if report.progress:
        fields["progress"] = report.progress
    # A short job has ended before it was ever seen running.
    unseen = "exit_code" in fields and due.started is None
    return Change(due.id, due.attempt, State.COLLECTING, fields, stamps=("started", "ended") if unseen else ("ended",))


def conclusion(due: Due, cause: Cause, *, incomplete: bool = False) -> Change:
    """Give the final state of an ended attempt, or the next attempt where the job's policy asks for one."""
    state = cause.state(due.success_codes | due.skip_codes)
    if (
        state is State.FAILED
        and cause.kind is not Kind.NEVER_STARTED
        and due.attempt <= due.retries
        and not due.cancel_by
    ):
        return _next_attempt(due, cause)
    fields = {"cause": cause_text(cause), "output_incomplete": str(int(incomplete))}
    if cause.kind is Kind.EXITED:
        fields["skip"] = str(int(cause.code in due.skip_codes))
    return Change(due.id, due.attempt, state, fields, leaves=True)


def under_way(due: Due, report: Report) -> Change | None:
    """Record what is new of an attempt that has not ended, if anything is."""
    alive = report.phase in (Phase.RUNNING, Phase.ORPHANED)
    begun = alive and due.state is State.STARTING
    progress = report.progress if report.progress != due.progress else None
    if not begun and not progress:
        return None
    return Change(
        due.id,
        due.attempt,
        State.RUNNING if begun else None,
        {"progress": progress} if progress else {},
        stamps=("started",) if begun else (),
    )


def _cause_of_exit(due: Due, exit: Exit) -> Cause:
    if exit.never_started:
        return Cause(Kind.NEVER_STARTED, evidence={"why": UNSTARTED.get(exit.never_started, exit.never_started)})
    if exit.timed_out:
        return Cause(Kind.TIMED_OUT, evidence={"limit": exit.timed_out, "ended_processes": exit.killed})
    if exit.cancelled:
        evidence: dict[str, str | int | float] = {"by": due.cancel_by or "unknown", "ended_processes": exit.killed}
        return Cause(Kind.CANCELLED, evidence=evidence | ({"left": exit.left} if exit.left else {}))
    if exit.signal:
        return Cause(Kind.SIGNALLED, exit.signal)
    return Cause(Kind.EXITED, exit.code, {"note": "or killed by a signal"} if exit.ambiguous else {})


def _next_attempt(due: Due, cause: Cause) -> Change:
    attempts = (*due.attempts, Attempt(due.attempt, cause, due.started, due.ended))
    return Change(
        due.id,
        due.attempt,
        State.ACCEPTED,
        {"attempt": str(due.attempt + 1), "attempts": attempts_text(attempts)},
        remove=(
            *("cause", "exit_code", "started", "ended", "progress", "truncated", "left"),
            *("out_size", "err_size", "out_host", "err_host"),
        ),
        leaves=True,
        delay=RETRY_DELAYS[min(due.attempt, len(RETRY_DELAYS)) - 1],
    )
