"""What a caller is told when a request fails."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.limits import MOST_BYTES
from gateway.problems import of_error
from remora import errors
from tests.conftest import RedisFactory
from tests.gateway.door import Door
from tests.gateway.stage import Stage


def refused(http: httpx.Client, body: Any) -> dict[str, Any]:
    answer = http.post("/v1/jobs", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    members: dict[str, Any] = answer.json()
    assert members["type"] == "urn:remora:problem:invalid-request"
    return members


def test_an_unknown_field_is_named_and_the_likely_one_suggested(http: httpx.Client) -> None:
    problem = refused(http, {"host": "web", "comand": "true"})
    assert {"field": "comand", "detail": "there is no such field"} in problem["errors"]
    assert problem["field"] == "comand"
    assert "'command'" in problem["advice"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"host": "web", "command": "true", "timeout": -1}, "timeout"),
        ({"host": "web", "command": "true", "env": {"1A": "x"}}, "env"),
        ({"host": "web", "command": "true", "env": {"A": 1}}, "env.A"),
        ({"host": "web", "command": 5}, "command"),
        ({"host": "web", "command": ["ok", 5]}, "command.1"),
        ({"host": "web", "command": "a\0b"}, "command"),
        ({"host": "web", "script": {"base64": "%"}}, "script.base64"),
        ({"host": "web", "command": "true", "user": "-u root"}, "user"),
    ],
)
def test_a_wrong_value_is_refused_by_its_field(http: httpx.Client, body: dict[str, object], field: str) -> None:
    assert field in [error["field"] for error in refused(http, body)["errors"]]


@pytest.mark.parametrize(
    "body",
    [{"command": "true"}, {"host": "web"}, {"host": "web", "hosts": ["web"], "command": "true"},
     {"hosts": [], "command": "true"}, {"hosts": ["web", "web"], "command": "true"}, []],
)  # fmt: skip
def test_a_request_that_contradicts_itself_is_refused(http: httpx.Client, body: object) -> None:
    assert refused(http, body)["detail"]


def test_a_refusal_repeats_nothing_of_what_was_sent(http: httpx.Client) -> None:
    answer = http.post("/v1/jobs", json={"host": "web", "command": "x", "env": {"TOKEN": ["hunter2"]}, "cwd": 5})
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"host": "\\ud800"}'])
def test_a_body_that_is_no_json_is_told_so(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_cap_is_refused_before_it_is_parsed(http: httpx.Client, announced: bool) -> None:
    body = b'{"script": "' + b"x" * MOST_BYTES + b'"}'

    def pieces() -> Iterator[bytes]:
        yield from (body[at : at + 65536] for at in range(0, len(body), 65536))

    answer = http.post("/v1/jobs", content=body if announced else pieces())
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:remora:problem:too-large"


def test_a_body_of_exactly_the_cap_is_read(http: httpx.Client) -> None:
    frame = '{"host": "web", "script": ""}'
    body = frame.replace('""', '"' + "#" * (MOST_BYTES - len(frame)) + '"')
    answer = http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 202


def test_an_unknown_address_and_a_wrong_method_are_problems_too(http: httpx.Client) -> None:
    assert http.get("/v2/jobs").json()["type"] == "urn:remora:problem:no-such-route"
    answer = http.put("/v1/jobs")
    assert answer.json()["type"] == "urn:remora:problem:wrong-method"
    assert answer.headers["Allow"]


def test_what_goes_wrong_inside_is_told_by_a_number_only(
    door: Door, stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("password of the database: hunter2")

    monkeypatch.setattr(stage.desk, "hosts", broken)
    with caplog.at_level(logging.ERROR):
        answer = door.http.get("/v1/hosts")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert answer.json()["instance"] in caplog.text


def test_without_redis_requests_are_told_to_come_again(tmp_path: Path, make_redis: RedisFactory) -> None:
    redis = make_redis()
    stage = Stage(redis.url, tmp_path)
    stage.open()
    door = Door(stage.desk, redis.url)
    try:
        redis.kill()
        for method, path in (("POST", "/v1/jobs"), ("GET", "/v1/jobs"), ("GET", "/v1/hosts/web?wait=1")):
            answer = door.http.request(
                method, path, json={"host": "web", "command": "true"} if method == "POST" else None
            )
            assert answer.status_code == 503, answer.text
            assert answer.headers["Retry-After"] == "1"
            assert str(redis.port) not in answer.text
        assert door.http.get("/readyz").status_code == 503
        assert door.http.get("/healthz").status_code == 200
    finally:
        door.close()
        stage.close()


def test_every_error_of_the_engine_has_an_answer() -> None:
    leaves = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.RemoraError)]
    for kind in leaves:
        if kind is errors.RemoraError:
            continue
        assert of_error(kind("it is so")).status >= 400
