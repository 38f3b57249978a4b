"""The routes of hosts."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from config.hosts import Host
from gateway.answers import Answer, host_answer
from gateway.bodies import Trust
from gateway.jobs import LONGEST_WAIT, REREAD
from gateway.waiting import Changes
from remora.desk import Desk
from remora.hosts import Condition, HostRecord


def host_routes(desk: Desk, changes: Changes) -> APIRouter:
    """Make the routes under ``/v1/hosts``."""
    routes = APIRouter(prefix="/v1/hosts", tags=["hosts"])
    _add_plain_routes(routes, desk)
    _add_acts(routes, desk)
    _add_waiting_route(routes, desk, changes)
    return routes


def _add_plain_routes(routes: APIRouter, desk: Desk) -> None:
    @routes.post("", status_code=201)
    def add(body: Host) -> Response:
        """Record a host and have it examined; adding it again with the same values changes nothing."""
        record = desk.add_host(body)
        return JSONResponse(host_answer(record), 201, {"Location": f"/v1/hosts/{body.name}"})

    @routes.get("")
    def find() -> Answer:
        """List all hosts."""
        return {"hosts": [host_answer(record) for record in desk.hosts()]}

    @routes.delete("/{name}", status_code=204)
    def remove(name: str) -> None:
        """Forget a host; refused while it has jobs that are not final."""
        desk.remove_host(name)


def _add_acts(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/{name}/trust", status_code=202)
    def trust(name: str, body: Trust) -> Answer:
        """Accept a host key and examine again."""
        return host_answer(desk.trust(name, body.fingerprint))

    @routes.post("/{name}/examine", status_code=202)
    def examine(name: str) -> Answer:
        """Have the host examined; its condition is ``new`` until that is done."""
        desk.examine(name)
        return host_answer(desk.host(name))

    @routes.post("/{name}/drain")
    def drain(name: str) -> Answer:
        """Start nothing further there; what runs goes on."""
        return host_answer(desk.drain(name, drained=True))

    @routes.post("/{name}/resume")
    def resume(name: str) -> Answer:
        """Start jobs there again."""
        return host_answer(desk.drain(name, drained=False))


def _add_waiting_route(routes: APIRouter, desk: Desk, changes: Changes) -> None:
    @routes.get("/{name}")
    async def get(name: str, wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0.0) -> Answer:
        """Tell what is recorded of a host, as soon as it was examined or when ``wait`` seconds are up."""
        return host_answer(await _examined_or_late(desk, changes, name, wait))


async def _examined_or_late(desk: Desk, changes: Changes, name: str, wait: float) -> HostRecord:
    if wait == 0:
        return await run_in_threadpool(desk.host, name)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait
    async with changes.of_host(name) as bell:
        record = await run_in_threadpool(desk.host, name)
        while not _settled(record) and (left := deadline - loop.time()) > 0:
            await bell.wait(min(left, REREAD))
            record = await run_in_threadpool(desk.host, name)
        return record


def _settled(record: HostRecord) -> bool:
    """Tell whether the examination gave a result, be it that nobody answers there."""
    return record.condition is not Condition.NEW or record.reason is not None
