"""What watchers are told of a change."""

from remora.cause import Cause, Kind
from remora.records.mapping import cause_from
from remora.records.plan import Change, Due


def facts_told(host: str, due: Due, change: Change) -> tuple[str, dict[str, object]]:
    """Give the state's text after a change and the facts that go with it."""
    state = (change.to or due.state).value
    told = change.fields.get("cause")
    cause = cause_from(told) if told else due.cause
    return state, {
        "host": host,
        "name": due.name,
        "attempt": due.attempt,
        "progress": change.fields.get("progress", due.progress),
        "exit_code": _exit_code(cause) if cause else None,
    }


def _exit_code(cause: Cause) -> int | None:
    """Give what a shell would show: the code, or 128+n after signal n."""
    if cause.code is None:
        return None
    return cause.code + (128 if cause.kind is Kind.SIGNALLED else 0)
