"""``remora config``: the settings, checked and shown."""

import json
import os
import sys
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import click

from config.settings import BadSettings, Settings, load, settings_file


@click.group()
def config() -> None:
    """Check and show the settings.

    They come from remora.toml in REMORA_HOME (or the file REMORA_CONFIG names), and from REMORA_* variables, which win.
    """


@config.command()
def check() -> None:
    """Say what is wrong, one line a fault: place, key and what to write instead. Exits with 1 if anything is."""
    try:
        load(os.environ)
    except BadSettings as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    file = settings_file(os.environ)
    click.echo(f"{file}: good" if file.is_file() else f"good; there is no {file}, so the defaults hold")


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Tell them as JSON.")
def show(*, as_json: bool) -> None:
    """Show every setting as it holds, passwords left out; a `*` marks those that are not the default."""
    try:
        settings = load(os.environ)
    except BadSettings as error:
        raise click.ClickException(str(error)) from error
    shown = {name: _shown(value) for name, value in settings.model_dump(mode="json").items()}
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    width = max(map(len, shown))
    for name, value in shown.items():
        mark = "*" if _changed(settings, name) else " "
        click.echo(f"{mark} {name:{width}} = {json.dumps(value, ensure_ascii=False)}")


def _changed(settings: Settings, name: str) -> bool:
    return bool(getattr(settings, name) != Settings.model_fields[name].default)


def _shown(value: Any) -> Any:
    """Give a setting without the password that a URL may hold."""
    if not isinstance(value, str) or "://" not in value:
        return value
    parts = urlsplit(value)
    if parts.password is None:
        return value
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}"))
