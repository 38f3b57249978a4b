"""The client before a real door: what it asks, what it hears, how long it is patient."""

import threading
import time
from pathlib import Path
from uuid import UUID

import pytest

from airflow_bridge.answers import Change, Output
from airflow_bridge.client import RemoraClient
from airflow_bridge.errors import Conflict, Invalid, NotAllowed, NotFound, Unavailable
from airflow_bridge.patience import LONGEST_PAUSE, Patience, pause
from tests.airflow_bridge.unreliable import LosesAnswers
from tests.conftest import RedisFactory
from tests.gateway.door import TOKEN, Door
from tests.gateway.stage import Stage
from tests.support.ports import free_port

TRUE = {"host": "web", "command": "true"}


def test_a_job_is_submitted_read_awaited_and_cancelled(client: RemoraClient) -> None:
    job = client.submit(TRUE)
    assert client.job(job["id"]) == job
    assert client.wait(job["id"], timeout=0.1)["final"] is False
    assert client.cancel(job["id"])["state"] == "cancelled"
    assert client.wait(job["id"])["state"] == "cancelled"


def test_jobs_are_listed_with_filters(client: RemoraClient) -> None:
    job = client.submit({**TRUE, "labels": {"team": "blue"}, "name": "mine"})
    client.submit(TRUE)
    assert [found["id"] for found in client.jobs(labels={"team": "blue"}, name="mine")["jobs"]] == [job["id"]]
    assert len(client.jobs()["jobs"]) == 2


def test_output_is_read_to_its_end_in_pieces(client: RemoraClient, stage: Stage) -> None:
    id = UUID(client.submit(TRUE)["id"])
    stage.start(id)
    data = bytes(range(256)) * 10_000  # more than one answer holds
    stage.write(id, "out", data)
    stage.end(id)
    assert b"".join(client.output(str(id))) == data
    part = client.log(str(id), offset=len(data) - 2)
    assert (part.data, part.next_offset, part.complete) == (data[-2:], len(data), True)


def test_hosts_are_added_trusted_drained_and_removed(client: RemoraClient) -> None:
    fingerprint = "SHA256:" + "A" * 43
    assert client.add_host({"name": "db", "address": "db", "user": "postgres"})["condition"] == "new"
    assert client.trust("db", fingerprint)["config"]["host_keys"] == [fingerprint]
    assert client.drain("db")["drained"] is True
    assert client.drain("db", drained=False)["drained"] is False
    assert client.examine("db")["condition"] == "new"
    assert client.host("db", wait=0.1)["name"] == "db"
    assert [host["name"] for host in client.hosts()] == ["db", "web"]
    client.remove_host("db")
    assert [host["name"] for host in client.hosts()] == ["web"]


def test_what_the_server_refuses_is_raised_with_what_to_do(client: RemoraClient, door: Door) -> None:
    with pytest.raises(NotFound, match="nowhere") as unknown:
        client.submit({**TRUE, "host": "nowhere"})
    assert (unknown.value.status, unknown.value.type) == (404, "urn:remora:problem:not-found")
    with pytest.raises(Invalid) as invalid:
        client.submit({**TRUE, "comand": "x"})
    assert invalid.value.field == "comand"
    assert "command" in invalid.value.advice
    client.submit(TRUE, key="k")
    with pytest.raises(Conflict):
        client.submit({**TRUE, "command": "false"}, key="k")
    with RemoraClient(door.url, "wrong") as stranger, pytest.raises(NotAllowed):
        stranger.hosts()


def test_a_create_whose_answer_is_lost_twice_makes_one_job(door: Door, client: RemoraClient) -> None:
    way = LosesAnswers(door.port, lost=2)
    try:
        with RemoraClient(way.url, TOKEN, patience=10.0) as unlucky:
            job = unlucky.submit(TRUE)
        assert way.requests == 3
        assert [found["id"] for found in client.jobs()["jobs"]] == [job["id"]]
    finally:
        way.close()


def test_a_server_that_is_not_there_is_unavailable_when_patience_is_over() -> None:
    began = time.monotonic()
    with (
        RemoraClient(f"http://127.0.0.1:{free_port()}", TOKEN, patience=60, first_patience=0.5) as client,
        pytest.raises(Unavailable, match="No server answers") as gone,
    ):
        client.hosts()
    assert time.monotonic() - began < 10
    assert "doctor" in gone.value.advice


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://host", "http://"])
def test_an_address_that_is_none_is_told_at_once(url: str) -> None:
    with pytest.raises(Unavailable, match="no address"):
        RemoraClient(url, TOKEN)


def test_a_server_whose_records_are_away_is_waited_for(tmp_path: Path, make_redis: RedisFactory) -> None:
    redis = make_redis()
    stage = Stage(redis.url, tmp_path)
    stage.open()
    door = Door(stage.desk, redis.url)
    back = threading.Timer(1.0, redis.start)
    try:
        with RemoraClient(door.url, TOKEN, patience=30.0) as client:
            assert client.jobs()["jobs"] == []
            redis.kill()
            back.start()
            job = client.submit(TRUE)
            assert client.job(job["id"])["state"] == "accepted"
    finally:
        back.join()
        door.close()
        stage.close()


def test_following_tells_changes_and_both_streams(client: RemoraClient, stage: Stage) -> None:
    id = UUID(client.submit(TRUE)["id"])
    stage.start(id)
    stage.write(id, "out", b"\xff\x00")
    stage.write(id, "err", "größer\u2028".encode())
    stage.end(id, 3)
    events = list(client.events(str(id)))
    assert [event for event in events if isinstance(event, Output)] == [
        Output("out", 1, 0, b"\xff\x00"),
        Output("err", 1, 0, "größer\u2028".encode()),
    ]
    last = events[-1]
    assert isinstance(last, Change)
    assert last.job["exit_code"] == 3


def test_a_proxy_in_the_environment_does_not_come_between_us_and_this_machine(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with RemoraClient(door.url, TOKEN, patience=0.1) as client:
        assert [host["name"] for host in client.hosts()] == ["web"]


def test_pauses_double_up_to_a_limit_and_are_spread_over_their_whole_length() -> None:
    assert [pause(turn, chance=1.0) for turn in (1, 2, 3, 4)] == [0.1, 0.2, 0.4, 0.8]
    assert pause(50, chance=1.0) == LONGEST_PAUSE
    assert pause(50, chance=0.0) == 0.0


def test_patience_counts_from_the_first_failure_and_begins_anew_after_a_success() -> None:
    patience = Patience(0.0)
    assert patience.rest() is False
    longer = Patience(5.0)
    assert longer.rest() is True
    longer.renew()
    assert longer.rest() is True
