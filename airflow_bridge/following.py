"""Reading along with a job: every byte once, whatever happens to the connection."""

import json
from collections.abc import Iterator

import httpx

from airflow_bridge.answers import Change, Event, Output, content_bytes
from airflow_bridge.connection import Connection

Numbered = tuple[str, Event | None]
"""The id of the last event, and the event; None is a sign of life."""


def follow(connection: Connection, job_id: str, *, after: str = "") -> Iterator[Event]:
    """Give the events of a job until it is final; the last one is the change that says so.

    When the connection breaks, or the server restarts, it goes on where it was: nothing is given twice and nothing
    is left out.

    Args:
        connection: The way to the server.
        job_id: Of the job.
        after: Id of the event after which to begin; empty begins at the beginning.
    """
    patience = connection.patience()
    while True:
        with connection.again(patience):
            for place, event in _once(connection, job_id, after):
                after = place
                patience.renew()
                if event is None:
                    continue
                yield event
                if isinstance(event, Change) and event.job["final"]:
                    return
            raise httpx.RemoteProtocolError("the server ended the stream before the job's end")


def _once(connection: Connection, job_id: str, after: str) -> Iterator[Numbered]:
    """Give what one connection tells."""
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
    with connection.stream(f"/v1/jobs/{job_id}/events", headers) as answer:
        yield from _events(answer, after)


def _events(answer: httpx.Response, after: str) -> Iterator[Numbered]:
    """Read server-sent events as our server writes them: the lines id, event and data; comments begin with ``:``."""
    fields: dict[str, str] = {"id": after}
    for line in _lines(answer):
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        else:
            event = _event(fields["event"], fields["data"]) if "data" in fields else None
            yield fields["id"], event
            fields = {"id": fields["id"]}


def _lines(answer: httpx.Response) -> Iterator[str]:
    """Give whole lines; one that was cut off by the end of the connection is no line."""
    rest = bytearray()
    for piece in answer.iter_bytes():
        rest += piece
        *lines, rest = rest.split(b"\n")
        yield from (line.decode() for line in lines)


def _event(kind: str, data: str) -> Event:
    told = json.loads(data)
    if kind == "job":
        return Change(told)
    return Output(kind, told["attempt"], told["offset"], content_bytes(told["data"]))
