"""The routes of jobs: created once, listed, read, awaited, cancelled."""

import threading
import time
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from tests.conftest import RedisFactory
from tests.gateway.door import Door
from tests.gateway.stage import HOST, Stage
from tests.support.waiting import eventually


def create(http: httpx.Client, **fields: object) -> UUID:
    answer = http.post("/v1/jobs", json={"host": "web", "command": "true", **fields})
    assert answer.status_code == 202, answer.text
    return UUID(answer.json()["id"])


def test_a_created_job_is_accepted_and_found_where_the_answer_says(http: httpx.Client) -> None:
    answer = http.post("/v1/jobs", json={"host": "web", "command": ["echo", "hello"], "name": "greeting"})
    assert answer.status_code == 202
    job = http.get(answer.headers["Location"]).json()
    assert job == answer.json()
    assert (job["host"], job["name"], job["state"], job["final"]) == ("web", "greeting", "accepted", False)
    assert job["identity"] == "anna"


def test_many_hosts_give_one_job_each_in_their_order(http: httpx.Client, stage: Stage) -> None:
    stage.desk.add_host(HOST.model_copy(update={"name": "db"}))
    answer = http.post("/v1/jobs", json={"hosts": ["db", "web"], "command": "true"})
    assert [job["host"] for job in answer.json()["jobs"]] == ["db", "web"]


def test_many_hosts_are_accepted_all_or_none(http: httpx.Client) -> None:
    answer = http.post("/v1/jobs", json={"hosts": ["web", "nowhere"], "command": "true"})
    assert answer.status_code == 404
    assert "nowhere" in answer.json()["detail"]
    assert http.get("/v1/jobs").json()["jobs"] == []


def test_the_same_key_gives_the_same_job_and_says_so(http: httpx.Client) -> None:
    body, key = {"host": "web", "command": "true"}, {"Idempotency-Key": "nightly-7"}
    first = http.post("/v1/jobs", json=body, headers=key)
    second = http.post("/v1/jobs", json=body, headers=key)
    assert first.json()["id"] == second.json()["id"]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(http.get("/v1/jobs").json()["jobs"]) == 1


def test_the_same_key_of_another_caller_is_another_job(door: Door) -> None:
    body, key = {"host": "web", "command": "true"}, {"Idempotency-Key": "nightly-7"}
    with door.client("rmr_of-another") as other:
        assert (
            other.post("/v1/jobs", json=body, headers=key).json()["id"]
            != (door.http.post("/v1/jobs", json=body, headers=key).json()["id"])
        )


def test_the_same_key_with_another_body_is_a_conflict(http: httpx.Client) -> None:
    key = {"Idempotency-Key": "k"}
    http.post("/v1/jobs", json={"host": "web", "command": "true"}, headers=key)
    answer = http.post("/v1/jobs", json={"host": "web", "command": "false"}, headers=key)
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:remora:problem:conflict"


def test_listing_filters_and_pages_from_the_newest(http: httpx.Client) -> None:
    ids = []
    for number in range(5):
        ids.append(str(create(http, name=f"job-{number}", labels={"parity": str(number % 2)})))
        time.sleep(0.002)  # the cursor is a time in milliseconds
    first = http.get("/v1/jobs", params={"limit": 2}).json()
    rest = http.get("/v1/jobs", params={"limit": 50, "after": first["next"]}).json()
    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == ids[::-1]
    assert rest["next"] is None
    odd = http.get("/v1/jobs", params={"label": "parity=1"}).json()["jobs"]
    assert [job["name"] for job in odd] == ["job-3", "job-1"]
    assert http.get("/v1/jobs", params={"state": "running"}).json()["jobs"] == []


@pytest.mark.parametrize("query", [{"state": "asleep"}, {"limit": 0}, {"label": "nothing"}, {"after": "x"}])
def test_a_wrong_filter_is_refused_by_its_name(http: httpx.Client, query: dict[str, object]) -> None:
    answer = http.get("/v1/jobs", params=query)  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert answer.json()["field"] == next(iter(query))


def test_waiting_answers_the_moment_the_job_is_final(http: httpx.Client, stage: Stage) -> None:
    id = create(http)
    stage.start(id)
    ender = threading.Timer(0.5, stage.end, (id, 3))
    ender.start()
    began = time.monotonic()
    job = http.get(f"/v1/jobs/{id}/wait", params={"timeout": 30}).json()
    ender.join()
    assert (job["state"], job["exit_code"], job["final"]) == ("failed", 3, True)
    assert time.monotonic() - began < 15  # by the message: looking for itself it would be 15


def test_waiting_answers_with_the_job_as_it_is_when_the_time_is_up(http: httpx.Client) -> None:
    id = create(http)
    job = http.get(f"/v1/jobs/{id}/wait", params={"timeout": 0.2}).json()
    assert (job["state"], job["final"]) == ("accepted", False)


