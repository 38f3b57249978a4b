"""The parts of a chaos run: each proves a promise, with its figure."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from tests.chaos.arena import HOST, Arena
from tests.chaos.trials import Trial, make_trials
from tests.support import processes

LEASE = 2.0
"""Seconds; as in the arena's settings."""


@dataclass(frozen=True)
class Seen:
    """What a part found."""

    figure: str
    """What was done, with its counts."""
    seen: str
    """What came of it."""
    passed: bool


@dataclass(frozen=True)
class Part:
    """One promise."""

    name: str
    promise: str
    run: Callable[[Arena], Seen]


def _verdict(arena: Arena, figure: str, *, settled: float, within: float) -> Seen:
    violations = arena.violations()
    for violation in violations[:10]:
        print(f"    {violation.fault.value}: {violation.job}: {violation.words}")
    counts = Counter(violation.fault.value for violation in violations)
    words = (
        ", ".join(f"{count} {fault}" for fault, count in counts.items()) or "0 lost, 0 twice, all codes and bytes right"
    )
    passed = not violations and settled <= within
    return Seen(figure, f"{words}; all final {settled:.1f} s after the last fault", passed)


def workers_killed(arena: Arena) -> Seen:
    """P1: one of four workers is killed every two seconds."""
    trials = make_trials(arena.scaled(500), seed=arena.random.randrange(1 << 30), journal=arena.journal)

    def kill_one(arena: Arena) -> None:
        if living := arena.workers():
            processes.kill([arena.random.choice(living)])

    with arena.every(2.0, kill_one) as moments:
        _submit_over(arena, trials, seconds=300 if arena.full else 30)
    settled = arena.settle(within=60)
    figure = f"{len(trials)} jobs, {len(moments)} kills of a worker"
    return _verdict(arena, figure, settled=settled, within=60)


def redis_killed(arena: Arena) -> Seen:
    """P4: Redis is killed under submit load; what it has answered is on disk."""
    trials = make_trials(arena.scaled(300), seed=arena.random.randrange(1 << 30), journal=arena.journal, longest=6)

    def kill_redis(arena: Arena) -> None:
        processes.kill(processes.those(lambda one: _is_redis(one, arena)))

    with arena.every(10.0, kill_redis) as moments:
        _submit_over(arena, trials, seconds=300 if arena.full else 35)
    settled = arena.settle(within=90)
    return _verdict(arena, f"{len(trials)} jobs, {len(moments)} kills of Redis", settled=settled, within=90)


def sshd_killed(arena: Arena) -> Seen:
    """P9: sshd and all its sessions are killed again and again; jobs do not notice."""
    trials = make_trials(arena.scaled(200), seed=arena.random.randrange(1 << 30), journal=arena.journal)

    def kill_sshd(arena: Arena) -> None:
        arena.sshd.kill_sessions()
        arena.sshd.restart()

    with arena.every(5.0, kill_sshd) as moments:
        _submit_over(arena, trials, seconds=180 if arena.full else 25)
    settled = arena.settle(within=90)
    return _verdict(arena, f"{len(trials)} jobs, {len(moments)} kills of sshd", settled=settled, within=90)


def workers_paused(arena: Arena) -> Seen:
    """P13: a worker sleeps for three leases and wakes up as if nothing had happened."""
    trials = make_trials(arena.scaled(200), seed=arena.random.randrange(1 << 30), journal=arena.journal, longest=8)
    pauses = 0

    def pause_one(arena: Arena) -> None:
        nonlocal pauses
        if living := arena.workers():
            one = arena.random.choice(living)
            try:
                one.suspend()
                time.sleep(3 * LEASE)
                one.resume()
                pauses += 1
            except psutil.NoSuchProcess:
                return

    with arena.every(0.5, pause_one):
        _submit_over(arena, trials, seconds=300 if arena.full else 40)
    settled = arena.settle(within=60)
    return _verdict(arena, f"{len(trials)} jobs, {pauses} pauses of three leases", settled=settled, within=60)


def cancels(arena: Arena) -> Seen:
    """P16: cancels at random moments, of jobs with a child in a session of its own."""
    trials = make_trials(arena.scaled(300), seed=arena.random.randrange(1 << 30), journal=arena.journal)
    with arena.system.client() as client:
        for trial in trials:
            id = arena.submit(client, trial)
            arena.cancelled.add(id)
            threading.Timer(arena.random.uniform(0, 3), lambda id=id: client.cancel(id)).start()
            time.sleep(0.1)
        settled = arena.settle(within=60)
        again = [client.cancel(id)["state"] == client.job(id)["state"] for id in arena.accepted]
    left = processes.those(lambda one: one.environ().get("REMORA_JOB_ID") in arena.accepted)
    seen = _verdict(arena, f"{len(trials)} cancels", settled=settled, within=60)
    words = f"{seen.seen}; {len(left)} processes left; asking again changed {again.count(False)}"
    return Seen(seen.figure, words, seen.passed and not left and all(again))


def same_key(arena: Arena) -> Seen:
    """P18: fifty requests under one key at once, round after round, make one job each."""
    rounds, wrong = arena.scaled(100), 0
    for round_ in range(rounds):
        ids: list[str] = []

        def ask(round_: int = round_, ids: list[str] = ids) -> None:
            with arena.system.client() as client:
                ids.append(client.submit({"host": HOST, "command": "true"}, key=f"round-{round_}")["id"])

        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wrong += len(ids) != 50 or len(set(ids)) != 1
    with arena.system.client() as client:
        listed = len(client.jobs(name="true", limit=200)["jobs"])
    passed = wrong == 0 and listed == min(rounds, 200)
    return Seen(f"{rounds} rounds of 50 requests", f"{listed} jobs listed, {wrong} rounds with another count", passed)


def _submit_over(arena: Arena, trials: list[Trial], *, seconds: float) -> None:
    """Submit evenly, and stay for the whole time."""
    begun = time.monotonic()
    with arena.system.client() as client:
        for number, trial in enumerate(trials):
            due = begun + seconds * 0.7 * number / len(trials)
            time.sleep(max(0.0, due - time.monotonic()))
            arena.submit(client, trial)
    time.sleep(max(0.0, begun + seconds - time.monotonic()))


def _is_redis(process: psutil.Process, arena: Arena) -> bool:
    named = process.name().startswith(("redis-server", "valkey-server"))
    return named and process.environ().get("REMORA_HOME") == str(arena.system.home)


PARTS = (
    Part("P1", "a killed worker loses nothing", workers_killed),
    Part("P4", "a killed Redis loses nothing it has answered", redis_killed),
    Part("P9", "a killed sshd harms no job", sshd_killed),
    Part("P13", "a worker that slept is fenced", workers_paused),
    Part("P16", "a cancel leaves nothing behind", cancels),
    Part("P18", "one key makes one job", same_key),
)
