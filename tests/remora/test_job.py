"""What callers may ask for."""

import pytest
from pydantic import ValidationError

from remora.job import JobRequest, content_bytes


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "exactly one of command and script"),
        ({"command": "a", "script": "b"}, "exactly one of command and script"),
        ({"command": "  \n "}, "blank"),
        ({"command": []}, "at least 1 item"),
        ({"command": "a\0b"}, "NUL"),
        ({"command": ["a", "b\0"]}, "NUL"),
        ({"command": "a", "arguments": ["x"]}, "belong to script"),
        ({"command": "a", "env": {"1X": "v"}}, "no environment name"),
        ({"command": "a", "env": {"A-B": "v"}}, "no environment name"),
        ({"command": "a", "env": {"A": "v\0"}}, "NUL"),
        ({"command": "a", "timeout": 0}, "greater than 0"),
        ({"command": "a", "stdin": {"base64": "%%"}}, "not base64"),
        ({"command": "a", "user": "-root"}, "match pattern"),
        ({"command": "a", "comand": "b"}, "Extra inputs"),
        ({"command": "a", "name": "<script>"}, "match pattern"),
    ],
)
def test_a_request_that_cannot_be_honoured_is_refused_in_words(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        JobRequest.model_validate({"host": "web", **fields})


@pytest.mark.parametrize(
    ("command", "title"),
    [
        ("sleep 5", "sleep"),
        (["/usr/bin/env", "-i"], "env"),
        ("PASSWORD=x run", "script"),
        ("/opt/it's/x", "x"),
        ('"quoted" x', "script"),
    ],
)
def test_a_job_without_a_name_is_called_after_its_program_and_never_shows_arguments(
    command: object, title: str
) -> None:
    assert JobRequest.model_validate({"host": "web", "command": command}).title == title


def test_bytes_that_are_not_text_travel_as_base64() -> None:
    request = JobRequest.model_validate({"host": "web", "command": "cat", "stdin": {"base64": "AP8="}})
    assert request.stdin is not None
    assert content_bytes(request.stdin) == b"\0\xff"
