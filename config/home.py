"""The state directory, ``REMORA_HOME``, and the few things that are made once and kept there."""

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """Where an installation keeps its state; every file is readable by its owner alone."""

    path: Path

    @property
    def blobs(self) -> Path:
        """Payloads and outputs of jobs."""
        return self.path / "blobs"

    @property
    def logs(self) -> Path:
        """Log files of our own processes."""
        return self.path / "logs"

    @property
    def token_file(self) -> Path:
        """The operator's bearer token."""
        return self.path / "token"

    def installation(self) -> str:
        """Give the identity of this installation, made on first use; it names our directories on hosts."""
        return self._once("installation", lambda: secrets.token_hex(6))

    def seal_key(self) -> bytes:
        """Give the key that seals payloads at rest, made on first use: 32 random bytes in base64, for Fernet."""
        return self._once("seal.key", lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()).encode()

    def redis_password(self) -> str:
        """Give the password of the embedded Redis, made on first use."""
        return self._once("redis.password", lambda: secrets.token_urlsafe(24))

    def flower_password(self) -> str:
        """Give the password of Flower's user ``operator``, made on first use."""
        return self._once("flower.password", lambda: secrets.token_urlsafe(18))

    def operator_token(self) -> str:
        """Give the operator's bearer token, made on first use."""
        return self._once("token", lambda: "rmr_" + secrets.token_urlsafe(32))

    def _once(self, name: str, make: Callable[[], str]) -> str:
        """Read the file, made atomically with 0600 if it is not there yet, whoever comes first."""
        target = self.path / name
        if not target.exists():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self.path / f".{name}.{secrets.token_hex(4)}"
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(make() + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, target)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return target.read_text().strip()


def find_home(environ: Mapping[str, str]) -> Home:
    """Tell which directory the environment names: ``REMORA_HOME``, else the XDG state directory."""
    if named := environ.get("REMORA_HOME"):
        return Home(Path(named).expanduser().absolute())
    user_home = Path(environ.get("HOME") or Path.home())
    state = environ.get("XDG_STATE_HOME") or str(user_home / ".local" / "state")
    return Home(Path(state) / "remora")
