"""Names on the wire: tasks and queues."""

RUN = "remora.run"
RECONCILE = "remora.reconcile"
RUN_QUEUE = "celery"
"""Where plain Celery senders put ``remora.run``: Celery's default queue."""
STEP_QUEUE = "remora"
"""Steps of hosts that nobody speaks for."""


def step_task(step: str) -> str:
    """Name the task of a step."""
    return f"remora.{step}"


def own_queue(process: str) -> str:
    """Name the queue that only this worker process reads; a speaker's hosts are rung there."""
    return f"{STEP_QUEUE}.{process}"
