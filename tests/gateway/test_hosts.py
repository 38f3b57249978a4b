"""The routes of hosts: added, examined, trusted, drained, removed."""

import threading

import httpx
import pytest

from remora.hosts import Condition
from tests.gateway.stage import Stage
from tests.gateway.test_jobs import create

DB = {"name": "db", "address": "db.example.org", "user": "postgres"}
FINGERPRINT = "SHA256:" + "A" * 43


def test_an_added_host_is_new_until_it_is_examined(http: httpx.Client) -> None:
    answer = http.post("/v1/hosts", json=DB)
    assert (answer.status_code, answer.headers["Location"]) == (201, "/v1/hosts/db")
    host = http.get("/v1/hosts/db").json()
    assert (host["name"], host["condition"], host["config"]["port"]) == ("db", "new", 22)
    assert http.post("/v1/hosts", json=DB).status_code == 201


def test_another_host_of_the_same_name_is_a_conflict(http: httpx.Client) -> None:
    http.post("/v1/hosts", json=DB)
    assert http.post("/v1/hosts", json={**DB, "user": "root"}).status_code == 409


def test_waiting_for_a_host_answers_when_it_was_examined(http: httpx.Client, stage: Stage) -> None:
    http.post("/v1/hosts/web/examine")
    assert http.get("/v1/hosts/web", params={"wait": 0.1}).json()["condition"] == "new"
    examiner = threading.Timer(0.3, stage.examined, (Condition.HOST_KEY,), {"reason": "unknown", "offered_key": "x"})
    examiner.start()
    host = http.get("/v1/hosts/web", params={"wait": 30}).json()
    examiner.join()
    assert (host["condition"], host["reason"], host["offered_key"]) == ("host_key", "unknown", "x")


def test_waiting_for_a_host_that_nobody_reaches_answers_with_the_reason(http: httpx.Client, stage: Stage) -> None:
    http.post("/v1/hosts/web/examine")
    stage.records.settle(stage.grant, facts={"reason": "no route"}, contact=False, retry_in=60)
    host = http.get("/v1/hosts/web", params={"wait": 30}).json()
    assert (host["condition"], host["reason"]) == ("new", "no route")
    assert host["out_of_contact_since"] is not None


def test_a_trusted_key_is_recorded_and_the_host_examined_again(http: httpx.Client) -> None:
    host = http.post("/v1/hosts/web/trust", json={"fingerprint": FINGERPRINT}).json()
    assert (host["config"]["host_keys"], host["condition"]) == ([FINGERPRINT], "new")


def test_a_trusted_key_must_be_a_fingerprint(http: httpx.Client) -> None:
    answer = http.post("/v1/hosts/web/trust", json={"fingerprint": "yes"})
    assert (answer.status_code, answer.json()["field"]) == (422, "fingerprint")


def test_a_drained_host_keeps_its_jobs_waiting_and_says_why(http: httpx.Client) -> None:
    assert http.post("/v1/hosts/web/drain").json()["drained"] is True
    id = create(http)
    assert http.get(f"/v1/jobs/{id}").json()["held"] == "drained"
    assert http.post("/v1/hosts/web/resume").json()["drained"] is False


def test_a_host_with_jobs_is_not_removed(http: httpx.Client) -> None:
    id = create(http)
    assert http.delete("/v1/hosts/web").status_code == 409
    http.post(f"/v1/jobs/{id}/cancel")
    assert http.delete("/v1/hosts/web").status_code == 204
    assert http.get("/v1/hosts").json() == {"hosts": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "?wait=1"), ("DELETE", ""), ("POST", "/examine"), ("POST", "/drain"), ("POST", "/resume")],
)
def test_an_unknown_host_is_not_found_on_every_route(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, f"/v1/hosts/nowhere{path}")
    assert answer.status_code == 404, answer.text
    assert "nowhere" in answer.json()["detail"]
