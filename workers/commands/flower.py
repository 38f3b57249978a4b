"""``remora flower``: jobs and workers in the browser."""

import signal
import sys
from pathlib import Path
from types import FrameType

import click

from workers.commands.gateway import is_loopback
from workers.process import settings_with_redis
from workers.up.ports import choose_ports

FACE = Path(__file__).parents[2] / "deploy" / "flower" / "flowerconfig.py"
"""Executed by Flower itself."""

_LISTENS_BY = 5.0
"""Seconds after which Flower surely hears events."""


@click.command()
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--behind-proxy", is_flag=True, help="Somebody else does TLS: plain HTTP may leave this machine.")
def flower(*, address: str, behind_proxy: bool) -> None:
    """Run Flower: one row a job, live; its Revoke button cancels the job.

    The user is `operator`; the password lies in REMORA_HOME/flower.password.
    """
    if not (behind_proxy or is_loopback(address)):
        raise click.ClickException(
            f"--address {address} would send the password in the clear; give --behind-proxy where a proxy does TLS"
        )
    settings = settings_with_redis()
    port = settings.flower_port or choose_ports(settings.state, {"flower": 0})["flower"]
    from flower.app import Flower
    from flower.command import apply_options, extract_settings, setup_logging
    from flower.options import options
    from flower.urls import settings as pages

    from workers.app import make_app
    from workers.assembly import desk
    from workers.flower.access import NoPassword
    from workers.flower.past import recall

    try:
        apply_options("remora", [f"--conf={FACE}", f"--address={address}", f"--port={port}", "--logging=warning"])
    except NoPassword as error:
        raise click.ClickException(str(error)) from error
    extract_settings()
    setup_logging()
    pages["xheaders"] = behind_proxy
    signal.signal(signal.SIGTERM, _end)
    server = Flower(capp=make_app(settings, settings.redis_url or ""), options=options, **pages)
    counter = desk(settings)
    recall(counter, server.events.state)
    # Once more when it listens: what ended in between has told nobody.
    server.io_loop.call_later(_LISTENS_BY, recall, counter, server.events.state)
    server.start_http_server()
    try:
        server.start()
    finally:
        server.stop()


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
