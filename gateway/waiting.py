"""Waiting for changes: one Redis subscription for all who wait in this process.

Whoever waits subscribes, reads, then waits. A message is only a bell: who hears it reads the record again, and when
the subscription was away for a moment, everybody is rung.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import redis
import redis.asyncio
from redis.asyncio.client import PubSub

from remora.errors import RecordsUnavailable
from remora.records.records import CHANGES

logger = logging.getLogger(__name__)

QUIET = 5.0
"""Seconds without a message after which the subscription is asked whether it lives; as long again and it is dead."""
PAUSE = 0.2
"""Seconds between two tries to subscribe."""
PATIENCE = 2.0
"""Seconds that a new waiter waits for the subscription."""


class Bell:
    """Rings when what somebody waits for may have changed; a ring that nobody heard yet is kept."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter, now or at its next wait."""
        self._rung.set()

    async def wait(self, patience: float) -> bool:
        """Wait for a ring and tell whether there was one within ``patience`` seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), patience)
        rung = self._rung.is_set()
        self._rung.clear()
        return rung


class Changes:
    """The bells of all who wait in this process, and the subscription that rings them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._bells: defaultdict[str, set[Bell]] = defaultdict(set)
        self._subscribed = asyncio.Event()

    def of_job(self, job_id: UUID) -> AbstractAsyncContextManager[Bell]:
        """Give a bell that rings at each change of a job; a change after this point is never missed."""
        return self._listen(str(job_id))

    def of_host(self, name: str) -> AbstractAsyncContextManager[Bell]:
        """Give a bell that rings at each change of a host's record."""
        return self._listen(_host_topic(name))

    @asynccontextmanager
    async def _listen(self, topic: str) -> AsyncIterator[Bell]:
        await self._ready()
        bell = Bell()
        self._bells[topic].add(bell)
        try:
            yield bell
        finally:
            self._bells[topic].discard(bell)
            if not self._bells[topic]:
                del self._bells[topic]

    async def _ready(self) -> None:
        try:
            await asyncio.wait_for(self._subscribed.wait(), PATIENCE)
        except TimeoutError:
            raise RecordsUnavailable("Redis does not answer; what is waited for would not be seen") from None

    async def run(self) -> None:
        """Keep the subscription until cancelled."""
        while True:
            try:
                await self._serve()
            except (redis.RedisError, OSError) as error:
                logger.warning("The subscription to changes broke: %s", error, extra={"action": "subscribe"})
            self._subscribed.clear()
            await asyncio.sleep(PAUSE)

    async def _serve(self) -> None:
        client = redis.asyncio.Redis.from_url(self._url, socket_connect_timeout=QUIET)
        async with client, client.pubsub() as subscription:
            await subscription.subscribe(CHANGES)
            await self._read(subscription)

    async def _read(self, subscription: PubSub) -> None:
        asked = False
        while True:
            message = await subscription.get_message(timeout=QUIET)
            if message is not None:
                asked = False
                self._take(message)
            elif asked:
                raise redis.ConnectionError("Redis does not answer the subscription")
            else:
                asked = True
                await subscription.ping()

    def _take(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "subscribe":
            # Also after a reconnection that the driver made by itself: what was published meanwhile is lost.
            self._subscribed.set()
            for bells in self._bells.values():
                _ring(bells)
        elif message["type"] == "message":
            _ring(self._bells.get(_topic(message["data"]), ()))


def _ring(bells: Iterable[Bell]) -> None:
    for bell in bells:
        bell.ring()


def _topic(data: bytes) -> str:
    change = json.loads(data)
    return str(change["id"]) if "id" in change else _host_topic(change["host"])


def _host_topic(name: str) -> str:
    return f"host {name}"
