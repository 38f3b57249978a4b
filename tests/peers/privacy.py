"""Probes of what other users of a host can see."""

import os
import time
from pathlib import Path

from tests.peers.contender import Contender, Order
from tests.peers.ground import Ground
from tests.peers.probe import Verdict, judged

SECRET = "hunter-4d1f2c"
"""Asked for by no other probe, so that it can be searched for."""


def environment_out_of_sight(ground: Ground, contender: Contender) -> Verdict:
    """Hand a job a secret by its environment and look for it in all argument lists and in the contender's log."""
    witness = ground.witness
    command = f'{witness.signs}; sleep 2; printf %s "${{TOKEN#hunter-}}"'
    job = contender.order(Order(ground.account(contender), command, environment={"TOKEN": SECRET}))
    witness.pid(ground.pace.patience)
    shown = seen_in_argument_lists(SECRET, seconds=1.0)
    ending = contender.wait(job, ground.pace.patience)
    logged = SECRET in contender.words(job)
    given = ending.delivers(SECRET.removeprefix("hunter-").encode())
    remarks = ("" if given else "not given", "shown by ps" if shown else "", "in the log" if logged else "")
    return judged(ending, ending.state == "succeeded" and given and not shown and not logged, *remarks)


def second_user(ground: Ground, contender: Contender) -> Verdict:
    """Run jobs of two users on one host, all defaults; the second tries to read the first one's output."""
    first, second = ground.new_user(contender), ground.new_user(contender)
    told = ground.scratch / "log-file"
    ending = contender.wait(contender.order(Order(first, f'echo "$LOG_FILE" | tee {told}')), ground.pace.patience)
    if ending.state != "succeeded":
        return judged(ending, False, "already the first user")
    log_file = ground.line(told)
    spy = f"if cat {log_file}; then exit 9; else echo refused; fi"
    ending = contender.wait(contender.order(Order(second, spy)), ground.pace.patience)
    return judged(ending, ending.state == "succeeded" and ending.delivers(b"refused\n"))


def seen_in_argument_lists(text: str, *, seconds: float) -> bool:
    """Look through the argument lists of all processes for a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if any(text.encode() in arguments(process) for process in Path("/proc").glob("[0-9]*")):
            return True
        time.sleep(0.05)
    return False


def arguments(process: Path) -> bytes:
    """Give a process's argument list; empty when it has just ended."""
    try:
        return (process / "cmdline").read_bytes() if process.name != str(os.getpid()) else b""
    except OSError:
        return b""
