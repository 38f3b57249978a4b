"""What the engine needs of the floors above it; ``tasks`` implements it with Celery."""

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID


class Bell(Protocol):
    """Sends messages that say: look. They may be lost or doubled; the due-index makes up for both."""

    def ring(self, step: str, subject: str) -> None:
        """Ask for a step at a host, or, with ``step`` "run", wake the parked ``remora.run`` of a job.

        Never raises for a broker that is away: the reconciler rings again.
        """


class Post(Protocol):
    """Tells watchers, such as Flower, what became of a job. Best effort."""

    def tell(self, id: UUID, state: str, facts: Mapping[str, object]) -> None:
        """Tell one change: the state's text, and host, name, attempt, progress, exit_code as far as known."""
