"""Who may come in: bearer tokens, kept only as digests."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.problems import Problem

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""What answers without a token; whatever is not named here needs one."""

NOT_KNOWN = Problem(
    status=401,
    kind="not-authenticated",
    title="A bearer token is needed",
    detail="The request carries no token that is valid here.",
    advice="Send 'Authorization: Bearer TOKEN'; 'remora up' keeps the operator's token in REMORA_HOME/token.",
)
"""The one answer to a missing, malformed or wrong token, so that it tells nothing about tokens."""


@dataclass(frozen=True)
class Identities:
    """The callers, by the SHA-256 digests of their tokens."""

    names: Mapping[bytes, str] = field(repr=False)

    @classmethod
    def of(cls, tokens: Mapping[str, str]) -> Self:
        """Make it from tokens by name; the tokens themselves are not kept."""
        return cls({_digest(token): name for name, token in tokens.items()})

    def and_digests(self, digests: Mapping[str, str]) -> Self:
        """Add callers of whom only the SHA-256 of the token is known, in hex, by name."""
        return type(self)({**self.names, **{bytes.fromhex(digest): name for name, digest in digests.items()}})

    def who(self, token: str) -> str | None:
        """Tell whose token it is; the time taken depends neither on the token nor on which one matches."""
        digest = _digest(token)
        found = None
        for known, name in self.names.items():
            if hmac.compare_digest(known, digest):
                found = name
        return found


class BearerCheck:
    """ASGI middleware that stops whoever is not known, before anything of the request is read."""

    def __init__(self, app: ASGIApp, identities: Identities) -> None:
        self._app = app
        self._identities = identities

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        identity = self._identities.who(_bearer(Headers(scope=scope)))
        if identity is None:
            await NOT_KNOWN.response({"WWW-Authenticate": "Bearer"})(scope, receive, send)
            return
        scope.setdefault("state", {})["identity"] = identity
        await self._app(scope, receive, send)


def identity_of(request: Request) -> str:
    """Give the name of the caller, which the check has written down."""
    identity: str = request.state.identity
    return identity


def _bearer(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
