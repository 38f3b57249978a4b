"""Who may come in: the right token, and nobody else (A28)."""

import hashlib

import httpx
import pytest

from gateway.identities import Identities
from tests.gateway.door import TOKEN, Door

WRONG = [
    None,
    "",
    "Bearer",
    f"Basic {TOKEN}",
    TOKEN,
    f"Bearer {TOKEN}x",
    f"Bearer {TOKEN[:-1]}",
    "Bearer \xff",
]


@pytest.mark.parametrize("header", WRONG)
def test_a_request_without_a_right_token_gets_the_one_answer(door: Door, header: str | None) -> None:
    """A28: the same body whatever is wrong with the token."""
    headers = {} if header is None else {b"Authorization": header.encode("latin-1")}
    answer = httpx.get(f"{door.url}/v1/jobs", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.content == httpx.get(f"{door.url}/v1/hosts").content


def test_everything_but_the_health_of_the_door_needs_a_token(door: Door) -> None:
    for path in ("/", "/v1/jobs", "/v1/nothing", "/openapi.json", "/docs", "/healthz/", "//healthz"):
        assert httpx.get(f"{door.url}{path}").status_code == 401, path
    assert httpx.get(f"{door.url}/healthz").json() == {"alive": True}
    assert httpx.get(f"{door.url}/readyz").json() == {"ready": True, "redis": True, "workers": 1}


def test_nothing_of_a_stranger_s_body_is_parsed(door: Door) -> None:
    answer = httpx.post(f"{door.url}/v1/jobs", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 401


def test_the_scheme_is_read_in_any_case(door: Door) -> None:
    assert httpx.get(f"{door.url}/v1/jobs", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200


def test_tokens_are_in_no_repr() -> None:
    identities = Identities.of({"anna": TOKEN})
    assert TOKEN not in repr(identities)
    assert all(TOKEN.encode() not in digest for digest in identities.names)
    assert identities.who(TOKEN) == "anna"


def test_a_caller_may_be_configured_by_the_digest_of_a_token() -> None:
    digest = hashlib.sha256(b"rmr_of-carla").hexdigest()
    identities = Identities.of({"anna": TOKEN}).and_digests({"carla": digest})
    assert identities.who("rmr_of-carla") == "carla"
    assert identities.who(TOKEN) == "anna"
    assert identities.who(digest) is None
