"""What watchers are told of a change."""

from remora.records.plan import Change, Due


def facts_told(host: str, due: Due, change: Change) -> tuple[str, dict[str, object]]:
    """Give the state's text after a change and the facts that go with it."""
    state = (change.to or due.state).value
    exit_code = change.fields.get("exit_code")
    return state, {
        "host": host,
        "name": due.name,
        "attempt": due.attempt,
        "progress": change.fields.get("progress", due.progress),
        "exit_code": int(exit_code) if exit_code is not None else due.cause.code if due.cause else None,
    }
