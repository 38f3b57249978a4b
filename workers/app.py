"""The Celery app: our tasks over the configured broker."""

from kombu import Queue

from config.settings import Settings
from tasks.application import Application
from tasks.names import RECONCILE, RUN_QUEUE, STEP_QUEUE


def make_app(settings: Settings, redis_url: str) -> Application:
    """Build the app. Times in ``conf`` are seconds; why each value: docs/design.md section 2."""
    broker = settings.broker_url or redis_url
    app = Application(
        "remora", broker=broker, backend=redis_url, include=["tasks.steps", "tasks.run"], set_as_current=True
    )
    transport = {
        "visibility_timeout": settings.visibility,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "max_connections": 200,
        "client_name": "remora",
    }
    app.conf.update(
        accept_content=["json"],
        result_accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        event_serializer="json",
        task_default_queue=RUN_QUEUE,
        task_queues=[Queue(RUN_QUEUE), Queue(STEP_QUEUE)],
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_track_started=True,
        worker_prefetch_multiplier=1,
        worker_send_task_events=True,
        worker_hijack_root_logger=False,
        # Slept in full when a step is at hand, as `remora down` has 10 seconds; an idle worker ends at once.
        worker_soft_shutdown_timeout=4,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_transport_options=transport,
        result_backend_transport_options={"visibility_timeout": settings.visibility},
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        result_expires=settings.retention,
        beat_max_loop_interval=settings.tick,
        beat_schedule={
            "reconcile": {"task": RECONCILE, "schedule": settings.tick, "options": {"queue": STEP_QUEUE}},
        },
        enable_utc=True,
    )
    return app
