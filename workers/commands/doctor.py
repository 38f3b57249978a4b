"""``remora doctor``: is everything as it should be?"""

import json
import os
import sys
from typing import Any

import click

from config.home import Home
from config.settings import Settings
from workers.process import embedded_url, read_settings
from workers.up.run_file import Running, read_running

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Tell the findings as JSON.")
def doctor(*, as_json: bool) -> None:
    """Look at disk, Redis, clocks, workers, beat, gateway and hosts, and say what to do about what is wrong.

    Exits with 1 when something keeps jobs from running or could lose them. It changes nothing.
    """
    settings = read_settings()
    home = Home(settings.home)
    running = read_running(home)
    url = settings.redis_url or embedded_url(home)
    found = _examined(settings, running, url) if url else [_asleep(home)]
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _tell(found)
    sys.exit(1 if any(finding["level"] == "fail" for finding in found) else 0)


def _examined(settings: Settings, running: Running | None, url: str) -> list[dict[str, Any]]:
    os.environ["REMORA_REDIS_URL"] = url
    settings = settings.model_copy(update={"redis_url": url})
    import redis

    from workers import assembly
    from workers.checks.doctor import Sources, examine
    from workers.checks.redis_check import look

    def redis_time() -> float:
        with redis.Redis.from_url(url, socket_timeout=5.0) as client:
            seconds, micros = client.time()
            return float(seconds) + float(micros) / 1e6

    sources = Sources(settings, running, lambda: assembly.desk(settings), lambda: look(url), redis_time)
    return [
        {"what": one.what, "level": one.level.value, "seen": one.seen, "advice": one.advice} for one in examine(sources)
    ]


def _asleep(home: Home) -> dict[str, Any]:
    return {
        "what": "system",
        "level": "fail",
        "seen": f"nothing runs in {home.path}, and REMORA_REDIS_URL is not set",
        "advice": "start it with `remora up --detach`",
    }


def _tell(found: list[dict[str, Any]]) -> None:
    width = max(len(finding["what"]) for finding in found)
    for finding in found:
        level = click.style(f"{finding['level']:4}", fg=_COLOURS[finding["level"]])
        click.echo(f"{level}  {finding['what']:{width}}  {finding['seen']}")
        if finding["advice"]:
            click.echo(f"{'':4}  {'':{width}}  → {finding['advice']}")
