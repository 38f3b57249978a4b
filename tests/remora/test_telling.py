from uuid import uuid4

import pytest

from remora.cause import Cause, Kind
from remora.records.mapping import cause_text
from remora.records.plan import Change, due_from
from remora.state import State
from remora.telling import facts_told

DUE = due_from({"id": str(uuid4()), "state": "running", "attempt": "2", "name": "nightly", "progress": "40%"})


def test_an_end_is_told_with_host_name_attempt_and_last_progress() -> None:
    change = Change(DUE.id, 2, State.FAILED, {"cause": cause_text(Cause(Kind.EXITED, 3))})
    assert facts_told("web", DUE, change) == (
        "failed",
        {"host": "web", "name": "nightly", "attempt": 2, "progress": "40%", "exit_code": 3},
    )


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (Cause(Kind.EXITED, 0), 0),
        (Cause(Kind.SIGNALLED, 9), 137),
        (Cause(Kind.CANCELLED, evidence={"by": "ops"}), None),
        (Cause(Kind.SUPERVISOR_KILLED), None),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Cause) else str(value),
)
def test_the_exit_code_is_that_of_a_shell(cause: Cause, code: int | None) -> None:
    change = Change(DUE.id, 2, cause.state(), {"cause": cause_text(cause)})
    assert facts_told("web", DUE, change)[1]["exit_code"] == code


def test_progress_is_told_without_a_change_of_state() -> None:
    state, facts = facts_told("web", DUE, Change(DUE.id, 2, None, {"progress": "50%"}))
    assert (state, facts["progress"], facts["exit_code"]) == ("running", "50%", None)
