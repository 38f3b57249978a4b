"""The most that a caller may send in one request."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.problems import Problem

MOST_BYTES = 1 << 20
"""Largest request body."""

TOO_LARGE = Problem(
    status=413,
    kind="too-large",
    title="The request is too large",
    detail=f"A request body may hold {MOST_BYTES} bytes.",
    advice="Put large scripts and inputs on the host and name them in the command.",
)


class BodyCap:
    """ASGI middleware that reads the body, up to the cap, before anybody parses it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = None if _announced(scope) > MOST_BYTES else await _read(receive)
        if body is None:
            await TOO_LARGE.response({"Connection": "close"})(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


def _announced(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "0")
    return int(length) if length.isdecimal() else 0


async def _read(receive: Receive) -> bytes | None:
    """Give the whole body; None as soon as it is larger than the cap. A length that was announced is not trusted."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand out the body that was read, then what comes after it: the end of the connection."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again
