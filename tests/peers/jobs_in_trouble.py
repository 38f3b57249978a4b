"""Probes of jobs that lose their processes or their directory."""

import os
import shutil
import signal
from pathlib import Path

from tests.peers.contender import Contender, Order
from tests.peers.ground import Ground
from tests.peers.probe import Verdict, judged

KILLED = 128 + signal.SIGKILL
"""The shell's exit code for a child that was killed."""


def group_killed(ground: Ground, contender: Contender) -> Verdict:
    """Kill the whole process group of a job, as an administrator or the OOM killer does."""
    witness = ground.witness
    job = contender.order(Order(ground.account(contender), f"{witness.signs}; sleep 300"))
    os.killpg(os.getpgid(witness.pid(ground.pace.patience)), signal.SIGKILL)
    ending = contender.wait(job, ground.pace.patience)
    named = ending.code == KILLED or "signal" in ending.reason or "killed" in ending.reason
    return judged(ending, ending.state in ("failed", "lost") and named)


def directory_removed(ground: Ground, contender: Contender) -> Verdict:
    """Remove the job's directory while it runs, as a cleaner of temporary files does."""
    witness, told = ground.witness, ground.scratch / "log-file"
    command = f'{witness.signs}; echo "$LOG_FILE" >{told}; sleep 3'
    job = contender.order(Order(ground.account(contender), command))
    log_file = ground.line(told)
    shutil.rmtree(Path(log_file).parent)
    ending = contender.wait(job, ground.pace.patience)
    return judged(ending, ending.state == "lost")
