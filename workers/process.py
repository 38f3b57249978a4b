"""What every process of the system does first: read the settings, find Redis, log to stderr."""

import logging
import os
import time
from urllib.parse import quote

import click

from config.home import Home
from config.settings import BadSettings, Settings, load
from workers.up.run_file import read_running


def read_settings() -> Settings:
    """Read the settings, with the reason for a person if they are bad."""
    try:
        return load(os.environ)
    except BadSettings as error:
        raise click.ClickException(str(error)) from error


def settings_with_redis() -> Settings:
    """Read the settings; without REMORA_REDIS_URL take the Redis of a `remora up` that runs here.

    The address found goes into our environment, where the assembly of this process will look for it.
    """
    settings = read_settings()
    if settings.redis_url:
        return settings
    if not (url := embedded_url(Home(settings.home))):
        raise click.ClickException("which Redis? Set REMORA_REDIS_URL, or start everything with `remora up`")
    os.environ["REMORA_REDIS_URL"] = url
    return read_settings()


def embedded_url(home: Home) -> str | None:
    """Give the address, with password, of the Redis that `remora up` runs here; None when it does not."""
    running = read_running(home)
    if running is None:
        return None
    if "redis" not in running.pids:  # one from elsewhere, whose password we do not know
        return None
    return running.redis_url.replace("redis://", f"redis://:{quote(home.redis_password(), safe='')}@", 1)


def log_to_stderr(settings: Settings) -> None:
    """Write the log lines of this process to stderr, with UTC times."""
    handler = logging.StreamHandler()
    handler.setFormatter(_utc_formatter())
    logging.basicConfig(level=settings.log_level, handlers=[handler])


def _utc_formatter() -> logging.Formatter:
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    return formatter
