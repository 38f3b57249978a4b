"""Bring the wish to end jobs to their host, which carries it out by itself; it stays recorded until the host has it."""

from uuid import UUID

from remora.records.plan import Due, Plan
from remora.remote.operations import Answer, Cancel, Operation
from remora.state import State


def operations(plan: Plan) -> list[Operation]:
    """Cancel what is under way."""
    return [Cancel(due.place, due.grace) for due in under_way(plan)]


def under_way(plan: Plan) -> list[Due]:
    """Give the jobs to be cancelled that have not ended as far as is known."""
    return [due for due in plan.cancels if due.state in (State.STARTING, State.RUNNING)]


def done(plan: Plan, answer: Answer | None) -> list[UUID]:
    """Name the jobs whose cancel needs no sending any more.

    Those whose end was recorded before it could be sent, for that end stands, and those whose host has taken it: sent
    again, it would send TERM again.
    """
    taken = {report.place for report in (answer.reports if answer else ()) if report.cancel}
    moot = [due.id for due in plan.cancels if due.state not in (State.STARTING, State.RUNNING)]
    return moot + [due.id for due in under_way(plan) if due.place in taken]
