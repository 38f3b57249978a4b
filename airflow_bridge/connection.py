"""Requests to the server, sent again until it answers.

Every request that goes through here may be sent twice: reading changes nothing, a create carries an idempotency key,
and the other acts (cancel, add, drain, …) do nothing when they were done already.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from airflow_bridge.errors import Problem, RemoraError, Unavailable, problem
from airflow_bridge.patience import Patience

NOT_NOW = frozenset({429, 502, 503, 504})
"""Statuses that ask to come again."""
CONNECT = 10.0
"""Seconds for a connection."""
ANSWER = 30.0
"""Seconds without a byte after which a connection is given up."""


class Connection:
    """The way to one server; may be used from several threads."""

    def __init__(self, url: str, token: str, *, patience: float, first_patience: float) -> None:
        """Make it; nothing is sent yet.

        Args:
            url: Of the server, without a path of ours.
            token: Bearer token.
            patience: Seconds for which a server that was there and went away is waited for.
            first_patience: The same for a server that was never seen.
        """
        if not urlsplit(url).hostname or urlsplit(url).scheme not in {"http", "https"}:
            raise Unavailable(
                f"{url!r} is no address of a server", advice="Give it as http://HOST:PORT or https://HOST."
            )
        self._url = url
        self._patience = patience
        self._first_patience = first_patience
        self._seen = False
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}", "User-Agent": "remora"},
            timeout=httpx.Timeout(ANSWER, connect=CONNECT, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            # Reading all certificate authorities takes longer than most requests.
            verify=urlsplit(url).scheme == "https",
            # Whatever proxy the environment names, it does not lead to this machine.
            trust_env=not is_loopback(url),
        )

    def close(self) -> None:
        """Let go of all connections; may be called twice."""
        self._http.close()

    def patience(self) -> Patience:
        """Give the patience for one request."""
        return Patience(self._patience if self._seen else self._first_patience)

    def json(self, method: str, path: str, **options: Any) -> Any:
        """Send a request and give the JSON of its answer; None if that is empty."""
        answer = self.send(method, path, **options)
        return answer.json() if answer.content else None

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        wait: float = 0.0,
    ) -> httpx.Response:
        """Send a request until it is answered.

        Args:
            method: HTTP method.
            path: Below the server's URL.
            query: Parameters; those that are None are left out.
            body: What goes as JSON.
            headers: Further ones.
            wait: Seconds that the server may take on purpose.

        Raises:
            Problem: the server will not do it.
            Unavailable: nobody answered in time; it may have been done.
        """
        request = self._http.build_request(
            method,
            path,
            params={name: value for name, value in (query or {}).items() if value is not None},
            json=body,
            headers=headers,
            timeout=httpx.Timeout(ANSWER + wait, connect=CONNECT, pool=None),
        )
        patience = self.patience()
        while True:
            with self.again(patience):
                answer = self._http.send(request)
                self.check(answer)
                return answer

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Send one GET and give the answer before its body; nothing is tried again."""
        with self._http.stream("GET", path, headers=headers) as answer:
            if answer.is_error:
                answer.read()
            self.check(answer)
            yield answer

    def check(self, answer: httpx.Response) -> None:
        """Raise what an answer stands for, unless it is what was asked for."""
        self._seen = self._seen or answer.status_code not in NOT_NOW
        if not answer.is_success:
            raise problem(answer.status_code, _members(answer))

    @contextmanager
    def again(self, patience: Patience) -> Iterator[None]:
        """Forgive, after a rest, what another try may cure; raise what it may not, or when patience is at its end."""
        try:
            yield
        except httpx.TransportError as error:
            if not patience.rest():
                raise self._unavailable(error) from error
        except Problem as error:
            if error.status not in NOT_NOW:
                raise
            if not patience.rest():
                raise Unavailable(f"The server at {self._url} is not ready: {error}", advice=error.advice) from error

    def _unavailable(self, error: Exception) -> RemoraError:
        why = str(error) or type(error).__name__
        return Unavailable(f"No server answers at {self._url}: {why}", advice="Look whether it runs: remora doctor")


def is_loopback(url: str) -> bool:
    """Tell whether the URL leads to this machine."""
    name = urlsplit(url).hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _members(answer: httpx.Response) -> Mapping[str, Any]:
    """Give the problem's members; something between us and the server may answer with anything."""
    try:
        members = answer.json()
    except ValueError:
        members = None
    return members if isinstance(members, dict) else {"detail": f"HTTP status {answer.status_code}"}
