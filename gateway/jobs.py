"""The routes of jobs."""

import asyncio
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from gateway.answers import Answer, job_answer
from gateway.bodies import NewJobs
from gateway.events import Position, Telling, tell
from gateway.identities import identity_of
from gateway.waiting import Changes
from remora.desk import Desk, Filter
from remora.errors import BadRequest
from remora.job import Job
from remora.state import State

LONGEST_WAIT = 60.0
"""Seconds that one request may wait."""
REREAD = 15.0
"""Seconds after which a waiter looks for itself, in case a message went astray."""
LARGEST_READ = 1 << 20
"""Most bytes of a log in one answer."""


def job_routes(desk: Desk, changes: Changes) -> APIRouter:
    """Make the routes under ``/v1/jobs``."""
    routes = APIRouter(prefix="/v1/jobs", tags=["jobs"])
    _add_plain_routes(routes, desk)
    _add_log_route(routes, desk)
    _add_waiting_routes(routes, desk, changes)
    return routes


def _add_plain_routes(routes: APIRouter, desk: Desk) -> None:
    @routes.post("", status_code=202)
    def create(
        body: NewJobs,
        request: Request,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[!-~]+$")] = None,
    ) -> Response:
        """Accept a job, or one for each of ``hosts``; accepted means on disk."""
        accepted = desk.accept(body.requests(), identity=identity_of(request), key=idempotency_key)
        headers = {"Idempotent-Replayed": "true"} if accepted.replayed else {}
        if body.hosts is None:
            headers["Location"] = f"/v1/jobs/{accepted.jobs[0].id}"
            return JSONResponse(job_answer(accepted.jobs[0]), 202, headers)
        return JSONResponse({"jobs": [job_answer(job) for job in accepted.jobs]}, 202, headers)

    @routes.get("")
    def find(
        *,
        state: State | None = None,
        host: str | None = None,
        name: str | None = None,
        run_id: str | None = None,
        label: Annotated[list[str] | None, Query(description="NAME=VALUE, may be repeated")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        after: str | None = None,
    ) -> Answer:
        """List jobs, newest first; ``next`` is what to give as ``after`` for the next page."""
        wanted = Filter(state, host, name, run_id, _labels(label or []))
        page = desk.jobs(wanted, limit=limit, after=after)
        return {"jobs": [job_answer(job) for job in page.jobs], "next": page.next}

    @routes.get("/{job_id}")
    def get(job_id: UUID) -> Answer:
        """Tell what is recorded of a job."""
        return job_answer(desk.job(job_id))

    @routes.post("/{job_id}/cancel", status_code=202)
    def cancel(job_id: UUID, request: Request) -> Answer:
        """Ask for the end of a job; asking again, or after its end, changes nothing."""
        return job_answer(desk.cancel(job_id, by=identity_of(request)))


def _labels(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    if not all(equals and name for name, equals, _ in pairs):
        raise BadRequest("A label is given as NAME=VALUE, for example label=team=blue.", field="label")
    return {name: value for name, _, value in pairs}


def _add_log_route(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/{job_id}/log", response_class=Response)
    def log(
        job_id: UUID,
        *,
        stream: Literal["out", "err"] = "out",
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=LARGEST_READ)] = LARGEST_READ,
        attempt: Annotated[int | None, Query(ge=1)] = None,
    ) -> Response:
        """Give the bytes of a stream from an offset, as far as they are here."""
        # The job first: once it is final, everything that will ever be here is here.
        job = desk.job(job_id)
        number = attempt or job.attempt
        data = desk.log(job_id, stream, offset=offset, limit=limit, attempt=number)
        reached = offset + len(data)
        headers = {
            "Remora-Attempt": str(number),
            "Remora-Next-Offset": str(reached),
            "Remora-Complete": "true" if _complete(job, stream, number, reached, data) else "false",
        }
        return Response(data, media_type="application/octet-stream", headers=headers)


def _complete(job: Job, stream: str, attempt: int, reached: int, data: bytes) -> bool:
    """Tell whether nothing follows: an earlier attempt has no recorded size, but nothing is added to it any more."""
    if attempt < job.attempt:
        return not data
    return job.state.final and reached >= (job.out_size if stream == "out" else job.err_size)


def _add_waiting_routes(routes: APIRouter, desk: Desk, changes: Changes) -> None:
    @routes.get("/{job_id}/wait")
    async def wait(
        job_id: UUID, patience: Annotated[float, Query(alias="timeout", ge=0, le=LONGEST_WAIT)] = LONGEST_WAIT
    ) -> Answer:
        """Answer with the job as soon as it is final, or as it is when ``timeout`` seconds are up."""
        return job_answer(await _final_or_late(desk, changes, job_id, patience))

    @routes.get("/{job_id}/events", response_class=StreamingResponse)
    async def events(job_id: UUID, last_event_id: Annotated[str | None, Header()] = None) -> StreamingResponse:
        """Send the job's changes and both output streams as server-sent events, to its end."""
        position = Position.parse(last_event_id) if last_event_id else Position()
        await run_in_threadpool(desk.job, job_id)
        telling = Telling(desk, job_id, position)
        return StreamingResponse(
            tell(telling, changes), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )


async def _final_or_late(desk: Desk, changes: Changes, job_id: UUID, patience: float) -> Job:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    async with changes.of_job(job_id) as bell:
        job = await run_in_threadpool(desk.job, job_id)
        while not job.state.final and (left := deadline - loop.time()) > 0:
            await bell.wait(min(left, REREAD))
            job = await run_in_threadpool(desk.job, job_id)
        return job
