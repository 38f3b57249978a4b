"""Bring the wish to end jobs to their host; it stays recorded until their end is."""

from uuid import UUID

from remora.records.plan import Plan
from remora.remote.operations import Cancel, Operation
from remora.state import State


def operations(plan: Plan) -> list[Operation]:
    """Cancel what is under way."""
    return [Cancel(due.place, due.grace) for due in plan.cancels if due.state in (State.STARTING, State.RUNNING)]


def moot(plan: Plan) -> list[UUID]:
    """Name the jobs whose end was recorded before their cancel could be sent: that end stands."""
    return [due.id for due in plan.cancels if due.state not in (State.STARTING, State.RUNNING)]
