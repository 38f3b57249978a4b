"""The blob store: payloads of jobs, sealed at rest, in a directory."""

import os
import secrets
import shutil
from pathlib import Path
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken

from remora.errors import NotFound, Permanent


def write_durably(target: Path, data: bytes, *, sync: bool = True) -> None:
    """Put a file in place whole or not at all; on disk when this returns, unless ``sync`` is off."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    draft.rename(target)
    if sync:
        _sync_directory(target.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Blobs:
    """What jobs were given, below ``root``: ``<first two letters of the id>/<id>/request.<version>``."""

    def __init__(self, root: Path, seal_key: bytes) -> None:
        self._root = root
        self._seal = Fernet(seal_key)

    def folder(self, job: UUID) -> Path:
        """Give the directory of everything that is kept for a job."""
        return self._root / str(job)[:2] / str(job)

    def put(self, job: UUID, version: str, payload: bytes) -> None:
        """Keep a payload, sealed; on disk when this returns. Another version never replaces it."""
        write_durably(self.folder(job) / f"request.{version}", self._seal.encrypt(payload))

    def get(self, job: UUID, version: str) -> bytes:
        """Give a payload back.

        Raises:
            NotFound: there is none.
            Permanent: it was sealed with another key.
        """
        try:
            return self._seal.decrypt((self.folder(job) / f"request.{version}").read_bytes())
        except FileNotFoundError as error:
            raise NotFound(f"the payload of job {job} is not in the store", job=str(job)) from error
        except InvalidToken as error:
            raise Permanent(f"the payload of job {job} was sealed with another key than that of this home") from error

    def remove(self, job: UUID) -> None:
        """Remove everything that is kept for a job; nothing happens if there is nothing."""
        shutil.rmtree(self.folder(job), ignore_errors=True)
