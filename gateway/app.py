"""The HTTP door, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from config.hosts import Host
from gateway.bodies import NewJobs, Trust
from gateway.health import health_routes
from gateway.hosts import host_routes
from gateway.identities import BearerCheck, Identities
from gateway.jobs import job_routes
from gateway.limits import BodyCap
from gateway.problems import install
from gateway.waiting import Changes
from remora.desk import Desk


def create_app(desk: Desk, *, identities: Identities, changes_url: str) -> FastAPI:
    """Make the application.

    Args:
        desk: What the routes ask.
        identities: Who may come in; everything but the health routes needs a token.
        changes_url: The Redis whose changes wake those who wait.
    """
    changes = Changes(changes_url)

    @asynccontextmanager
    async def subscribed(_: FastAPI) -> AsyncIterator[None]:
        subscription = asyncio.create_task(changes.run())
        try:
            yield
        finally:
            subscription.cancel()
            with suppress(asyncio.CancelledError):
                await subscription

    # The pages that FastAPI makes of the description fetch scripts from elsewhere.
    app = FastAPI(title="Remora", lifespan=subscribed, docs_url=None, redoc_url=None)
    install(app, {*NewJobs.model_fields, *Host.model_fields, *Trust.model_fields})
    for routes in (job_routes(desk, changes), host_routes(desk, changes), health_routes(desk)):
        app.include_router(routes)
    app.add_middleware(BodyCap)
    app.add_middleware(BearerCheck, identities=identities)
    return app
