"""A job as server-sent events: every byte once, from any position, with bounded memory."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest

from gateway.events import CHUNK, Position, Telling
from remora.errors import BadRequest
from tests.gateway.door import TOKEN, Door
from tests.gateway.stage import Stage
from tests.gateway.test_jobs import create
from tests.support.waiting import eventually

Event = dict[str, str]


def read_events(http: httpx.Client, id: UUID, after: str = "") -> Iterator[Event]:
    """Give events as they come, by a reader that knows nothing of ours."""
    headers = {"Last-Event-ID": after} if after else {}
    with http.stream("GET", f"/v1/jobs/{id}/events", headers=headers) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        event: Event = {}
        for line in answer.iter_lines():
            if line.startswith(":"):
                continue
            if not line:
                yield event
                event = {}
                continue
            name, _, value = line.partition(": ")
            event[name] = value


def bytes_of(events: list[Event], stream: str) -> bytes:
    return b"".join(piece(event)[1] for event in events if event["event"] == stream)


def piece(event: Event) -> tuple[int, bytes]:
    told = json.loads(event["data"])
    data = told["data"]
    return told["offset"], data.encode() if isinstance(data, str) else base64.b64decode(data["base64"])


def test_both_streams_come_byte_for_byte_and_the_end_comes_last(http: httpx.Client, stage: Stage) -> None:
    id = create(http)
    stage.start(id)
    out = bytes(range(256)) * 600 + "größer\u2028\x85\r\n".encode()  # more than one piece, and every byte there is
    stage.write(id, "out", out)
    stage.write(id, "err", b"no newline")
    stage.end(id, 7)
    events = list(read_events(http, id))
    assert bytes_of(events, "out") == out
    assert bytes_of(events, "err") == b"no newline"
    last = events[-1]
    assert last["event"] == "job"
    assert json.loads(last["data"])["exit_code"] == 7
    assert [json.loads(event["data"])["final"] for event in events if event["event"] == "job"] == [True]


def test_output_and_changes_come_while_the_job_runs(http: httpx.Client, stage: Stage) -> None:
    id = create(http)
    events = read_events(http, id)
    assert json.loads(next(events)["data"])["state"] == "accepted"
    stage.start(id)
    states = []
    while "running" not in states:
        states.append(json.loads(next(events)["data"])["state"])
    stage.write(id, "out", b"now")
    assert piece(next(events)) == (0, b"now")
    stage.progress(id, "40%")
    assert json.loads(next(events)["data"])["progress"] == "40%"
    stage.end(id)
    assert json.loads(next(events)["data"])["state"] == "succeeded"
    assert list(events) == []


def test_whoever_comes_again_with_any_id_misses_nothing_and_reads_nothing_twice(
    http: httpx.Client, stage: Stage
) -> None:
    id = create(http)
    stage.start(id)
    out, err = bytes(range(256)) * 1200, b"e" * 100_000
    stage.write(id, "out", out)
    stage.write(id, "err", err)
    stage.end(id)
    events = list(read_events(http, id))
    assert len(events) > 6
    for cut in range(len(events)):
        before = events[:cut]
        after = list(read_events(http, id, before[-1]["id"] if before else ""))
        assert bytes_of(before + after, "out") == out
        assert bytes_of(before + after, "err") == err


def test_a_retried_job_tells_its_attempts_one_after_the_other(http: httpx.Client, stage: Stage) -> None:
    id = create(http, retries=1)
    stage.start(id)
    stage.write(id, "out", b"first\n")
    stage.retry(id)
    stage.start(id)
    stage.write(id, "out", b"second\n")
    stage.end(id)
    events = list(read_events(http, id))
    assert [(json.loads(e["data"])["attempt"], piece(e)) for e in events if e["event"] == "out"] == [
        (1, (0, b"first\n")),
        (2, (0, b"second\n")),
    ]


def test_somebody_who_reads_along_is_made_known_to_the_speaker(http: httpx.Client, stage: Stage) -> None:
    id = create(http)
    stage.start(id)
    events = read_events(http, id)
    next(events)
    assert stage.records.followed("web") == (id,)
    events.close()  # type: ignore[attr-defined]  # it is a generator


def test_silence_is_filled_with_signs_of_life(http: httpx.Client) -> None:
    id = create(http)
    with http.stream("GET", f"/v1/jobs/{id}/events") as answer:
        assert any(line.startswith(":") for line in answer.iter_lines())


@pytest.mark.parametrize("text", ["x", "1.2", "0.0.0", "1.-1.0", "1.1.1.1", "9" * 40])
def test_an_id_that_is_none_of_ours_is_refused(http: httpx.Client, text: str) -> None:
    answer = http.get(f"/v1/jobs/{create(http)}/events", headers={"Last-Event-ID": text})
    assert (answer.status_code, answer.json()["field"]) == (422, "Last-Event-ID")
    with pytest.raises(BadRequest):
        Position.parse(text)


def test_a_reader_that_does_not_read_holds_back_no_more_than_a_piece_of_each_stream(
    door: Door, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = create(door.http)
    stage.start(id)
    for _ in range(64):
        stage.write(id, "out", b"x" * (1 << 20))
    read: list[int] = []
    original = Telling.read

    def counted(self: Telling) -> list[bytes]:
        events = original(self)
        read.append(sum(map(len, events)))
        return events

    monkeypatch.setattr(Telling, "read", counted)
    with socket.create_connection(("127.0.0.1", door.port)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = f"GET /v1/jobs/{id}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        slow.sendall(request.encode())
        eventually(lambda: _still(read), 20, interval=0.5)
    # What lies in the two kernels' buffers is theirs; of ours it is one round, not the 64 MiB that are there.
    assert max(read) <= 3 * CHUNK
    assert sum(read) < 16 << 20


def _still(read: list[int]) -> bool:
    """Tell whether nothing was read for a while."""
    count = len(read)
    waited = threading.Event()
    waited.wait(1.0)
    return bool(count) and len(read) == count
