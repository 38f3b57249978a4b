"""The routes that tell whether the door itself lives and can do its work; open to everybody."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from gateway.answers import Answer
from remora.desk import Desk
from remora.errors import RecordsUnavailable


def health_routes(desk: Desk) -> APIRouter:
    """Make ``/healthz`` and ``/readyz``."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz")
    def healthy() -> Answer:
        """Tell that the process answers."""
        return {"alive": True}

    @routes.get("/readyz")
    def ready() -> JSONResponse:
        """Tell whether jobs are accepted and somebody is there to run them: 200, else 503."""
        try:
            workers = len(desk.workers())
        except RecordsUnavailable:
            return JSONResponse({"ready": False, "redis": False}, 503)
        return JSONResponse({"ready": workers > 0, "redis": True, "workers": workers}, 200 if workers else 503)

    return routes
