"""What a caller is told when a request fails: RFC 9457, in the words of whoever must act."""

import difflib
import logging
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from remora.errors import BadRequest, Conflict, NotFound, Permanent, RecordsUnavailable, RemoraError, Transient

logger = logging.getLogger(__name__)

RETRY_AFTER = {"Retry-After": "1"}


@dataclass(frozen=True)
class Problem:
    """One problem details object."""

    status: int
    kind: str
    """Stable name of this kind of problem; ``type`` is ``urn:remora:problem:<kind>``."""
    title: str
    advice: str
    """What to do about it."""
    detail: str = ""
    """What happened this time."""
    field: str | None = None
    """The part of the request that is wrong."""
    instance: str | None = None
    """Names this occurrence in the server's log."""
    errors: Sequence[Mapping[str, str]] = ()
    """All that is wrong, each with ``field`` and ``detail``, where there may be several."""

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """Make the answer."""
        members = {
            "type": f"urn:remora:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "advice": self.advice,
            "field": self.field,
            "instance": self.instance,
            "errors": list(self.errors),
        }
        given = {name: value for name, value in members.items() if value}
        return JSONResponse(given, self.status, headers, media_type="application/problem+json")


_ERRORS: Mapping[type[RemoraError], Problem] = {
    NotFound: Problem(
        404,
        "not-found",
        "There is no such job or host",
        advice="See what there is with GET /v1/jobs and GET /v1/hosts.",
    ),
    Conflict: Problem(
        409,
        "conflict",
        "This contradicts what is recorded",
        advice="Use another key or name, or change what is recorded.",
    ),
    BadRequest: Problem(
        422, "invalid-request", "The request cannot be honoured", advice="Change what is named and send it again."
    ),
    RecordsUnavailable: Problem(
        503,
        "records-unavailable",
        "The records cannot be reached or written now",
        # What the driver says has addresses in it.
        detail="Redis does not answer or does not take writes; the server's log says more.",
        advice="Send the same request again with the same Idempotency-Key; if it was accepted, you get that job.",
    ),
    Transient: Problem(503, "try-again", "This cannot be done now", advice="Send the same request again."),
    Permanent: Problem(409, "refused", "This was refused", advice="Change what is named and send it again."),
}
"""Which answer stands for which error; the first that fits."""

_NOT_JSON = Problem(400, "not-json", "The body cannot be read", advice="Send JSON in UTF-8.")
_STATUSES = {
    400: _NOT_JSON,
    404: Problem(404, "no-such-route", "There is nothing at this address", advice="See /openapi.json."),
    405: Problem(405, "wrong-method", "This address does not know that method", advice="See /openapi.json."),
}
"""Which answer stands for what the framework raises."""


def install(app: FastAPI, known_fields: Iterable[str]) -> None:
    """Answer every error of ``app`` with a problem; ``known_fields`` are what a mistyped one is compared with."""
    names = sorted(set(known_fields))

    @app.exception_handler(RequestValidationError)
    def _on_invalid(_: Request, error: RequestValidationError) -> Response:
        return invalid(error.errors(), names).response()

    @app.exception_handler(RemoraError)
    def _on_ours(_: Request, error: RemoraError) -> Response:
        if isinstance(error, Transient):
            logger.warning("A request must come again: %s", error, extra={"action": "transient"})
        return of_error(error).response(RETRY_AFTER if isinstance(error, Transient) else None)

    @app.exception_handler(HTTPException)
    def _on_http(_: Request, error: HTTPException) -> Response:
        known = _STATUSES.get(error.status_code)
        problem = known or Problem(error.status_code, "http", "The request failed", advice="See the detail.")
        return replace(problem, detail=str(error.detail)).response(error.headers)

    @app.exception_handler(Exception)
    def _on_unexpected(_: Request, error: Exception) -> Response:
        return unexpected(error).response()


def of_error(error: RemoraError) -> Problem:
    """Give the problem that stands for an error of the engine."""
    known = next(problem for kind, problem in _ERRORS.items() if isinstance(error, kind))
    field = error.facts.get("field")
    return replace(known, detail=known.detail or str(error), field=str(field) if field else None)


def unexpected(error: Exception) -> Problem:
    """Write the error to the log under an id, and tell the caller that id and nothing else."""
    instance = f"urn:remora:occurrence:{secrets.token_hex(6)}"
    logger.error("A request failed unexpectedly: %s", instance, exc_info=error, extra={"action": "unexpected"})
    return Problem(
        500,
        "unexpected",
        "Something went wrong in the server",
        detail="The server's log has the details.",
        advice="Tell the operator the instance; sending the request again may help.",
        instance=instance,
    )


def invalid(errors: Sequence[Any], known_fields: Sequence[str]) -> Problem:
    """Say which fields of a request are wrong; what they hold is not repeated, it may be secret."""
    if any(error["type"] == "json_invalid" for error in errors):
        return replace(_NOT_JSON, detail=_json_fault(errors[0]))
    faults = _by_field(errors)
    field, detail = next(iter(faults.items()))
    return Problem(
        422,
        "invalid-request",
        "The request cannot be honoured",
        detail=f"{field}: {detail}",
        advice=_advice(errors[0], field, known_fields),
        field=field,
        errors=[{"field": name, "detail": text} for name, text in faults.items()],
    )


def _json_fault(error: Mapping[str, Any]) -> str:
    return f"The body is not JSON: {error['ctx']['error']}, at character {error['loc'][-1]}."


def _by_field(errors: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Gather the messages by field: a field that may be of several kinds has one for each kind."""
    faults: dict[str, list[str]] = {}
    for error in errors:
        messages = faults.setdefault(_field(error["loc"]), [])
        message = _message(error)
        if message not in messages:
            messages.append(message)
    return {field: "; or ".join(messages) for field, messages in faults.items()}


_KIND_TAG = re.compile(r".*\[.*\]|str|int|float|bool|Base64|(constrained|nullable|function).*")


def _field(place: Sequence[str | int]) -> str:
    """Give the path within the body or query, without the names that the validator gives to kinds."""
    parts = [str(part) for part in place[1:] if isinstance(part, int) or not _KIND_TAG.fullmatch(part)]
    return ".".join(parts) or str(place[0])


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such field"
    text = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return text.replace("valid tuple", "array").replace("valid dictionary", "object")


def _advice(error: Mapping[str, Any], field: str, known_fields: Sequence[str]) -> str:
    if error["type"] != "extra_forbidden":
        return "Change the field that is named and send it again."
    close = difflib.get_close_matches(field.rsplit(".", 1)[-1], known_fields, n=1)
    return f"Did you mean {close[0]!r}?" if close else "Remove the field; the known ones are listed in /openapi.json."
