"""An order as the files that carry it to the host. The one place where anything is quoted for a shell.

The file ``order`` is shell text that the job's own process reads as its last act: it changes the directory,
sets the environment and lets the program take over, so nothing of it is ever in an argument list.
"""

import json
import re
from dataclasses import dataclass, field

from remora.errors import BadRequest
from remora.remote.operations import Order

ARGUMENT_MOST = 131_071
"""Most bytes Linux passes in one argument or ``NAME=VALUE`` (MAX_ARG_STRLEN less its NUL)."""
ARGUMENTS_MOST = 1_500_000
"""Most bytes of arguments and environment together; the kernel's usual limit is 2 MiB with the session's own."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?")
_OWN_TO_SHELLS = """
_ PPID UID EUID GROUPS OPTIND LINENO RANDOM SRANDOM SECONDS SHELLOPTS BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV
BASH_ARGV0 BASH_CMDS BASH_COMMAND BASH_LINENO BASH_MONOSECONDS BASH_SOURCE BASH_SUBSHELL BASH_VERSINFO DIRSTACK
EPOCHREALTIME EPOCHSECONDS FUNCNAME HISTCMD PIPESTATUS PGRP USER_ID KSHEGID KSHGID KSHUID KSH_MATCH KSH_VERSION
"""
UNFAITHFUL = frozenset(_OWN_TO_SHELLS.split())
"""Names to which some host's shell gives a meaning of its own, so that a value would not arrive as it was given."""


@dataclass(frozen=True)
class Parcel:
    """The contents of an attempt's files."""

    manifest: bytes
    order: bytes = field(repr=False)
    command: bytes | None = field(repr=False)
    """The command's text or the script; None for an argv."""
    stdin: bytes | None = field(repr=False)
    """None means empty."""


def pack(order: Order, *, tag: str, home: str) -> Parcel:
    """Put an order into files.

    Args:
        tag: suffix of this submission's files.
        home: directory to start in unless the order says otherwise.

    Raises:
        BadRequest: no host could carry it out as it is.
    """
    check(order)
    command = order.script
    if order.command is not None:
        command = _encode(order.command)
    return Parcel(
        manifest=json.dumps(order.manifest, sort_keys=True).encode() + b"\n",
        order=_text(order, tag=tag, home=home),
        command=command,
        stdin=order.stdin or None,
    )


def check(order: Order) -> None:
    """Refuse what cannot arrive on a host byte for byte.

    Raises:
        BadRequest: ``facts["field"]`` names the part.
    """
    given = [name for name in ("argv", "command", "script") if getattr(order, name) is not None]
    if len(given) != 1:
        raise BadRequest("give exactly one of argv, command and script", field="command")
    if order.argv is not None and (not order.argv or not order.argv[0]):
        raise BadRequest("argv needs a program", field="argv")
    if order.user is not None and not USER.fullmatch(order.user):
        raise BadRequest(f"{order.user!r} is no user name", field="user")
    _check_environment(order)
    _check_words(order)


def _check_environment(order: Order) -> None:
    for name in order.environment:
        if not NAME.fullmatch(name):
            raise BadRequest(f"{name!r} is no name for a variable", field="environment")
        if name in UNFAITHFUL or name.startswith("REMORA_") or name in ("LOG_FILE", "STATUS_FILE", "PID_FILE"):
            raise BadRequest(f"the variable {name} belongs to the host's shells or to Remora", field="environment")


def _check_words(order: Order) -> None:
    words = {
        "argv": order.argv or (),
        "arguments": order.arguments,
        "environment": [f"{name}={value}" for name, value in order.environment.items()],
        "cwd": [order.cwd or ""],
        "shell": [order.shell],
    }
    total = 0
    for part, values in words.items():
        for encoded in map(_encode, values):
            total += len(encoded) + 9
            if len(encoded) > ARGUMENT_MOST:
                raise BadRequest(f"one value of {part} is longer than {ARGUMENT_MOST} bytes", field=part)
            if b"\0" in encoded:
                raise BadRequest(f"{part} contains a NUL byte, which no program can be given", field=part)
    if total > ARGUMENTS_MOST:
        raise BadRequest(f"arguments and environment together exceed {ARGUMENTS_MOST} bytes", field="arguments")
    if "\0" in (order.command or ""):
        raise BadRequest("command contains a NUL byte", field="command")


def _text(order: Order, *, tag: str, home: str) -> bytes:
    lines = [
        _change_directory(order, home),
        b"set -- $setsid " + b" ".join(_program(order, tag)),
        *(b"export " + name.encode() + b"=" + quote(value) for name, value in order.environment.items()),
        b'exec "$@"\n',
    ]
    return b"\n".join(lines)


def _change_directory(order: Order, home: str) -> bytes:
    if order.cwd is None:
        start = quote(home) if order.user is None else b'"$HOME"'
        return b"cd -- " + start + b" 2> /dev/null || cd /"
    directory = order.cwd if order.cwd.startswith("/") else f"{home}/{order.cwd}"
    return b"cd -- " + quote(directory) + b' || { echo cwd > "$here/unstarted"; exit 126; }'


def _program(order: Order, tag: str) -> list[bytes]:
    if order.argv is not None:
        return [quote(word) for word in order.argv]
    words = [order.shell] if order.script is None else interpreter(order.script) or [order.shell]
    return [*map(quote, words), f'"$here/command.{tag}"'.encode(), *map(quote, order.arguments)]


def interpreter(script: bytes) -> list[str] | None:
    """Read a script's ``#!`` line as Linux does: a program and at most one argument; None without one.

    The interpreter is called with the file, so that a directory mounted ``noexec`` is no obstacle.
    """
    if not script.startswith(b"#!"):
        return None
    line = script[2:].split(b"\n", 1)[0].strip(b" \t")
    return [_decode(word.strip(b" \t")) for word in re.split(rb"[ \t]+", line, maxsplit=1) if word] or None


def quote(value: str) -> bytes:
    """Quote for a POSIX shell; every byte but NUL stands for itself."""
    return b"'" + _encode(value).replace(b"'", b"'\\''") + b"'"


def as_printf_format(data: bytes) -> str:
    r"""Write bytes as a quoted ``printf`` format of printable ASCII that never begins with ``-`` or ``@``.

    Worked examples: ``50%`` is ``'50%%'``, a NUL is ``'\000'``.
    """
    return "'" + "".join(map(_FIRST.__getitem__, data[:1])) + "".join(map(_PLAIN.__getitem__, data[1:])) + "'"


def _encode(value: str | None) -> bytes:
    return (value or "").encode("utf-8", "surrogateescape")


def _decode(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _format_of(byte: int) -> str:
    if byte == ord("%"):
        return "%%"
    if (32 <= byte < 127 and byte not in b"'\\") or byte == 10:
        return chr(byte)
    return f"\\{byte:03o}"


_PLAIN = [_format_of(byte) for byte in range(256)]
_FIRST = [f"\\{byte:03o}" if byte in b"-@" else _format_of(byte) for byte in range(256)]
