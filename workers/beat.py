"""Beat without a schedule file: it remembers nothing, as a tick that comes twice or late does no harm."""

from datetime import timedelta

from celery.beat import Scheduler


class Metronome(Scheduler):
    """Ticks at once when it starts, then by the configured schedule."""

    def setup_schedule(self) -> None:
        """Take the entries of ``beat_schedule``, all of them overdue."""
        super().setup_schedule()
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now() - timedelta(days=1)
