"""``remora worker``: a process that speaks with hosts."""

import os
import socket
import sys

import click

from workers.process import settings_with_redis
from workers.up.notify import tell


@click.command()
@click.option("--threads", type=click.IntRange(2, 256), help="Steps carried out at once  [default: the setting]")
def worker(*, threads: int | None) -> None:
    """Run a worker: it starts jobs on hosts, watches them and fetches their output.

    Run as many as you like; each host is spoken with by one of them. TERM lets the steps at hand finish for a moment
    and gives the rest back; jobs on hosts go on in any case.
    """
    settings = settings_with_redis()
    # Celery reads this when it is imported: TERM gives messages back as QUIT does, after the soft shutdown's time.
    os.environ["REMAP_SIGTERM"] = "SIGQUIT"
    from celery.signals import worker_ready

    from tasks.names import RUN_QUEUE, STEP_QUEUE, own_queue
    from workers.assembly import build_worker

    app, process = build_worker(settings)
    own = own_queue(process)
    app.amqp.queues[own.name] = own  # add() would bind it to the exchange of another queue
    worker_ready.connect(lambda **_: tell(os.environ), weak=False)
    node = app.Worker(
        hostname=f"remora-{os.getpid()}@{socket.gethostname()}",
        pool_cls="threads",
        concurrency=threads or settings.threads,
        queues=[STEP_QUEUE, RUN_QUEUE, own.name],
        loglevel=settings.log_level,
        without_gossip=True,
        without_mingle=True,
    )
    app.speaker.start()
    try:
        node.start()
    finally:
        app.speaker.end()
    sys.exit(node.exitcode)
