"""A worker process as the speaker of its hosts."""

import threading

from remora.conversation import Conversation
from remora.kit import Kit

STEPS = ("submit", "poll", "cancel", "collect", "examine")


class Speaker:
    """Does the steps that the bells ask for, one conversation a host."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self._lock = threading.Lock()
        self._conversations: dict[str, Conversation] = {}

    def start(self) -> None:
        """Take the lease and begin to watch."""
        self.kit.watcher.start()
        self.kit.lease.start()

    def end(self) -> None:
        """Give up the lease and close all connections; jobs go on, other processes take over."""
        self.kit.lease.end()
        self.kit.watcher.end()
        for conversation in self._all():
            conversation.close()
        self.kit.pool.close()

    def step(self, step: str, host: str) -> None:
        """Do a step at a host now, or leave it to the thread that is at it."""
        self.kit.records.answer_bell(f"{step}:{host}")
        conversation = self._conversation(host)
        if step == "collect":
            conversation.collect()
        elif step == "examine":
            conversation.examine()
        else:
            conversation.talk()

    def has_live_jobs(self, host: str) -> bool:
        """Tell whether jobs are starting or running there, as recorded."""
        return self.kit.records.live(host) > 0

    def tidy(self) -> None:
        """Close connections that nothing uses, and have those hosts asked whose bell was lost."""
        for conversation in self._all():
            conversation.tidy()

    def _conversation(self, host: str) -> Conversation:
        with self._lock:
            return self._conversations.setdefault(host, Conversation(host, self.kit))

    def _all(self) -> list[Conversation]:
        with self._lock:
            return list(self._conversations.values())
