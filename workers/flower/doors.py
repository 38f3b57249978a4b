"""What of Flower can be reached, and where its Revoke button leads: to the gateway's cancel."""

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any
from uuid import UUID

from flower import urls
from flower.api import BaseApiHandler
from flower.utils.tasks import get_task_by_id
from flower.views import BaseHandler, monitor
from flower.views import tasks as task_views
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

OPEN_API = ("workers", "tasks", "task/types", "task/info/.+", "queues/length")
"""What the API still answers, all of it reading."""
_REFRESH = "\nvar autorefresh = 1;\n"
"""The one script that stands in a page of Flower 2.2, templates/workers.html."""
_REFRESH_HASH = b64encode(sha256(_REFRESH.encode()).digest()).decode()
POLICY = (
    f"default-src 'self'; script-src 'self' 'sha256-{_REFRESH_HASH}'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Content-Security-Policy of all pages: no script but Flower's own runs, whatever a job is called."""


def install(*, gateway: str, token: str) -> None:
    """Put our doors before Flower's; it must not have been built yet.

    Args:
        gateway: URL of the HTTP door.
        token: Bearer token under whose rights the Revoke button acts.
    """
    closed = rf"/api/(?!(?:{'|'.join(OPEN_API)})$).*"
    urls.handlers[:0] = [
        (r"/api/task/revoke/(.+)", Cancel, {"gateway": gateway, "token": token}),
        (closed, Closed),
        (r"/metrics", Metrics),
        (r"/task/(.+)", JobPage),
    ]
    plain = BaseHandler.set_default_headers

    def set_default_headers(handler: BaseHandler) -> None:
        plain(handler)
        handler.set_header("Content-Security-Policy", POLICY)

    BaseHandler.set_default_headers = set_default_headers


class Closed(BaseApiHandler):  # type: ignore[misc] # Flower brings no types
    """Starting tasks, ending workers and reading results are not for the browser."""

    def prepare(self) -> None:
        """Refuse every method, whoever asks."""
        raise web.HTTPError(403, "This is closed in Remora; jobs are started and watched through its own API.")


class Metrics(monitor.Metrics):  # type: ignore[misc] # as above
    """The metrics, for those who are known."""

    @web.authenticated
    async def get(self) -> None:
        """Give them."""
        await super().get()


class JobPage(task_views.TaskView):  # type: ignore[misc] # as above
    """The page of one row; of all that can be done in Flower only the end of a job is left."""

    @web.authenticated
    def get(self, task_id: str) -> None:
        """Show it."""
        task = get_task_by_id(self.application.events, task_id)
        if task is None:
            raise web.HTTPError(404, f"Unknown task '{task_id}'")
        self.render("task.html", task=self.format_task(task), read_only=not task.title)


class Cancel(BaseApiHandler):  # type: ignore[misc] # as above
    """Revoke and Terminate: both cancel the remote job."""

    def initialize(self, gateway: str, token: str) -> None:
        """Note where to cancel and under whose rights."""
        self._gateway = gateway
        self._token = token

    @web.authenticated
    async def post(self, job_id: str) -> None:
        """Cancel the job; the answer is what the gateway says."""
        answer = await self._ask(f"{self._gateway}/v1/jobs/{_job_id(job_id)}/cancel")
        if answer.code >= 400:
            raise web.HTTPError(answer.code if answer.code < 599 else 502, _words(answer))
        self.write({"message": f"Cancelling job {job_id}"})

    async def _ask(self, url: str) -> HTTPResponse:
        headers = {"Authorization": f"Bearer {self._token}"}
        client = AsyncHTTPClient()
        try:
            return await client.fetch(
                url, method="POST", headers=headers, body=b"", raise_error=False, connect_timeout=5, request_timeout=15
            )
        except OSError as error:
            raise web.HTTPError(502, f"The gateway does not answer: {error}") from error


def _job_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise web.HTTPError(404, "That is no job") from error


def _words(answer: HTTPResponse) -> str:
    """Give the reason out of problem+json, else the bare status."""
    try:
        problem: Any = json.loads(answer.body or b"")
        return str(problem.get("detail") or problem.get("title"))
    except (ValueError, AttributeError):
        return f"The gateway answered {answer.code}"
