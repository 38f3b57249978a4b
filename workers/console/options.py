"""Options that several verbs share, and the job request that they come to."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from airflow_bridge.answers import content
from workers.console.completing import complete_hosts, complete_jobs

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_COMMAND = "remora.command"


class Seconds(click.ParamType[float]):
    """A duration: seconds, or a number with s, m, h or d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value))
        if not found or float(found[1]) == 0:
            self.fail(f"{value!r} is no duration; write for example 90, 90s, 15m, 2h or 1d", param, ctx)
        return float(found[1]) * _UNITS[found[2]]


class Pair(click.ParamType[tuple[str, str]]):
    """NAME=VALUE."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not (name and equals):
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name, text


class TakesCommand(click.Command):
    """A verb that takes ``HOST[,HOST…] [options] -- COMMAND…``; what follows the ``--`` is never read as options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ours, command = (args[: args.index("--")], args[args.index("--") + 1 :]) if "--" in args else (args, [])
        ctx.meta[_COMMAND] = tuple(command)
        return super().parse_args(ctx, ours)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return ["HOST[,HOST…]", "[OPTIONS]", "-- COMMAND…"]


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FILE_OR_DASH = click.Path(exists=True, dir_okay=False, allow_dash=True)

_JOB_OPTIONS = (
    click.argument("words", nargs=-1, shell_complete=complete_hosts),
    click.option("--script", type=_FILE, help="Run this file in place of COMMAND; words after -- are its arguments."),
    click.option("--shell", metavar="SHELL", help="Shell for COMMAND, or a script without #!  [default: /bin/sh]"),
    click.option("-e", "--env", type=Pair(), multiple=True, help="Environment variable; may be repeated."),
    click.option("--stdin", type=_FILE_OR_DASH, help="File for standard input; - is ours. Empty unless given."),
    click.option("--cwd", metavar="DIRECTORY", help="Working directory  [default: the account's home]"),
    click.option("--user", help="Run as this user, by sudo -n."),
    click.option("--timeout", type=Seconds(), help="End it after this long: 90, 15m, 2h."),
    click.option("--idle-timeout", type=Seconds(), help="End it after this long without output."),
    click.option("--retries", type=click.IntRange(0, 100), help="Further attempts if it starts and fails."),
    click.option("--sweep", is_flag=True, help="End what it leaves in the background."),
    click.option("--name", help="Name shown in listings."),
    click.option("-l", "--label", type=Pair(), multiple=True, help="Label; may be repeated."),
)

Verb = Callable[..., Any]


def job_options(verb: Verb) -> Verb:
    """Give a verb all options that describe a job; it gets them as keyword arguments."""
    for option in reversed(_JOB_OPTIONS):
        verb = option(verb)
    return verb


job_ids = click.argument("ids", metavar="ID…", nargs=-1, required=True, shell_complete=complete_jobs)
as_json = click.option("--json", "as_json", is_flag=True, help="Tell everything as JSON, on stdout.")
raw = click.option("--raw", is_flag=True, help="Escape no control characters, even on a terminal.")
verbose = click.option(
    "-v", "--verbose", is_flag=True, help="Say on stderr what happens, even where it is no terminal."
)


def hosts_and_request(words: tuple[str, ...], **options: Any) -> tuple[list[str], dict[str, Any]]:
    """Give the hosts, and the job request without them; options that were not given are not in it."""
    hosts = _hosts(words)
    env, label, stdin = options.pop("env"), options.pop("label"), options.pop("stdin")
    request = {name: value for name, value in options.items() if value not in (None, False)}
    request |= _what_to_run(request.pop("script", None), click.get_current_context().meta[_COMMAND])
    if env:
        request["env"] = dict(env)
    if label:
        request["labels"] = dict(label)
    if stdin:
        request["stdin"] = content(sys.stdin.buffer.read() if stdin == "-" else Path(stdin).read_bytes())
    return hosts, request


def _hosts(words: tuple[str, ...]) -> list[str]:
    if not words:
        raise click.UsageError("name the host: remora run HOST -- COMMAND")
    if len(words) > 1:
        raise click.UsageError(f"put -- before the command: {words[0]} -- {' '.join(words[1:])}")
    hosts = [host for host in words[0].split(",") if host]
    if not hosts:
        raise click.UsageError("name the host: remora run HOST -- COMMAND")
    return hosts


def _what_to_run(script: Path | None, command: tuple[str, ...]) -> dict[str, Any]:
    """Give the part of the request that says what runs: one word is text for the shell, several are an argv."""
    if script:
        return {"script": content(script.read_bytes()), "arguments": command}
    if not command:
        raise click.UsageError("give a command after --, for example: remora run HOST -- uptime")
    return {"command": command[0] if len(command) == 1 else command}
