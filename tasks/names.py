"""Names on the wire: tasks and queues."""

from kombu import Exchange, Queue

RUN = "remora.run"
RECONCILE = "remora.reconcile"
RUN_QUEUE = "celery"
"""Where plain Celery senders put ``remora.run``: Celery's default queue."""
STEP_QUEUE = "remora"
"""Steps of hosts that nobody speaks for."""
OWN_QUEUE_LASTS = 60.0
"""Seconds that a message waits for a process that does not fetch it."""


def step_task(step: str) -> str:
    """Name the task of a step."""
    return f"remora.{step}"


def own_queue(process: str) -> Queue:
    """Give the queue that only this worker process reads; a speaker's hosts are rung there.

    Its messages are of no use to anybody else, so they end with the process: they are not kept until acknowledged, and
    what is never fetched expires. The nameless exchange needs no binding, so nothing of the queue is left behind.
    """
    name = f"{STEP_QUEUE}.{process}"
    return Queue(name, Exchange(""), routing_key=name, no_ack=True, expires=OWN_QUEUE_LASTS)
