"""Start what is due at a host. Sending a start again is always right: the host knows it by its claim."""

from collections.abc import Callable, Iterable
from uuid import UUID

from remora.cause import Cause, Kind
from remora.job import JobRequest, content_bytes
from remora.records.mapping import cause_text
from remora.records.plan import Change, Due, Plan
from remora.remote.operations import Ground, Operation, Order, Probe, Start
from remora.state import State

INLINE = 16 * 1024
"""Most bytes of each stream of an ended job that come with the report."""


def operations(plan: Plan, ground: Ground, order: Callable[[Due], Order | None]) -> list[Operation]:
    """Start the new ones, and those of which it is not known whether the start arrived, where there is an order."""
    unsure = [due for due in plan.live if _is_wanted(due) and _same_ground(due, ground)]
    orders = [(due, order(due)) for due in (*plan.starts, *unsure)]
    starts: list[Operation] = [Start(due.place, order) for due, order in orders if order]
    return starts + [Probe(due.place, inline=INLINE) for due in plan.starts]


def make_order(request: JobRequest, due: Due, *, identity: str, output_cap: int) -> Order:
    """Say to the host what the request says."""
    text = request.command if isinstance(request.command, str) else None
    argv = request.command if isinstance(request.command, tuple) else None
    return Order(
        argv=argv,
        command=text,
        script=None if request.script is None else content_bytes(request.script),
        arguments=request.arguments,
        shell=request.shell,
        environment=request.env,
        cwd=request.cwd,
        stdin=None if request.stdin is None else content_bytes(request.stdin),
        user=request.user,
        timeout=request.timeout,
        idle_timeout=request.idle_timeout,
        grace=request.grace,
        sweep=request.sweep,
        output_cap=output_cap,
        manifest={
            "job": str(due.id),
            "attempt": due.attempt,
            "name": due.name,
            "identity": identity,
            "retries": request.retries,
            "success_codes": list(request.success_codes),
            "skip_codes": list(request.skip_codes),
            "labels": request.labels,
            "run_id": request.run_id,
        },
    )


def never_started(ids: Iterable[tuple[UUID, int]], why: str) -> list[Change]:
    """End jobs that this host can never start."""
    cause = Cause(Kind.NEVER_STARTED, evidence={"why": why})
    return [Change(id, attempt, State.FAILED, {"cause": cause_text(cause)}, stamps=("ended",)) for id, attempt in ids]


def _is_wanted(due: Due) -> bool:
    return due.state is State.STARTING and due.cancel_by is None


def _same_ground(due: Due, ground: Ground) -> bool:
    return due.boot_id == ground.boot_id and due.base == ground.base
