"""Reading ``USER@ADDRESS[:PORT]``, or an alias of ``~/.ssh/config``, as a host to be added."""

import getpass
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from config.ssh_config import Alias, BadSshConfig, resolve

_TARGET = re.compile(
    r"(?P<user>[^@\s]+)@(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<address>[^:@\s\[\]]+))(?::(?P<port>\d+))?"
)


@dataclass(frozen=True)
class Target:
    """Whom to reach, and by which way."""

    user: str
    address: str
    port: int = 22
    key: str | None = None
    """A private key file on this machine."""
    jump: str | None = None

    def config(self) -> dict[str, Any]:
        """Give the fields of a host that were told."""
        told = {"user": self.user, "address": self.address, "port": self.port, "key": self.key, "jump": self.jump}
        return {name: value for name, value in told.items() if value is not None}


def read_target(text: str) -> Target:
    """Read ``USER@ADDRESS[:PORT]``; a word without ``@`` is an alias.

    Raises:
        click.UsageError: it is neither, or the alias cannot be honoured.
    """
    if "@" not in text:
        return _of_alias(text)
    found = _TARGET.fullmatch(text)
    if not found:
        raise click.UsageError(f"{text!r} is not USER@ADDRESS[:PORT]; write an IPv6 address as USER@[ADDRESS]:PORT")
    return Target(found["user"], found["six"] or found["address"], int(found["port"] or 22))


def _of_alias(name: str) -> Target:
    try:
        alias: Alias = resolve(name, Path("~/.ssh/config"), home=Path.home())
    except BadSshConfig as error:
        raise click.UsageError(str(error)) from error
    # ssh passes over an IdentityFile that is not there.
    key = alias.key if alias.key and Path(alias.key).is_file() else None
    return Target(alias.user or getpass.getuser(), alias.address, alias.port, key, alias.jump)


def key_of(word: str, *, server_here: bool) -> str:
    """Give what the server is told of a key: a file by its whole path, a name as it is.

    Raises:
        click.UsageError: a file, and the server is on another machine, where it does not lie.
    """
    file = Path(word).expanduser()
    if "/" not in word and not word.startswith("~") and not file.is_file():
        return word
    if not server_here:
        raise click.UsageError(
            f"{word} lies on this machine and a key never leaves it; give the name of a key under [keys] in the "
            "server's remora.toml"
        )
    if not file.is_file():
        raise click.UsageError(f"there is no key file {word}")
    return str(file.absolute())