def test_thirty_waiters_share_one_subscription(door: Door, stage: Stage) -> None:
    ids = [create(door.http) for _ in range(30)]
    stage.start(*ids)
    ends: list[str] = []

    def wait(id: UUID) -> None:
        with door.client() as client:
            ends.append(client.get(f"/v1/jobs/{id}/wait", params={"timeout": 30}).json()["state"])

    before = subscribers(stage)  # doors of other tests may listen too
    threads = [threading.Thread(target=wait, args=(id,)) for id in ids]
    for thread in threads:
        thread.start()
    for id in ids[:15]:
        stage.end(id)
    for thread in threads[:15]:
        thread.join(20)
    assert subscribers(stage) == before
    for id in ids[15:]:
        stage.end(id)
    for thread in threads:
        thread.join(20)
    assert ends == ["succeeded"] * 30


def subscribers(stage: Stage) -> int:
    """Count who listens to the changes."""
    return int(stage.redis.pubsub_numsub("remora:changes")[0][1])


def test_cancelling_what_was_never_sent_is_final_at_once_and_may_be_repeated(http: httpx.Client) -> None:
    id = create(http)
    for _ in range(2):
        answer = http.post(f"/v1/jobs/{id}/cancel")
        assert answer.status_code == 202
        assert (answer.json()["state"], answer.json()["cause"]["kind"]) == ("cancelled", "cancelled")
    assert answer.json()["cause"]["evidence"]["by"] == "anna"


def test_cancelling_a_running_job_stores_the_wish(http: httpx.Client, stage: Stage) -> None:
    id = create(http)
    stage.start(id)
    assert http.post(f"/v1/jobs/{id}/cancel").json()["cancel_by"] == "anna"
    assert http.get(f"/v1/jobs/{id}").json()["state"] == "running"


@pytest.mark.parametrize("path", ["", "/wait", "/log", "/events"])
def test_an_unknown_job_is_not_found_on_every_route(http: httpx.Client, path: str) -> None:
    answer = http.get(f"/v1/jobs/{uuid4()}{path}")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:remora:problem:not-found"


def test_a_job_id_that_is_no_uuid_is_refused(http: httpx.Client) -> None:
    assert http.get("/v1/jobs/..%2f..%2fetc").status_code in (404, 422)
    assert http.get("/v1/jobs/1").json()["field"] == "job_id"


def test_the_log_is_read_by_offset_and_says_when_it_is_whole(http: httpx.Client, stage: Stage) -> None:
    id = create(http)
    stage.start(id)
    stage.write(id, "out", b"\x00one\xff")
    stage.write(id, "err", b"trouble")
    part = http.get(f"/v1/jobs/{id}/log", params={"limit": 3})
    assert (part.content, part.headers["Remora-Next-Offset"], part.headers["Remora-Complete"]) == (
        b"\x00on", "3", "false",
    )  # fmt: skip
    assert part.headers["Content-Type"] == "application/octet-stream"
    stage.write(id, "out", b"two")
    stage.end(id)
    rest = http.get(f"/v1/jobs/{id}/log", params={"offset": 3})
    assert (rest.content, rest.headers["Remora-Complete"]) == (b"e\xfftwo", "true")
    assert http.get(f"/v1/jobs/{id}/log", params={"stream": "err"}).content == b"trouble"


def test_the_log_of_an_earlier_attempt_is_kept(http: httpx.Client, stage: Stage) -> None:
    id = create(http, retries=1)
    stage.start(id)
    stage.write(id, "out", b"first")
    stage.retry(id)
    assert http.get(f"/v1/jobs/{id}/log").content == b""
    first = http.get(f"/v1/jobs/{id}/log", params={"attempt": 1})
    assert first.content == b"first"
    end = http.get(f"/v1/jobs/{id}/log", params={"attempt": 1, "offset": 5})
    assert end.headers["Remora-Complete"] == "true"


def test_a_large_script_is_taken_whole(http: httpx.Client, stage: Stage) -> None:
    script = "# " + "x" * 1_000_000 + "\n"
    id = create(http, command=None, script=script)
    assert stage.desk.request(id).script == script


def test_a_waiter_is_told_of_an_end_that_came_while_redis_was_restarted(
    tmp_path: Path, make_redis: RedisFactory
) -> None:
    redis = make_redis()
    stage = Stage(redis.url, tmp_path)
    stage.open()
    door = Door(stage.desk, redis.url)
    try:
        id = create(door.http)
        stage.start(id)
        told: list[httpx.Response] = []
        waiter = threading.Thread(
            target=lambda: told.append(door.http.get(f"/v1/jobs/{id}/wait", params={"timeout": 60}))
        )
        waiter.start()
        eventually(lambda: subscribers(stage) == 1)
        redis.restart()
        stage.end(id)
        waiter.join(14)  # sooner than the waiter would look for itself
        assert [answer.json()["state"] for answer in told] == ["succeeded"]
    finally:
        door.close()
        stage.close()
