"""How a job and a host lie in their Redis hashes: field by field, text both ways."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from config.hosts import Host
from remora.cause import Cause, Kind
from remora.hosts import Condition, HostRecord
from remora.job import Attempt, Job, JobRequest
from remora.state import State


def cause_text(cause: Cause) -> str:
    """Write a cause as JSON."""
    return json.dumps({"kind": cause.kind.value, "code": cause.code, "evidence": dict(cause.evidence)})


def cause_from(text: str) -> Cause:
    """Read what ``cause_text`` wrote."""
    stored = json.loads(text)
    return Cause(Kind(stored["kind"]), stored["code"], stored["evidence"])


def attempts_text(attempts: tuple[Attempt, ...]) -> str:
    """Write earlier attempts as JSON."""
    return json.dumps([[a.number, cause_text(a.cause), a.started, a.ended] for a in attempts])


def attempts_from(text: str | None) -> tuple[Attempt, ...]:
    """Read what ``attempts_text`` wrote."""
    return tuple(Attempt(n, cause_from(c), s, e) for n, c, s, e in json.loads(text or "[]"))


def new_job_fields(request: JobRequest, identity: str) -> dict[str, str]:
    """Give the fields a job is created with; command, script, environment and input are not among them."""
    fields = {
        "name": request.title,
        "identity": identity,
        "retries": str(request.retries),
        "grace": repr(request.grace),
        "success_codes": json.dumps(request.success_codes),
        "skip_codes": json.dumps(request.skip_codes),
        "labels": json.dumps(request.labels),
    }
    return fields | ({"run_id": request.run_id} if request.run_id else {})


def job_from(id: UUID, fields: Mapping[str, str], host: Mapping[str, str]) -> Job:
    """Read a job from its hash and that of its host."""
    state = State(fields["state"])
    return Job(
        id=id,
        host=fields["host"],
        name=fields["name"],
        state=state,
        attempt=int(fields["attempt"]),
        identity=fields["identity"],
        created=int(fields["created"]) / 1000,
        started=_seconds(fields.get("started")),
        ended=_seconds(fields.get("ended")),
        finished=_seconds(fields.get("finished")),
        exit_code=_integer(fields.get("exit_code")),
        cause=cause_from(fields["cause"]) if "cause" in fields else None,
        skip=fields.get("skip") == "1",
        progress=fields.get("progress"),
        out_size=int(fields.get("out_size", 0)),
        err_size=int(fields.get("err_size", 0)),
        truncated=fields.get("truncated") == "1",
        output_incomplete=fields.get("output_incomplete") == "1",
        left=int(fields.get("left", 0)),
        cancel_by=fields.get("cancel_by"),
        held=_held(host) if state is State.ACCEPTED else None,
        out_of_contact_since=None if state.final else _seconds(host.get("out_of_contact_since")),
        retries=int(fields.get("retries", 0)),
        run_id=fields.get("run_id"),
        labels=json.loads(fields.get("labels", "{}")),
        attempts=attempts_from(fields.get("attempts")),
    )


def host_from(fields: Mapping[str, str], *, waiting: int, live: int) -> HostRecord:
    """Read a host from its hash."""
    return HostRecord(
        host=Host.model_validate_json(fields["spec"]),
        condition=Condition(fields["condition"]),
        reason=fields.get("reason"),
        offered_key=fields.get("offered_key"),
        out_of_contact_since=_seconds(fields.get("out_of_contact_since")),
        drained=fields.get("drained") == "1",
        speaker=fields.get("speaker"),
        boot_id=fields.get("boot_id"),
        base=fields.get("base"),
        examined=json.loads(fields.get("examined", "{}")),
        waiting=waiting,
        live=live,
    )


def _held(host: Mapping[str, str]) -> str | None:
    """Say why an accepted job waits, by what is recorded of its host."""
    condition = host.get("condition")
    if condition in ("new", "host_key"):
        return condition
    if host.get("drained") == "1":
        return "drained"
    if int(host.get("live") or 0) >= int(host.get("max_jobs") or 1):
        return "concurrency"
    return None


def _seconds(milliseconds: Any) -> float | None:
    return int(milliseconds) / 1000 if milliseconds is not None else None


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None else None
