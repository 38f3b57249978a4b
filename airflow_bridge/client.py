"""The client: what one can ask of Remora, over HTTP."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self, cast
from uuid import uuid4

from airflow_bridge.answers import Event, Host, Job, LogPart, Page
from airflow_bridge.connection import Connection
from airflow_bridge.following import follow

Stream = Literal["out", "err"]

LONGEST_WAIT = 55.0
"""Seconds that one request waits at the server; below the limit of common proxies."""


class RemoraClient:
    """A client of one server; may be used from several threads.

    Every call is sent again while the server restarts or the network is away, for as long as ``patience`` says. All
    calls raise ``Unavailable`` after that, and a ``Problem`` when the server will not do what was asked.
    """

    def __init__(self, url: str, token: str, *, patience: float = 60.0, first_patience: float | None = None) -> None:
        """Make it; nothing is sent yet.

        Args:
            url: Of the server, for example ``http://127.0.0.1:8080``.
            token: Bearer token.
            patience: Seconds for which a server that went away is waited for.
            first_patience: The same before it was ever seen; as ``patience`` unless given.
        """
        first = patience if first_patience is None else first_patience
        self._connection = Connection(url, token, patience=patience, first_patience=first)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all connections; may be called twice."""
        self._connection.close()

    def submit(self, request: Mapping[str, Any], *, key: str | None = None) -> Job:
        """Have a job run on ``request["host"]``; it is accepted, which means on disk, when this returns.

        Args:
            request: The fields of a job request.
            key: Idempotency key: the same key gives the same job. A new one unless given.
        """
        return cast(Job, self._create(request, key))

    def submit_to(self, hosts: Sequence[str], request: Mapping[str, Any], *, key: str | None = None) -> list[Job]:
        """Have the same job run on each host; all are accepted or none."""
        return cast(list[Job], self._create({**request, "hosts": list(hosts)}, key)["jobs"])

    def _create(self, body: Mapping[str, Any], key: str | None) -> Any:
        headers = {"Idempotency-Key": key or str(uuid4())}
        return self._connection.json("POST", "/v1/jobs", body=body, headers=headers)

    def job(self, job_id: str) -> Job:
        """Tell what is recorded of a job."""
        return cast(Job, self._connection.json("GET", f"/v1/jobs/{job_id}"))

    def jobs(
        self,
        *,
        state: str | None = None,
        host: str | None = None,
        name: str | None = None,
        run_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page:
        """List jobs, newest first, at most 200 at a time; ``next`` of the answer is ``after`` of the next page."""
        query = {
            "state": state,
            "host": host,
            "name": name,
            "run_id": run_id,
            "label": [f"{name}={value}" for name, value in (labels or {}).items()],
            "limit": limit,
            "after": after,
        }
        return cast(Page, self._connection.json("GET", "/v1/jobs", query=query))

    def wait(self, job_id: str, *, timeout: float | None = None) -> Job:
        """Give the job as soon as it is final, or as it is after ``timeout`` seconds; None waits for ever."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LONGEST_WAIT if deadline is None else max(0.0, deadline - time.monotonic())
            patience = min(left, LONGEST_WAIT)
            path = f"/v1/jobs/{job_id}/wait"
            job: Job = self._connection.json("GET", path, query={"timeout": patience}, wait=patience)
            if job["final"] or (deadline is not None and left <= LONGEST_WAIT):
                return job

    def events(self, job_id: str, *, after: str = "") -> Iterator[Event]:
        """Read along: changes and output as they come, each byte once, to the job's end; see ``follow``."""
        return follow(self._connection, job_id, after=after)

    def log(
        self, job_id: str, stream: Stream = "out", *, offset: int = 0, limit: int = 1 << 20, attempt: int | None = None
    ) -> LogPart:
        """Give the bytes of an output stream from ``offset``, as far as they are here, at most ``limit``."""
        query = {"stream": stream, "offset": offset, "limit": limit, "attempt": attempt}
        answer = self._connection.send("GET", f"/v1/jobs/{job_id}/log", query=query)
        return LogPart(
            answer.content,
            attempt=int(answer.headers["Remora-Attempt"]),
            next_offset=int(answer.headers["Remora-Next-Offset"]),
            complete=answer.headers["Remora-Complete"] == "true",
        )

    def output(self, job_id: str, stream: Stream = "out", *, attempt: int | None = None) -> Iterator[bytes]:
        """Give all bytes of an output stream that are here now, piece by piece."""
        part = self.log(job_id, stream, attempt=attempt)
        while part.data:
            yield part.data
            part = self.log(job_id, stream, offset=part.next_offset, attempt=part.attempt)

    def cancel(self, job_id: str) -> Job:
        """Ask for the end of a job and of all its processes; ``wait`` tells when that is done."""
        return cast(Job, self._connection.json("POST", f"/v1/jobs/{job_id}/cancel"))

    def add_host(self, config: Mapping[str, Any]) -> Host:
        """Record a host and have it examined; adding it again with the same values changes nothing."""
        return cast(Host, self._connection.json("POST", "/v1/hosts", body=config))

    def hosts(self) -> list[Host]:
        """List all hosts."""
        return cast(list[Host], self._connection.json("GET", "/v1/hosts")["hosts"])

    def host(self, name: str, *, wait: float = 0.0) -> Host:
        """Tell what is recorded of a host, once it was examined or after ``wait`` (at most 55) seconds."""
        patience = min(wait, LONGEST_WAIT)
        return cast(Host, self._connection.json("GET", f"/v1/hosts/{name}", query={"wait": patience}, wait=patience))

    def examine(self, name: str) -> Host:
        """Have a host examined again; ``host`` with ``wait`` tells what was seen."""
        return cast(Host, self._connection.json("POST", f"/v1/hosts/{name}/examine"))

    def trust(self, name: str, fingerprint: str) -> Host:
        """Accept a host key and have the host examined again."""
        body = {"fingerprint": fingerprint}
        return cast(Host, self._connection.json("POST", f"/v1/hosts/{name}/trust", body=body))

    def drain(self, name: str, *, drained: bool = True) -> Host:
        """Start nothing further on a host, or, with ``drained=False``, start jobs there again."""
        return cast(Host, self._connection.json("POST", f"/v1/hosts/{name}/{'drain' if drained else 'resume'}"))

    def remove_host(self, name: str) -> None:
        """Forget a host; refused while it has jobs that are not final."""
        self._connection.json("DELETE", f"/v1/hosts/{name}")
