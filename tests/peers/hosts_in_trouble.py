"""Probes of hosts that cut, refuse or keep silent while a job is under way."""

from tests.peers.contender import Contender, Ending, Order
from tests.peers.ground import Ground, Witness
from tests.peers.probe import Verdict, judged
from tests.support.waiting import eventually

TEN_LINES = "".join(f"line {number}\n" for number in range(10)).encode()


def session_cut(ground: Ground, contender: Contender) -> Verdict:
    """Kill the contender's SSH sessions in the middle of a job."""
    witness = ground.witness
    job = contender.order(Order(ground.account(contender), counting(witness, pause=0.4)))
    witness.pid(ground.pace.patience)
    eventually(ground.sshd.kill_sessions, ground.pace.patience)
    return ran_once(contender.wait(job, ground.pace.patience), witness)


def down_meanwhile(ground: Ground, contender: Contender) -> Verdict:
    """Stop the host's sshd, sessions and all, while a job runs on."""
    witness = ground.witness
    pause = ground.pace.outage / 8
    job = contender.order(Order(ground.account(contender), counting(witness, pause=pause)))
    witness.pid(ground.pace.patience)
    with ground.outage():
        early = contender.wait(job, ground.pace.outage)
        running = bool(witness.alive())
    if early.over:
        return judged(early, False, f"after {early.seconds:.0f} s", "job still running" if running else "")
    return ran_once(contender.wait(job, ground.pace.outage + ground.pace.recovery), witness)


def down_at_submit(ground: Ground, contender: Contender) -> Verdict:
    """Ask for a job while the host refuses connections."""
    witness, account = ground.witness, ground.account(contender)
    with ground.outage():
        job = contender.order(Order(account, counting(witness, pause=0)))
        early = contender.wait(job, ground.pace.refusal)
    if early.over:
        return judged(early, False, f"after {early.seconds:.0f} s")
    ending = contender.wait(job, ground.pace.recovery)
    return ran_once(ending, witness, f"{ending.seconds - ground.pace.refusal:.0f} s after it was back")


def silent_host(ground: Ground, contender: Contender) -> Verdict:
    """Cut the path in mid-job; for a few seconds whoever connects is accepted and hears nothing."""
    witness, doorway = ground.witness, ground.doorway()
    job = contender.order(Order(ground.account_behind(doorway, contender), counting(witness, pause=1)))
    witness.pid(ground.pace.patience)
    doorway.fall_silent()
    early = contender.wait(job, ground.pace.silence)
    doorway.speak()
    return ran_once(early if early.over else contender.wait(job, ground.pace.recovery), witness)


def counting(witness: Witness, *, pause: float) -> str:
    """Write a command of one line that signs in and prints ten lines, ``pause`` seconds apart."""
    return f"{witness.signs}; for i in 0 1 2 3 4 5 6 7 8 9; do echo line $i; sleep {pause}; done"


def ran_once(ending: Ending, witness: Witness, *remarks: str) -> Verdict:
    """Judge a job that counted: it succeeded, every line arrived, it was started once."""
    whole, starts = ending.delivers(TEN_LINES), len(witness.pids())
    remarks += (
        "" if whole or not ending.over else "output not whole",
        "" if starts == 1 else f"started {starts} times",
    )
    return judged(ending, ending.state == "succeeded" and whole and starts == 1, *remarks)
