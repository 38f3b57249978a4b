"""A stage and its door, as the tests of the gateway have them, and clients of it."""

from collections.abc import Iterator

import pytest

from airflow_bridge.client import RemoraClient
from tests.gateway.conftest import door, session_door, session_stage, stage
from tests.gateway.door import TOKEN, Door

__all__ = ["door", "session_door", "session_stage", "stage"]


@pytest.fixture
def client(door: Door) -> Iterator[RemoraClient]:
    """A client of the door."""
    with RemoraClient(door.url, TOKEN, patience=10.0) as client:
        yield client
