"""Small files of the state directory, readable by their owner alone and never seen half written."""

import json
import os
import secrets
from pathlib import Path
from typing import Any


def write_private(file: Path, text: str) -> None:
    """Replace the content of ``file`` in one step, with mode 0600."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(text)
    draft.replace(file)


def read_json(file: Path) -> dict[str, Any] | None:
    """Give the JSON object in ``file``; None when there is none."""
    try:
        content = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def make_private_directory(directory: Path) -> Path:
    """Make it with mode 0700, as it must have it even when it was there before."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    return directory


def tail(file: Path, lines: int = 5) -> list[str]:
    """Give the last lines that are not blank, from the last 64 KiB."""
    try:
        with file.open("rb") as source:
            source.seek(max(0, source.seek(0, os.SEEK_END) - 65536))
            text = source.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
