"""The Celery app as our tasks know it: with the parts that its process was given."""

from celery import Celery

from remora.desk import Desk
from remora.speaker import Speaker


class Application(Celery):
    """A Celery app of a worker process."""

    desk: Desk
    """The counter for ``remora.run``."""
    speaker: Speaker
    """What speaks to hosts."""
