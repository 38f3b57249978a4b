"""``remora hosts``: the machines that jobs run on."""

from collections.abc import Callable
from typing import Any

import click

from airflow_bridge.answers import Host
from airflow_bridge.client import RemoraClient
from airflow_bridge.errors import NotFound
from workers.console.announcing import Announcer
from workers.console.completing import complete_hosts
from workers.console.examining import examined, insist_on_ready, person_accepts
from workers.console.options import Pair, as_json
from workers.console.server import client, server_is_here
from workers.console.targets import key_of, read_target
from workers.console.telling import tell_facts, tell_json, tell_table

NAME = click.argument("name", shell_complete=complete_hosts)


@click.group()
def hosts() -> None:
    """Add, list, check and remove hosts. A host is one account on one machine."""


@hosts.command()
@NAME
@click.argument("target", metavar="[USER@ADDRESS[:PORT]]", required=False)
@click.option(
    "--key", metavar="FILE|NAME", help="Private key: a file of the server's machine, or a key it knows by name."
)
@click.option("--fingerprint", multiple=True, metavar="SHA256:…", help="The host key to accept; may be repeated.")
@click.option("--jump", metavar="HOST", help="Go through this host, which was added before.")
@click.option("--base", metavar="DIRECTORY", help="Where its job directories lie  [default: ~/.remora]")
@click.option("--max-jobs", type=click.IntRange(1, 10_000), help="Most jobs running at once  [default: 100]")
@click.option("-l", "--label", type=Pair(), multiple=True, help="Label; may be repeated.")
@as_json
def add(name: str, target: str | None, *, as_json: bool, **options: Any) -> None:
    """Add a host; returns when it has been examined. If it cannot be used, it is not added.

    Without USER@ADDRESS the NAME is looked up in ~/.ssh/config. A key that known_hosts has, or --fingerprint names,
    is accepted; any other one is shown on a terminal and accepted only if you say so.
    """
    config = _config(name, target, **options)
    with client() as server:
        new = _is_new(server, name)
        server.add_host(config)
        try:
            host = _made_ready(server, name)
        except BaseException:
            if new:
                server.remove_host(name)
            raise
    _tell(host, as_json=as_json)


def _config(
    name: str,
    target: str | None,
    *,
    key: str | None,
    fingerprint: tuple[str, ...],
    label: tuple[tuple[str, str], ...],
    **others: Any,
) -> dict[str, Any]:
    config = {"name": name, **read_target(target or name).config()}
    config |= {option: value for option, value in others.items() if value is not None}
    if word := key or config.get("key"):
        config["key"] = key_of(word, server_here=server_is_here())
    if fingerprint:
        config["host_keys"] = fingerprint
    if label:
        config["labels"] = dict(label)
    return config


def _is_new(server: RemoraClient, name: str) -> bool:
    try:
        server.host(name)
    except NotFound:
        return True
    return False


def _made_ready(server: RemoraClient, name: str) -> Host:
    """Give the host once it can be used; a person may be asked about its key."""
    host = examined(server, name)
    if person_accepts(host):
        server.trust(name, str(host["offered_key"]))
        host = examined(server, name)
    insist_on_ready(host)
    return host


@hosts.command()
@as_json
def ls(*, as_json: bool) -> None:
    """List all hosts: how they are reached, whether they can be used, their jobs."""
    with client() as server:
        found = server.hosts()
    if as_json:
        tell_json({"hosts": found})
    elif found:
        tell_table(("NAME", "ACCOUNT", "CONDITION", "LIVE", "WAITING", "REASON"), [_row(host) for host in found])


def _row(host: Host) -> tuple[Any, ...]:
    return host["name"], _account(host), _condition(host), host["live"], host["waiting"], host["reason"]


def _account(host: Host) -> str:
    config = host["config"]
    address = f"[{config['address']}]" if ":" in config["address"] else config["address"]
    return f"{config['user']}@{address}" + ("" if config["port"] == 22 else f":{config['port']}")


def _condition(host: Host) -> str:
    condition = "out of contact" if host["out_of_contact_since"] else host["condition"]
    return f"{condition}, drained" if host["drained"] else condition


@hosts.command()
@NAME
@as_json
def show(name: str, *, as_json: bool) -> None:
    """Show all that is recorded of a host."""
    with client() as server:
        _tell(server.host(name), as_json=as_json)


@hosts.command()
@NAME
@as_json
def check(name: str, *, as_json: bool) -> None:
    """Examine a host afresh; exits with 1 and the reason if it cannot be used.

    A key that is new is shown on a terminal, and accepted only if you say so.
    """
    with client() as server:
        server.examine(name)
        host = _made_ready(server, name)
    _tell(host, as_json=as_json)


@hosts.command()
@NAME
@click.argument("fingerprint", metavar="SHA256:…")
@as_json
def trust(name: str, fingerprint: str, *, as_json: bool) -> None:
    """Accept a host key that you have compared, and examine the host again."""
    with client() as server:
        server.trust(name, fingerprint)
        host = _made_ready(server, name)
    _tell(host, as_json=as_json)


@hosts.command()
@NAME
@as_json
def drain(name: str, *, as_json: bool) -> None:
    """Start no further jobs on a host; what runs goes on, what comes waits."""
    _act(lambda server: server.drain(name), f"{name} is drained", as_json=as_json)


@hosts.command()
@NAME
@as_json
def resume(name: str, *, as_json: bool) -> None:
    """Start jobs on a host again."""
    _act(lambda server: server.drain(name, drained=False), f"{name} takes jobs again", as_json=as_json)


@hosts.command()
@click.argument("names", metavar="NAME…", nargs=-1, required=True, shell_complete=complete_hosts)
def rm(names: tuple[str, ...]) -> None:
    """Forget hosts; refused while they have jobs that have not ended."""
    with client() as server:
        for name in names:
            server.remove_host(name)
            Announcer(verbose=False).say(f"{name} is forgotten")


def _act(act: Callable[[RemoraClient], Host], sentence: str, *, as_json: bool) -> None:
    with client() as server:
        host = act(server)
    if as_json:
        tell_json(host)
    else:
        Announcer(verbose=False).say(sentence)


def _tell(host: Host, *, as_json: bool) -> None:
    if as_json:
        tell_json(host)
        return
    config, seen = host["config"], host["examined"]
    tell_facts(
        [
            ("name", host["name"]),
            ("account", _account(host)),
            ("condition", _condition(host)),
            ("reason", host["reason"]),
            ("offered key", host["offered_key"]),
            ("through", config["jump"]),
            ("key", config["key"] or "agent"),
            ("accepted keys", ", ".join(config["host_keys"])),
            ("most jobs at once", config["max_jobs"]),
            ("live, waiting", f"{host['live']}, {host['waiting']}"),
            ("base", host.get("base")),
            ("labels", ", ".join(f"{name}={value}" for name, value in config["labels"].items())),
            *((f"seen: {name}", value) for name, value in seen.items()),
        ]
    )
