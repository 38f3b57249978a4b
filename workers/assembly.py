"""Puts the parts together: who needs what is said here and nowhere else."""

import os
import secrets
import socket
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.settings import Settings
from remora.blobs import Blobs
from remora.desk import Desk
from remora.kit import Kit, Limits
from remora.lease import Lease
from remora.logs.segments import Segments
from remora.records.records import Records, Terms
from remora.roster import Roster
from remora.speaker import Speaker
from remora.ssh.dialer import SshDialer
from remora.ssh.keys import Keyring
from remora.ssh.pool import Pool
from remora.watcher import Watcher
from tasks.application import Application
from tasks.bell import CeleryBell
from tasks.post import CeleryPost
from workers.app import make_app


class NoRedis(Exception):
    """There is no Redis to work with; the message says what to do."""


def redis_url(settings: Settings) -> str:
    """Give the URL of the records.

    Raises:
        NoRedis: none is configured, and this is not a child of ``remora up``.
    """
    if settings.redis_url is None:
        raise NoRedis("no Redis is configured: set REMORA_REDIS_URL, or start everything with `remora up`")
    return settings.redis_url


def open_records(settings: Settings) -> Records:
    """Connect to the records; nothing is sent yet."""
    redis = Redis.from_url(
        redis_url(settings),
        decode_responses=True,
        socket_timeout=10,
        socket_connect_timeout=5,
        health_check_interval=10,
        retry=Retry(NoBackoff(), 1),
        client_name="remora",
    )
    return Records(redis, Terms(settings.retention, settings.probe, settings.lease))


def build_app(settings: Settings) -> Application:
    """Build the Celery app over the configured Redis."""
    return make_app(settings, redis_url(settings))


def build_desk(settings: Settings, app: Application, records: Records, *, place: str) -> Desk:
    """Build the counter that callers are served at.

    Args:
        place: which process it stands in, for the senders' names of events.
    """
    blobs = Blobs(settings.state.blobs, settings.state.seal_key())
    return Desk(
        records,
        blobs,
        Segments(blobs),
        roster=Roster(settings.home / "hosts.json"),
        bell=CeleryBell(app, records),
        post=CeleryPost(app, place),
    )


def desk(settings: Settings) -> Desk:
    """Build the gateway's counter with everything under it; the configured hosts are recorded when it returns."""
    counter = build_desk(settings, build_app(settings), open_records(settings), place="gateway")
    counter.recall_hosts()
    for host in settings.hosts.values():
        counter.change_host(host)
    return counter


def build_worker(settings: Settings) -> tuple[Application, str]:
    """Build the app of a worker process with its parts, and give the process's name; its speaker is not started yet."""
    app, records, process = build_app(settings), open_records(settings), process_name()
    app.desk = build_desk(settings, app, records, place="worker")
    app.speaker = build_speaker(settings, app, records, process)
    return app, process


def process_name() -> str:
    """Make a name for this worker process that no other ever had."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def build_speaker(settings: Settings, app: Application, records: Records, process: str) -> Speaker:
    """Build what a worker process speaks to hosts with."""
    blobs = Blobs(settings.state.blobs, settings.state.seal_key())
    known_hosts = [file.expanduser() for file in settings.known_hosts]
    agent = os.environ.get("SSH_AUTH_SOCK")
    keyring = Keyring(settings.keys, agent=Path(agent) if agent else None)
    dialer = SshDialer(known_hosts, keyring, find_host=lambda name: records.host(name).host)
    speaker: Speaker

    def tidy() -> None:
        speaker.tidy()

    speaker = Speaker(
        Kit(
            records=records,
            blobs=blobs,
            segments=Segments(blobs),
            pool=Pool(dialer),
            lease=Lease(records, process, settings.lease, beside=tidy),
            watcher=Watcher(),
            bell=CeleryBell(app, records),
            post=CeleryPost(app, "worker"),
            limits=Limits(settings.exchange, settings.step, settings.probe, settings.idle, settings.output_cap),
            installation=settings.installation_id,
        )
    )
    return speaker
